//! Queries with their true neighbours, asked of an index.

use std::{
    num::NonZeroUsize,
    thread,
    time::{Duration, Instant},
};

use super::probe::{Probe, Question};
use crate::{
    curve::LIST_LENGTHS,
    engine::EngineName,
    error::Error,
    index::Index,
    planner::{Plan, Wanted},
    search::{Ranked, Ranking},
    store::ReadTxn,
};

/// Most questions that the forest is asked.
const FOREST_QUESTIONS: usize = 250;

/// A row with its true neighbours, nearest first: itself and its exact duplicates left out.
pub type Neighborhood<'t> = (u32, &'t [Ranked]);

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

/// Queries with their true neighbours, asked of an index.
#[derive(Debug)]
pub struct Trial<'i> {
    index: &'i Index,
    questions: Vec<Known>,
    exact_p50: Duration,
    /// Threads that ask. With more than one, times say nothing.
    threads: usize,
}

/// A question, the length of the list that is known, and that list.
#[derive(Debug)]
struct Known {
    question: Question,
    depth: usize,
    truth: Ranking,
}

/// What a plan achieved over the questions of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Mean recall.
    pub recall: f64,
    /// Standard error of that mean.
    pub error: f64,
    /// Questions that were asked.
    pub questions: usize,
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
        Self::with_depths(index, probes.iter().map(|probe| (probe, k)).collect(), 1)
    }

    /// Finds true neighbours for a calibration, on all processors: of every sixteenth probe as many as the
    /// longest list has, of every fourth as many as the one before has. Long lists have neighbours enough in
    /// few questions, and cost the most.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn graded(index: &'i Index, probes: &[Probe]) -> Result<Self, Error> {
        let [.., short, middle, long] = LIST_LENGTHS;
        let depth = |number: usize| match number % 16 {
            0 => long,
            4 | 8 | 12 => middle,
            _ => short,
        };
        let probes = probes.iter().enumerate().map(|(number, probe)| (probe, depth(number)));
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with_depths(index, probes.collect(), threads)
    }

    fn with_depths(
        index: &'i Index,
        probes: Vec<(&Probe, usize)>,
        threads: usize,
    ) -> Result<Self, Error> {
        let plan = index.exact_plan();
        let known = each(index, threads, &probes, |txn, (probe, depth)| {
            let question = Question::of(index, txn, probe)?;
            let start = Instant::now();
            let truth = index.rank(txn, &question.target, &question.rules(), *depth, plan)?;
            Ok((Known { question, depth: *depth, truth }, start.elapsed()))
        })?;
        let (questions, times) = known.into_iter().unzip();
        Ok(Self { index, questions, exact_p50: median(times), threads })
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
            exact_p50: self.exact_p50,
        })
    }

    /// The first `k` true neighbours, at most those that were found, of every row that was asked.
    pub fn neighborhoods(&self, k: usize) -> impl Iterator<Item = Neighborhood<'_>> {
        self.questions.iter().filter_map(move |known| {
            let near = &known.truth.rows;
            Some((known.question.row?, &near[..k.min(near.len())]))
        })
    }

    /// Distances to the first `k` true neighbours of all queries.
    pub fn distances(&self, k: usize) -> impl Iterator<Item = f64> {
        let near = self.questions.iter().flat_map(move |known| known.truth.rows.iter().take(k));
        near.map(|near| near.distance)
    }

    /// Asks every question whose first `k` true neighbours are known by `plan` for `k` rows; the forest, which
    /// takes a hundred times as long as the blocks engine, evenly chosen ones.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn figures(&self, k: usize, plan: Plan) -> Result<Figures, Error> {
        let mut known: Vec<&Known> =
            self.questions.iter().filter(|known| known.depth >= k).collect();
        if plan.engine == EngineName::Forest {
            let step = known.len().div_ceil(FOREST_QUESTIONS).max(1);
            known = known.into_iter().step_by(step).collect();
        }
        let answers = each(self.index, self.threads, &known, |txn, known| {
            let Known { question, truth, .. } = known;
            let start = Instant::now();
            let found = self.index.rank(txn, &question.target, &question.rules(), k, plan)?;
            let took = start.elapsed();
            Ok((recalled(truth, &found, k), found.candidate_count as f64, took))
        })?;
        let count = answers.len().max(1) as f64;
        let recall = answers.iter().map(|(recall, ..)| recall).sum::<f64>() / count;
        let spread = answers.iter().map(|(one, ..)| (one - recall).powi(2)).sum::<f64>() / count;
        Ok(Figures {
            recall,
            error: (spread / count).sqrt(),
            questions: answers.len(),
            scored: answers.iter().map(|(_, scored, _)| scored).sum::<f64>() / count,
            p50: median(answers.into_iter().map(|(.., took)| took).collect()),
        })
    }

    /// What the exact answers that are known achieved.
    #[must_use]
    pub fn exact_figures(&self, k: usize) -> Figures {
        let known = self.questions.iter().filter(|known| known.depth >= k);
        let questions = known.clone().count();
        let scored = known.map(|known| known.truth.candidate_count as f64).sum::<f64>();
        let scored = scored / questions.max(1) as f64;
        Figures { recall: 1.0, error: 0.0, questions, scored, p50: self.exact_p50 }
    }
}

/// Answers each of `items`, in their order, on so many threads; each has a transaction.
fn each<I: Sync, T: Send>(
    index: &Index,
    threads: usize,
    items: &[I],
    answer: impl Fn(&ReadTxn<'_>, &I) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let part = |items: &[I]| -> Result<Vec<T>, Error> {
        let txn = index.store.read()?;
        items.iter().map(|item| answer(&txn, item)).collect()
    };
    if threads <= 1 {
        return part(items);
    }
    let parts: Vec<Result<Vec<T>, Error>> = thread::scope(|scope| {
        let size = items.len().div_ceil(threads).max(1);
        let part = &part;
        let running: Vec<_> =
            items.chunks(size).map(|items| scope.spawn(move || part(items))).collect();
        let joined = running
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect()
    });
    let parts: Vec<Vec<T>> = parts.into_iter().collect::<Result<_, _>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// Share of the first `k` true rows that were found.
fn recalled(exact: &Ranking, found: &Ranking, k: usize) -> f64 {
    let truth = &exact.rows[..k.min(exact.rows.len())];
    if truth.is_empty() {
        return 1.0;
    }
    let mut rows: Vec<u32> = found.rows.iter().map(|found| found.row).collect();
    rows.sort_unstable();
    let is_found = |row: &&Ranked| rows.binary_search(&row.row).is_ok();
    truth.iter().filter(is_found).count() as f64 / truth.len() as f64
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_is_the_share_of_true_rows() {
        let ranking = |rows: &[u32]| Ranking {
            rows: rows.iter().map(|row| Ranked { row: *row, distance: 1.0 }).collect(),
            plan: Plan::exact_by(EngineName::Scan),
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
}
