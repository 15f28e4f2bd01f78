//! Whole lists by every option and strategy, against the plain reading, on both engines.

use std::sync::atomic::{AtomicUsize, Ordering};

use engine::Stop;
use index::EngineChoice;
use index_svc::{
    Error, Searcher,
    query::{Options, Query, Seed},
    recommend::Strategy,
    search::Answer,
};

use super::{
    music::{Music, Track},
    plain::{self, Wish, distance},
};

fn exact(k: i64) -> Options {
    Options::new(k, true, 0, false).expect("in range")
}

fn rows(answer: &Answer) -> Vec<usize> {
    answer.neighbors.iter().map(|neighbor| neighbor.row as usize).collect()
}

/// Compares a whole answer with the beginning of the plain list.
#[track_caller]
fn check(music: &Music, index: &Searcher, query: &Query, wish: &Wish<'_>, k: usize, label: &str) {
    let answer = index.search(query).expect("readable");
    let (list, left_out) = plain::list(index, &music.tracks, wish);
    let expected: Vec<usize> = list.iter().take(k).map(|ranked| ranked.row).collect();
    assert_eq!(rows(&answer), expected, "{label}");
    for (neighbor, ranked) in answer.neighbors.iter().zip(&list) {
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
        assert!(close(neighbor.distance, ranked.distance), "{label}: {neighbor:?} {ranked:?}");
        let score = neighbor.score.unwrap_or(neighbor.distance);
        assert!(close(score, ranked.score), "{label}: {neighbor:?} {ranked:?}");
    }
    let ends = list.len() <= k;
    assert_eq!(answer.next_page_token.is_empty(), ends, "{label}");
    if ends {
        let got = answer.left_out;
        let far = answer.too_far_count;
        assert_eq!([got.seeds, got.duplicates, got.artists, far], left_out, "{label}");
    }
    assert!(answer.plan.is_exact(), "{label}");
}

fn on_both(test: impl Fn(&Music, &Searcher)) {
    let music = Music::shared();
    for choice in [EngineChoice::Forest, EngineChoice::Blocks] {
        let (_copy, index) = music.open(choice);
        test(music, &index);
    }
}

/// Whether a filter lets a row through.
type Allows<'a> = &'a dyn Fn(usize, &Track) -> bool;
/// Score and distance of a scaled vector.
type Scores<'a> = &'a dyn Fn(&[f64]) -> (f64, f64);

#[test]
fn options_leave_out_what_they_say_and_the_rest_stays_in_order() {
    on_both(|music, index| {
        let scaled = index.scaler().transform(&music.tracks[74].raw);
        let plain_score = |x: &[f64]| (distance(&scaled, x), distance(&scaled, x));
        let jazz = |_: usize, track: &Track| track.genre == "Jazz";
        let old = |row: usize, track: &Track| {
            let year: Option<u32> = track.year.parse().ok();
            year.is_some_and(|year| year < 1980) && (track.genre != "Rock" || row == 5)
        };
        // OR binds tighter than AND.
        let old_text = r#"year < 1980 AND genre_top != "Rock" OR track_id = "t5""#;
        let all = |_: usize, _: &Track| true;
        let filters: [(&str, Allows<'_>); 3] =
            [("", &all), (r#"genre_top = "Jazz""#, &jazz), (old_text, &old)];
        for (text, allowed) in filters {
            for (include_duplicates, max_per_artist, max_distance) in [
                (false, 0, f64::INFINITY),
                (true, 0, f64::INFINITY),
                (false, 2, f64::INFINITY),
                (false, 0, 9.0),
                (true, 3, 10.0),
            ] {
                for k in [1, 25, 1000] {
                    let mut options = exact(k)
                        .with_duplicates(include_duplicates)
                        .with_max_per_artist(max_per_artist)
                        .and_then(|options| options.with_filter(index, text))
                        .expect("valid");
                    if max_distance.is_finite() {
                        options = options.with_max_distance(max_distance).expect("valid");
                    }
                    let label = format!("{text} {include_duplicates} {max_per_artist} {k}");
                    let query = Query::by_row(index, 74, options).expect("in range");
                    let wish = Wish {
                        seeds: vec![scaled.clone()],
                        score: &plain_score,
                        allowed,
                        include_duplicates,
                        max_per_artist: max_per_artist as usize,
                        max_distance,
                    };
                    check(music, index, &query, &wish, k as usize, &label);
                }
            }
        }
    });
}

#[test]
fn examples_are_combined_as_the_contract_says() {
    on_both(|music, index| {
        let scaled = |row: usize| index.scaler().transform(&music.tracks[row].raw);
        let (wanted, unwanted) = ([(3, 2.0), (310, 1.0), (700, 4.0)], [(53, 3.0), (9, 1.5)]);
        let examples = || {
            let wanted = wanted.iter().map(|(row, weight)| (*row, *weight));
            let unwanted = unwanted.iter().map(|(row, weight)| (*row, -weight));
            wanted.chain(unwanted)
        };
        let mean = |of: &[(usize, f64)], feature: usize| {
            let total: f64 = of.iter().map(|(_, weight)| weight).sum();
            of.iter().map(|(row, weight)| weight * scaled(*row)[feature]).sum::<f64>() / total
        };
        let dims = scaled(0).len();
        let (liked, disliked): (Vec<f64>, Vec<f64>) =
            (0..dims).map(|f| (mean(&wanted, f), mean(&unwanted, f))).unzip();
        // 4.5 of 11.5 of the weight is unwanted.
        let centre: Vec<f64> =
            liked.iter().zip(&disliked).map(|(a, b)| a + 4.5 / 11.5 * (a - b)).collect();
        let groups: Vec<f64> = (0..dims)
            .map(|f| {
                if f < 40 {
                    0.5
                } else if f < 64 {
                    3.0
                } else if f < 66 {
                    0.0
                } else {
                    1.0
                }
            })
            .collect();
        let named = [("mfcc", 0.5), ("chroma_cqt", 3.0), ("spectral_centroid", 0.0)];
        let even = vec![1.0; dims];
        let weighted = |a: &[f64], b: &[f64], w: &[f64]| {
            let terms = a.iter().zip(b).zip(w).map(|((a, b), w)| w * (a - b) * (a - b));
            terms.sum::<f64>().sqrt()
        };
        let agreement: Vec<f64> = {
            let effective = 7.0 * 7.0 / (4.0 + 1.0 + 16.0);
            let raw = (0..dims).map(|f| {
                let spread =
                    wanted.iter().map(|(row, w)| w / 7.0 * (scaled(*row)[f] - liked[f]).powi(2));
                (effective + 2.0) / (effective * spread.sum::<f64>() + 2.0)
            });
            let raw: Vec<f64> = raw.collect();
            let mean = raw.iter().sum::<f64>() / dims as f64;
            raw.iter().map(|weight| weight / mean).collect()
        };
        for (weights, by_group) in [(&even, false), (&groups, true)] {
            let best_of = |x: &[f64]| {
                let near = |of: &[(usize, f64)], most: f64, w: &[f64]| {
                    let away = of
                        .iter()
                        .map(|(row, weight)| most / weight * weighted(&scaled(*row), x, w));
                    away.fold(f64::INFINITY, f64::min)
                };
                let (a, b) = (near(&wanted, 4.0, weights), near(&unwanted, 4.0, weights));
                let away = wanted.iter().map(|(row, _)| distance(&scaled(*row), x));
                (a + (a - b).max(0.0), away.fold(f64::INFINITY, f64::min))
            };
            let both: Vec<f64> = weights.iter().zip(&agreement).map(|(a, b)| a * b).collect();
            let centroid = |x: &[f64]| (weighted(&centre, x, weights), distance(&centre, x));
            let shared = |x: &[f64]| (weighted(&centre, x, &both), distance(&centre, x));
            let scores: [(Strategy, Scores<'_>); 3] = [
                (Strategy::Centroid, &centroid),
                (Strategy::BestOf, &best_of),
                (Strategy::SharedTraits, &shared),
            ];
            for (strategy, score) in scores {
                for (k, max_distance) in [(30, f64::INFINITY), (1000, 9.5)] {
                    let mut options = exact(k).with_max_per_artist(40).expect("valid");
                    if by_group {
                        options = options.with_group_weights(index, named).expect("known");
                    }
                    if max_distance.is_finite() {
                        options = options.with_max_distance(max_distance).expect("valid");
                    }
                    let seeds = examples().map(|(row, weight)| {
                        Seed::row(index, row as i64).and_then(|seed| seed.weighing(weight))
                    });
                    let seeds = seeds.collect::<Result<_, _>>().expect("in range");
                    let query = Query::by_examples(seeds, strategy, options).expect("wanted");
                    let wish = Wish {
                        seeds: examples().map(|(row, _)| scaled(row)).collect(),
                        score,
                        allowed: &|_, _| true,
                        include_duplicates: false,
                        max_per_artist: 40,
                        max_distance,
                    };
                    let label = format!("{strategy:?}, weights {by_group}, {k}");
                    check(music, index, &query, &wish, k as usize, &label);
                }
            }
        }
    });
}

#[test]
fn diversity_spreads_and_keeps_the_first() {
    on_both(|_, index| {
        let ask = |diversity| {
            let options = exact(20).with_diversity(diversity).expect("valid");
            index.search(&Query::by_row(index, 74, options).expect("in range")).expect("readable")
        };
        let nearest_pair = |answer: &Answer| {
            let vectors: Vec<Vec<f64>> = answer
                .neighbors
                .iter()
                .map(|hit| index.scaler().transform(&index.raw(hit.row).expect("readable")))
                .collect();
            let apart = |(i, a): (usize, &Vec<f64>)| {
                vectors[..i].iter().map(|b| distance(a, b)).fold(f64::INFINITY, f64::min)
            };
            vectors.iter().enumerate().skip(1).map(apart).fold(f64::INFINITY, f64::min)
        };
        let (none, some, all) = (ask(0.0), ask(0.5), ask(1.0));
        assert_eq!(rows(&none)[0], rows(&some)[0]);
        assert!(nearest_pair(&none) < nearest_pair(&some), "{}", nearest_pair(&some));
        assert!(nearest_pair(&some) <= nearest_pair(&all));
        let total = |answer: &Answer| answer.neighbors.iter().map(|hit| hit.distance).sum::<f64>();
        assert!(total(&none) < total(&some) && total(&some) <= total(&all));
    });
}

/// The second block is behind the first: each of its results is apart from those as well.
#[test]
fn diversity_remembers_all_results_before() {
    const SHARE: f64 = 0.5;
    const BLOCK: usize = 512;
    on_both(|_, index| {
        let ask = |options: Options| {
            index.search(&Query::by_row(index, 74, options).expect("in range")).expect("readable")
        };
        let most = ask(exact(900)).neighbors.last().expect("900").distance;
        let near = |options: Options| options.with_max_distance(most).expect("valid");
        let plain = ask(near(exact(1000)));
        let listed: Vec<(f64, Vec<f64>)> = plain
            .neighbors
            .iter()
            .map(|hit| {
                (hit.distance, index.scaler().transform(&index.raw(hit.row).expect("readable")))
            })
            .collect();
        assert!((BLOCK + 300..1000).contains(&listed.len()), "{}", listed.len());
        let mut order: Vec<usize> = Vec::new();
        let mut apart = vec![f64::INFINITY; listed.len()];
        for block in [0..BLOCK, BLOCK..listed.len()] {
            let mut left: Vec<usize> = block.collect();
            while !left.is_empty() {
                let value = |at: usize| {
                    let apart = if order.is_empty() { 0.0 } else { apart[at] };
                    (1.0 - SHARE) * listed[at].0 - SHARE * apart
                };
                let best = left.iter().copied().min_by(|a, b| value(*a).total_cmp(&value(*b)));
                let best = best.expect("not empty");
                left.retain(|at| *at != best);
                for (apart, (_, vector)) in apart.iter_mut().zip(&listed) {
                    *apart = apart.min(distance(vector, &listed[best].1));
                }
                order.push(best);
            }
        }
        let expected: Vec<usize> =
            order.iter().take(BLOCK + 40).map(|at| rows(&plain)[*at]).collect();
        let options = near(exact(BLOCK as i64 + 40)).with_diversity(SHARE).expect("valid");
        assert_eq!(rows(&ask(options)), expected);
    });
}

/// A search asks now and then, and ends wherever it is.
#[test]
fn nobody_waiting_ends_the_search() {
    let (_copy, index) = Music::shared().open(EngineChoice::Auto);
    let asks = [
        exact(10),
        exact(10).with_filter(&index, "year > 1960").expect("valid"),
        exact(10).with_diversity(0.5).expect("valid"),
        exact(10).with_group_weights(&index, [("zcr", 2.0)]).expect("known"),
    ];
    for options in asks {
        let query = Query::by_row(&index, 3, options).expect("in range");
        let times = || {
            let asked = AtomicUsize::new(0);
            let count = || {
                asked.fetch_add(1, Ordering::Relaxed);
                false
            };
            index.search_until(&query, Stop::when(&count)).expect("not stopped");
            asked.into_inner()
        };
        // The first search may read columns that stay; each after it asks as often as the next.
        assert!(times() > 0, "{query:?}");
        for last in 0..times() {
            let left = AtomicUsize::new(last);
            let gone = || {
                let waits = left.load(Ordering::Relaxed);
                left.store(waits.saturating_sub(1), Ordering::Relaxed);
                waits == 0
            };
            let stopped = index.search_until(&query, Stop::when(&gone));
            assert!(matches!(stopped, Err(Error::Stopped)), "{query:?}, {last}");
        }
    }
}

#[test]
fn explanations_are_of_the_distance_they_stand_beside() {
    on_both(|music, index| {
        let options = exact(5000).with_explanations();
        let answer = index.search(&Query::by_row(index, 74, options).expect("in range"));
        let answer = answer.expect("readable");
        assert_eq!(answer.neighbors.len(), 100, "explained pages are smaller");
        let from = index.scaler().transform(&music.tracks[74].raw);
        for hit in &answer.neighbors {
            let to = index.scaler().transform(&music.tracks[hit.row as usize].raw);
            let explained = hit.explanation.as_ref().expect("asked for");
            assert_eq!((explained.features.len(), explained.groups.len()), (74, 7));
            for part in &explained.features {
                let names = index.schema().names();
                let at = names.iter().position(|name| *name == part.feature).expect("known");
                let delta = to[at] - from[at];
                let squared = hit.distance * hit.distance;
                assert!((part.share * squared - delta * delta).abs() < 1e-9 * squared);
                assert!((part.delta_std.expect("a feature") - delta).abs() < 1e-12);
            }
        }
    });
}
