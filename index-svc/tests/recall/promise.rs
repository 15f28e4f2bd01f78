//! The recall that answers promise, held to exact answers through whole searches: tracks, vectors from outside,
//! centroids, examples, filters, and lists that need more rows than they have.

use std::{fs, sync::OnceLock};

use index_svc::{
    Searcher,
    builder::{BuildEngines, BuildPlan, build},
    query::{Options, Query, Seed},
    recommend::Strategy,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::index::sample};
use tempfile::TempDir;

use super::{
    catalogue::plan,
    library::{Library, csv, deviate},
};

const ROWS: usize = 60_000;
const OUTSIDE: usize = 300;
const TARGETS: [f64; 3] = [0.95, 0.99, 0.999];
/// A mean recall may be below what was promised by so many of its standard errors: by chance once in some
/// ten thousand measurements.
const ERRORS: f64 = 3.7;

struct Shared {
    _folder: TempDir,
    index: Searcher,
    /// Raw vectors of tracks that the index does not have.
    outside: Vec<Vec<f64>>,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let mut tracks = Library::seeded(11).tracks(ROWS + OUTSIDE);
        let outside = tracks.split_off(ROWS).into_iter().map(|track| track.raw).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let table = folder.path().join("catalogue.csv");
        fs::write(&table, csv(&tracks)).expect("writable");
        let output = folder.path().join("index");
        let plan = plan(vec![table], output.clone());
        build(&BuildPlan { engines: BuildEngines::Blocks, ..plan }).expect("a sound table");
        let index = Searcher::open(&output).expect("just built");
        Shared { _folder: folder, index, outside }
    })
}

/// Options of a list of `k` by a target, or exact.
fn options(k: usize, target: Option<f64>) -> Options {
    let options = Options::new(k as i64, target.is_none(), 0, false).expect("in range");
    target.map_or(options.clone(), |target| options.with_target_recall(target).expect("a share"))
}

/// What approximate answers to queries found of the exact ones, and what they promised.
#[derive(Debug, Default)]
struct Kept {
    recalls: Vec<f64>,
    promised: f64,
    walked: usize,
    scored: usize,
}

impl Kept {
    fn of(index: &Searcher, count: usize, query: impl Fn(usize, bool) -> Query) -> Self {
        let mut kept = Self { promised: f64::INFINITY, ..Self::default() };
        for number in 0..count {
            let truth = index.search(&query(number, true)).expect("readable");
            let found = index.search(&query(number, false)).expect("readable");
            assert_eq!(truth.plan.promised_recall, Some(1.0));
            kept.promised = kept.promised.min(found.plan.promised_recall.expect("measured"));
            kept.walked += usize::from(!found.plan.is_exact());
            kept.scored += found.candidate_count;
            let mut rows: Vec<u32> = found.neighbors.iter().map(|near| near.row).collect();
            rows.sort_unstable();
            let is_found = |row: &u32| rows.binary_search(row).is_ok();
            let near = truth.neighbors.iter().map(|near| near.row);
            let both = near.filter(is_found).count() as f64;
            if !truth.neighbors.is_empty() {
                kept.recalls.push(both / truth.neighbors.len() as f64);
            }
        }
        kept
    }

    /// Mean recall, and its standard error.
    fn mean(&self) -> (f64, f64) {
        let count = self.recalls.len().max(1) as f64;
        let mean = self.recalls.iter().sum::<f64>() / count;
        let spread = self.recalls.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / count;
        (mean, (spread / count).sqrt())
    }

    #[track_caller]
    fn check(&self, target: f64, label: &str) {
        let (mean, error) = self.mean();
        let least = self.recalls.iter().copied().fold(1.0, f64::min);
        let scored = self.scored / self.recalls.len().max(1);
        let found = format!(
            "{label}, target {target}: recall {mean:.4} (error {error:.4}, least {least:.3}), promised \
             {}, {} of {} walked, {scored} rows looked at",
            self.promised,
            self.walked,
            self.recalls.len()
        );
        assert!(self.promised >= target, "{found}");
        assert!(mean + ERRORS * error >= target, "{found}");
    }
}

fn number_of_queries(k: usize) -> usize {
    if k < 100 { 250 } else { 60 }
}

#[test]
fn tracks_of_the_index_at_every_length() {
    let Shared { index, .. } = shared();
    let between = [3, 25, 300].map(|k| (k, vec![0.99]));
    let calibrated = [1, 10, 100, 1000].map(|k| (k, TARGETS.to_vec()));
    for (k, targets) in calibrated.into_iter().chain(between) {
        for target in targets {
            let kept = Kept::of(index, number_of_queries(k), |number, exact| {
                let row = (number * 149 + 7) % ROWS;
                let options = options(k, (!exact).then_some(target));
                Query::by_row(index, row as i64, options).expect("in range")
            });
            kept.check(target, &format!("tracks at {k}"));
            // A promise that is kept by exact answers alone would prove nothing.
            assert!(kept.walked > 0 || target > 0.99, "tracks at {k} for {target} are all exact");
        }
    }
}

#[test]
fn vectors_from_outside() {
    let Shared { index, outside, .. } = shared();
    for k in [1, 10, 100] {
        for target in TARGETS {
            let kept = Kept::of(index, outside.len().min(number_of_queries(k)), |number, exact| {
                let options = options(k, (!exact).then_some(target));
                Query::by_vector(index, outside[number].clone(), options).expect("finite")
            });
            kept.check(target, &format!("tracks from outside at {k}"));
        }
    }
    // The same with noise: the same recording in another encoding, or another piece of it.
    for noise in [0.05, 0.3, 1.0] {
        let mut rng = StdRng::seed_from_u64(3);
        let moved: Vec<Vec<f64>> = (0..250)
            .map(|number| {
                let raw = index.raw(number * 199 + 3).expect("in range");
                let scale = index.scaler().scale();
                let moved = raw
                    .iter()
                    .zip(scale)
                    .map(|(value, scale)| value + scale * noise * deviate(&mut rng));
                moved.collect()
            })
            .collect();
        for (k, target) in [(10, 0.95), (10, 0.99), (10, 0.999), (100, 0.99)] {
            let kept = Kept::of(index, number_of_queries(k), |number, exact| {
                let options = options(k, (!exact).then_some(target));
                Query::by_vector(index, moved[number].clone(), options).expect("finite")
            });
            kept.check(target, &format!("tracks with noise of {noise} deviations at {k}"));
        }
    }
}

/// Sets of examples: rows with weights, negative for unwanted.
type Examples = Vec<(usize, f64)>;

fn examples(count: usize, wanted: (usize, usize), weights: bool, unwanted: bool) -> Vec<Examples> {
    let mut rng = StdRng::seed_from_u64(5);
    (0..count)
        .map(|_| {
            let wanted = rng.random_range(wanted.0..=wanted.1);
            let all = wanted + if unwanted { 2 } else { 0 };
            let rows = sample(&mut rng, ROWS, all).into_vec();
            let of = rows.into_iter().enumerate().map(|(place, row)| {
                let weight = if weights { rng.random_range(0.2..5.0) } else { 1.0 };
                (row, if place < wanted { weight } else { -weight })
            });
            of.collect()
        })
        .collect()
}

fn recommend(index: &Searcher, of: &Examples, strategy: Strategy, options: Options) -> Query {
    let seeds = of.iter().map(|(row, weight)| {
        Seed::row(index, *row as i64).and_then(|seed| seed.weighing(*weight)).expect("in range")
    });
    Query::by_examples(seeds.collect(), strategy, options).expect("one is wanted")
}

#[test]
fn centroids_of_several_tracks() {
    let Shared { index, .. } = shared();
    for (wanted, weights, unwanted) in [
        ((2, 2), false, false),
        ((2, 10), false, false),
        ((10, 10), false, false),
        ((2, 10), true, false),
        ((2, 5), true, true),
    ] {
        for (k, target) in [(10, 0.95), (10, 0.99), (10, 0.999), (100, 0.99), (1000, 0.99)] {
            let examples = examples(number_of_queries(k), wanted, weights, unwanted);
            let kept = Kept::of(index, examples.len(), |number, exact| {
                let options = options(k, (!exact).then_some(target));
                recommend(index, &examples[number], Strategy::Centroid, options)
            });
            let label =
                format!("centroids of {wanted:?}, weights {weights}, unwanted {unwanted}, at {k}");
            kept.check(target, &label);
        }
    }
}

#[test]
fn the_best_of_several_tracks() {
    let Shared { index, .. } = shared();
    for (weights, unwanted) in [(false, false), (true, false), (true, true)] {
        for (k, target) in [(10, 0.99), (100, 0.99), (1000, 0.99)] {
            let examples = examples(number_of_queries(k), (2, 5), weights, unwanted);
            let kept = Kept::of(index, examples.len(), |number, exact| {
                let options = options(k, (!exact).then_some(target));
                recommend(index, &examples[number], Strategy::BestOf, options)
            });
            kept.check(target, &format!("best of, weights {weights}, unwanted {unwanted}, at {k}"));
        }
    }
}

#[test]
fn lists_that_need_more_rows_than_they_have() {
    let Shared { index, .. } = shared();
    for (k, per_artist) in [(10, 1), (10, 2), (100, 15)] {
        let kept = Kept::of(index, number_of_queries(k), |number, exact| {
            let row = (number * 149 + 7) % ROWS;
            let options = options(k, (!exact).then_some(0.99));
            let options = options.with_max_per_artist(per_artist).expect("in range");
            Query::by_row(index, row as i64, options).expect("in range")
        });
        kept.check(0.99, &format!("at most {per_artist} of an artist, at {k}"));
    }
}

#[test]
fn lists_within_filters_are_exact() {
    let Shared { index, .. } = shared();
    // Two fifths that say nothing of the sound, and some genres, from which other queries are far.
    for text in ["year >= 2000", "genre_top >= g2"] {
        for (k, target) in [(10, 0.95), (100, 0.99)] {
            let kept = Kept::of(index, 40, |number, exact| {
                let row = (number * 149 + 7) % ROWS;
                let options = options(k, (!exact).then_some(target));
                let options = options.with_filter(index, text).expect("valid");
                Query::by_row(index, row as i64, options).expect("in range")
            });
            kept.check(1.0, &format!("{text} at {k}"));
        }
    }
    // A filter that leaves nothing out is none.
    let kept = Kept::of(index, 40, |number, exact| {
        let options = options(10, (!exact).then_some(0.99));
        let options = options.with_filter(index, "year > 1900").expect("valid");
        Query::by_row(index, (number * 149 + 7) as i64, options).expect("in range")
    });
    assert_eq!(kept.walked, 40);
}
