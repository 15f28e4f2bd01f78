//! Queries far from everything: what is read is counted, and distances are the exact ones.

use engine::{Effort, Stop};
use index::EngineChoice;
use index_svc::{
    Searcher,
    query::{Options, Query},
    search::Answer,
};

use super::music::{Music, tracks};

const ROWS: usize = 24_000;

/// A raw vector `far` deviations away from a row in every `step`th feature.
fn away(index: &Searcher, row: u32, far: f64, step: usize) -> Vec<f64> {
    let mut raw = index.raw(row).expect("in range");
    let near = index.scaler().transform(&raw);
    for feature in (0..raw.len()).step_by(step) {
        let mut moved = raw.clone();
        moved[feature] += 1.0;
        let slope = index.scaler().transform(&moved)[feature] - near[feature];
        raw[feature] += far / slope;
    }
    raw
}

fn query(index: &Searcher, raw: &[f64], exact: bool) -> Query {
    let options = Options::new(10, exact, 0, false).expect("in range");
    Query::by_vector(index, raw.to_vec(), options).expect("finite")
}

fn ask(index: &Searcher, raw: &[f64], exact: bool) -> Answer {
    index.search_until(&query(index, raw, exact), Stop::never()).expect("readable")
}

fn distance(index: &Searcher, raw: &[f64], row: u32) -> f64 {
    let from = index.scaler().transform(raw);
    let to = index.scaler().transform(&index.raw(row).expect("in range"));
    from.iter().zip(to).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[test]
fn a_query_far_from_everything_is_answered_exactly() {
    let music = Music::built(tracks(ROWS));
    let (_copy, index) = music.open(EngineChoice::Auto);
    index.warm();
    let near = ask(&index, &away(&index, 5, 0.02, 1), false);
    assert!(matches!(near.plan.effort, Effort::Margin(_)), "{:?}", near.plan);
    assert_eq!(near.plan.promised_recall, Some(0.99));
    for far in [1e2, 1e3, 2e4, 5e5, 9.9e5] {
        for (row, step) in [(5, 74), (70, 9), (700, 1)] {
            let raw = away(&index, row, far, step);
            let answer = ask(&index, &raw, false);
            assert!(answer.plan.is_exact(), "{far}, {step}: {:?}", answer.plan);
            assert_eq!(answer.plan.promised_recall, Some(1.0));
            assert_eq!(answer.neighbors, ask(&index, &raw, true).neighbors, "{far}, {step}");
            // The walk that met nothing near, a look at each row, and what is read whole.
            assert!(answer.work <= 3 * ROWS as u64, "{far}, {step}: {}", answer.work);
            let here = index.search_here(&query(&index, &raw, false)).expect("readable");
            assert!(here.is_none(), "{far}, {step}: on the thread that asks");
        }
    }
}

#[test]
fn a_far_query_whose_exact_answer_is_too_much_work_promises_nothing() {
    let music = Music::built(tracks(ROWS));
    let (_copy, index) = music.open(EngineChoice::Auto);
    for far in [1e3, 2e4, 5e5, 9.9e5] {
        for (row, step) in [(5, 74), (70, 9), (700, 1)] {
            let raw = away(&index, row, far, step);
            let asked = query(&index, &raw, false);
            let answer = index.search_within(&asked, ROWS as u64, Stop::never());
            let answer = answer.expect("within its work");
            assert!(matches!(answer.plan.effort, Effort::Margin(_)), "{:?}", answer.plan);
            assert_eq!(answer.plan.promised_recall, None, "{far}, {step}");
            assert_eq!(answer.neighbors.len(), 10);
            // One look of the engine, and a row or two more than are listed are read whole.
            let read = (answer.work - answer.candidate_count as u64) / 513;
            assert!(read <= 16, "{far}, {step}: {read} rows are read");
            assert!(answer.candidate_count <= ROWS / 8, "{far}, {step}: {answer:?}");
            let distances = answer.neighbors.iter().map(|near| near.distance);
            assert!(distances.is_sorted(), "{far}, {step}");
            for near in &answer.neighbors {
                let exact = distance(&index, &raw, near.row);
                assert!((near.distance - exact).abs() <= 1e-12 * exact, "{near:?} {exact}");
            }
        }
    }
}

#[test]
fn an_exact_answer_far_from_everything_is_the_true_one() {
    let music = Music::built(tracks(ROWS));
    let (_copy, index) = music.open(EngineChoice::Auto);
    for far in [1e2, 5e5, 9.9e5] {
        for (row, step) in [(5, 74), (70, 9), (700, 1)] {
            let raw = away(&index, row, far, step);
            let answer = ask(&index, &raw, true);
            let mut all: Vec<(f64, u32)> =
                (0..ROWS as u32).map(|row| (distance(&index, &raw, row), row)).collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let nearest = answer.neighbors.iter().map(|near| near.distance);
            // Copies of a track are left out, so the list may reach farther than the tenth row.
            for (found, (distance, _)) in nearest.zip(&all) {
                assert!(found >= *distance - 1e-12 * distance, "{far}, {step}");
            }
            let last = answer.neighbors.last().expect("ten").distance;
            let listed: Vec<u32> = answer.neighbors.iter().map(|near| near.row).collect();
            for (distance, row) in all.iter().take_while(|(distance, _)| *distance < last) {
                let copy = |other: &u32| {
                    index.raw(*other).expect("in range") == index.raw(*row).expect("in range")
                };
                assert!(listed.iter().any(copy), "{far}, {step}: {row} at {distance}");
            }
            // Its own rounding hides nothing, so one look is enough.
            let compared = answer.work - 513 * answer.neighbors.len() as u64;
            assert!(compared <= 2 * ROWS as u64, "{far}, {step}: {compared}");
        }
    }
}
