//! Recall: the share of the true neighbours that a plan finds.
//!
//! Measured against the exact answer, ties by row. Rows of the index are asked with themselves and
//! their exact duplicates left out, as `QueryByTrackIndex` does; held-out vectors are asked as they
//! are.

use std::time::{Duration, Instant};

use rand::{SeedableRng, rngs::StdRng, seq::index};

use crate::{
    error::Error,
    index::Index,
    planner::{Plan, Wanted},
    search::{Ranked, Ranking},
};

/// A query of a recall measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// A row of the index.
    Row(u32),
    /// A raw vector that is not in the index.
    Raw(Vec<f64>),
}

impl Probe {
    /// The row, if it is one of the index.
    #[must_use]
    pub fn row(&self) -> Option<u32> {
        match self {
            Self::Row(row) => Some(*row),
            Self::Raw(_) => None,
        }
    }
}

/// A row with its true neighbours, nearest first: itself and its exact duplicates left out.
pub type Neighborhood<'t> = (u32, &'t [Ranked]);

/// Up to `count` different rows, seeded.
#[must_use]
pub fn sample_rows(rows: u32, count: usize, seed: u64) -> Vec<Probe> {
    let count = count.min(rows as usize);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut sample = index::sample(&mut rng, rows as usize, count).into_vec();
    sample.sort_unstable();
    sample.into_iter().map(|row| Probe::Row(row as u32)).collect()
}

/// What a measurement gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Mean recall at each `k`, in the order asked for.
    pub recall: Vec<f64>,
    /// Median time of an answer of the first `k`, ranking included.
    pub p50: Duration,
    /// Median time of an exact answer of the largest `k`.
    pub exact_p50: Duration,
}

/// Mean recall at each of `ks` over the probes, by the plan for what is wanted. An index exhausted
/// before `k` counts what there is.
///
/// # Errors
/// When the index cannot be read.
pub fn measure(
    index: &Index,
    probes: &[Probe],
    ks: &[usize],
    wanted: Wanted,
) -> Result<Measured, Error> {
    let trial = Trial::new(index, probes, ks.iter().copied().max().unwrap_or(0))?;
    trial.measure(ks, wanted)
}

/// Queries with their true neighbours, asked of an index.
#[derive(Debug)]
pub struct Trial<'i> {
    index: &'i Index,
    truth: Truth,
}

/// Queries with their true neighbours.
#[derive(Debug)]
pub struct Truth {
    questions: Vec<Question>,
    exact_p50: Duration,
}

/// A scaled query, the row it comes from, and its true neighbours.
#[derive(Debug)]
struct Question {
    scaled: Vec<f64>,
    row: Option<u32>,
    truth: Ranking,
}

/// What a plan achieved over the questions of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Mean recall.
    pub recall: f64,
    /// Mean number of rows looked at.
    pub scored: f64,
    /// Median time of an answer, ranking included.
    pub p50: Duration,
}

impl<'i> Trial<'i> {
    /// Finds the `k` true neighbours of every probe.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn new(index: &'i Index, probes: &[Probe], k: usize) -> Result<Self, Error> {
        let txn = index.store.read()?;
        let mut times = Vec::with_capacity(probes.len());
        let mut questions = Vec::with_capacity(probes.len());
        for probe in probes {
            let (raw, row) = match probe {
                Probe::Row(row) => (index.store.raw(&txn, *row, index.scaler.dims())?, Some(*row)),
                Probe::Raw(raw) => (raw.clone(), None),
            };
            let scaled = index.scaler.transform(&raw);
            let start = Instant::now();
            let truth = index.rank(&txn, &scaled, row, k, false, index.exact_plan())?;
            times.push(start.elapsed());
            questions.push(Question { scaled, row, truth });
        }
        Ok(Self::from_truth(index, Truth { questions, exact_p50: median(times) }))
    }

    /// Asks `index` the questions of an earlier trial of the same index: its truth is kept while the
    /// manifest changes.
    #[must_use]
    pub fn from_truth(index: &'i Index, truth: Truth) -> Self {
        Self { index, truth }
    }

    /// What outlives the loan of the index.
    #[must_use]
    pub fn into_truth(self) -> Truth {
        self.truth
    }

    /// Mean recall at each of `ks`, at most those of the truth, by the plan for what is wanted.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn measure(&self, ks: &[usize], wanted: Wanted) -> Result<Measured, Error> {
        let figures: Vec<Figures> = ks
            .iter()
            .map(|k| self.figures(*k, self.index.plan(wanted, *k)))
            .collect::<Result<_, Error>>()?;
        Ok(Measured {
            recall: figures.iter().map(|figures| figures.recall).collect(),
            p50: figures.first().map(|figures| figures.p50).unwrap_or_default(),
            exact_p50: self.truth.exact_p50,
        })
    }

    /// The first `k` true neighbours, at most those that were found, of every row that was asked.
    pub fn neighborhoods(&self, k: usize) -> impl Iterator<Item = Neighborhood<'_>> {
        self.truth.questions.iter().filter_map(move |question| {
            let near = &question.truth.rows;
            Some((question.row?, &near[..k.min(near.len())]))
        })
    }

    /// Distances to the first `k` true neighbours of all queries.
    pub fn distances(&self, k: usize) -> impl Iterator<Item = f64> {
        let near = self
            .truth
            .questions
            .iter()
            .flat_map(move |question| question.truth.rows.iter().take(k));
        near.map(|near| near.distance)
    }

    /// Asks every question by `plan` for `k` rows, at most those of the truth.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn figures(&self, k: usize, plan: Plan) -> Result<Figures, Error> {
        let txn = self.index.store.read()?;
        let mut times = Vec::with_capacity(self.truth.questions.len());
        let (mut recall, mut scored) = (0.0, 0.0);
        for Question { scaled, row, truth } in &self.truth.questions {
            let start = Instant::now();
            let found = self.index.rank(&txn, scaled, *row, k, false, plan)?;
            times.push(start.elapsed());
            recall += recalled(truth, &found, k);
            scored += found.candidate_count as f64;
        }
        let count = self.truth.questions.len().max(1) as f64;
        Ok(Figures { recall: recall / count, scored: scored / count, p50: median(times) })
    }

    /// As [`Self::figures`], by the exact plan.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn exact_figures(&self, k: usize) -> Result<Figures, Error> {
        self.figures(k, self.index.exact_plan())
    }
}

/// Share of the first `k` true rows that were found.
fn recalled(exact: &Ranking, found: &Ranking, k: usize) -> f64 {
    let truth = &exact.rows[..k.min(exact.rows.len())];
    if truth.is_empty() {
        return 1.0;
    }
    let is_found = |row: &&Ranked| found.rows.iter().any(|other| other.row == row.row);
    truth.iter().filter(is_found).count() as f64 / truth.len() as f64
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Effort, EngineName};

    #[test]
    fn recall_is_the_share_of_true_rows() {
        let ranking = |rows: &[u32]| Ranking {
            rows: rows.iter().map(|row| Ranked { row: *row, distance: 1.0 }).collect(),
            plan: Plan { engine: EngineName::Scan, effort: Effort::Exact },
            candidate_count: 0,
            suppressed_seed_count: 0,
        };
        let check = |exact: &[u32], found: &[u32], k, expected: f64| {
            let got = recalled(&ranking(exact), &ranking(found), k);
            assert!((got - expected).abs() < 1e-12, "{got}, expected {expected}");
        };
        check(&[1, 2, 3, 4], &[4, 9, 1], 4, 0.5);
        check(&[1, 2, 3, 4], &[4, 9, 1], 2, 0.5);
        check(&[1, 2], &[2, 1], 10, 1.0);
        check(&[], &[], 10, 1.0);
    }

    #[test]
    fn a_sample_is_seeded_without_repeats_and_within_the_index() {
        let sample = sample_rows(50, 20, 3);
        assert_eq!(sample, sample_rows(50, 20, 3));
        assert_ne!(sample, sample_rows(50, 20, 4));
        let rows: Vec<u32> = sample
            .iter()
            .map(|probe| match probe {
                Probe::Row(row) => *row,
                Probe::Raw(_) => panic!("rows were asked for"),
            })
            .collect();
        assert!(rows.is_sorted_by(|a, b| a < b) && rows.iter().all(|row| *row < 50));
        assert_eq!(sample_rows(5, 20, 3).len(), 5);
    }
}
