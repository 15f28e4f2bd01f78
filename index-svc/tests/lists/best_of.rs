//! Lists of the best of several examples by engines that look at some rows only: what is listed is listed in
//! order, whatever was missed.

use index::EngineChoice;
use index_svc::{
    Searcher,
    query::{Options, Query, Seed},
    recommend::Strategy,
};

use super::{
    music::{Music, noise},
    plain::distance,
};

const LISTS: usize = 60;

/// Examples with weights far apart; negative is unwanted.
type Examples = Vec<(usize, f64)>;

fn examples(seed: u64, rows: usize) -> Examples {
    let mut unit = noise(seed);
    let mut draw = |below: usize| (unit.next().unwrap_or_default() * below as f64) as usize;
    let wanted = 2 + draw(5);
    let unwanted = draw(3);
    (0..wanted + unwanted)
        .map(|place| {
            let weight = [0.1, 0.5, 1.0, 3.0, 20.0, 1000.0][draw(6)];
            (draw(rows), if place < wanted { weight } else { -weight })
        })
        .collect()
}

/// The score and the distance of a scaled vector, as the contract has them.
fn score(vectors: &[Vec<f64>], examples: &Examples, x: &[f64]) -> (f64, f64) {
    let of = |sign: f64| {
        let side = examples.iter().filter(move |(_, weight)| weight * sign > 0.0);
        let most = examples.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
        let away = side.map(|(row, weight)| most / weight.abs() * distance(&vectors[*row], x));
        away.fold(f64::INFINITY, f64::min)
    };
    let (near, far) = (of(1.0), of(-1.0));
    let wanted = examples.iter().filter(|(_, weight)| *weight > 0.0);
    let nearest = wanted.map(|(row, _)| distance(&vectors[*row], x)).fold(f64::INFINITY, f64::min);
    (near + (near - far).max(0.0), nearest)
}

fn check(index: &Searcher, vectors: &[Vec<f64>], seed: u64, k: i64, search_k: i64) -> bool {
    let examples = examples(seed, vectors.len());
    let mut options = Options::new(k, false, search_k, false).expect("in range");
    let most = [f64::INFINITY, 10.0, 12.0][seed as usize % 3];
    if most.is_finite() {
        options = options.with_max_distance(most).expect("in range");
    }
    let seeds = examples.iter().map(|(row, weight)| {
        Seed::row(index, *row as i64).and_then(|seed| seed.weighing(*weight)).expect("in range")
    });
    let query = Query::by_examples(seeds.collect(), Strategy::BestOf, options).expect("wanted");
    let answer = index.search(&query).expect("readable");
    let label = format!("list {seed} of {k}, search_k {search_k}, {}", answer.plan.effort);
    let listed: Vec<(f64, u32)> = answer
        .neighbors
        .iter()
        .map(|near| {
            let (score, nearest) = score(vectors, &examples, &vectors[near.row as usize]);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b;
            assert!(close(near.distance, nearest) && nearest <= most, "{label}: {near:?}");
            assert!(close(near.score.unwrap_or(near.distance), score), "{label}: {near:?} {score}");
            (score, near.row)
        })
        .collect();
    let in_order = |a: &(f64, u32), b: &(f64, u32)| a.0 < b.0 + 1e-12 * b.0 && a.1 != b.1;
    for (place, pair) in listed.windows(2).enumerate() {
        assert!(
            in_order(&pair[0], &pair[1]),
            "{label}: {:?} before {:?} at {place}",
            pair[0],
            pair[1]
        );
    }
    !answer.plan.is_exact()
}

#[test]
fn the_best_come_first_whatever_an_engine_missed() {
    let music = Music::shared();
    for choice in [EngineChoice::Blocks, EngineChoice::Forest] {
        let (_copy, index) = music.open(choice);
        let vectors: Vec<Vec<f64>> =
            music.tracks.iter().map(|track| index.scaler().transform(&track.raw)).collect();
        let mut approximate = 0;
        for seed in 0..LISTS as u64 {
            for (k, search_k) in [(10, 20), (100, 300), (300, 700), (1000, 1200)] {
                approximate += usize::from(check(&index, &vectors, seed, k, search_k));
            }
        }
        assert!(approximate > LISTS, "{choice:?}: {approximate} lists are approximate");
    }
}
