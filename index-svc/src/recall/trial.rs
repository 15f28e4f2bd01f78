//! Queries with their true neighbours, asked of an index.

use std::{
    num::NonZeroUsize,
    thread,
    time::{Duration, Instant},
};

use engine::EngineName;
use index::curve::LIST_LENGTHS;

use super::{
    climb::FOREST_QUESTIONS,
    probe::{Probe, Question},
};
use crate::{
    error::Error,
    list::{Rules, Wish},
    planner::{Plan, Wanted},
    search::{Ranked, Ranking},
    searcher::Searcher,
};

/// Queries of a calibration that look for their true neighbours together.
const TOGETHER: usize = 64;

/// Recall falls with the distance of the neighbours. Of queries that are farther out than so many of those it was
/// measured with, the mean says too little.
const NEAR_SHARE: f64 = 0.99;

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
    pub(super) index: &'i Searcher,
    questions: Vec<Known>,
    exact_p50: Duration,
    /// Threads that ask. With more than one, times say nothing.
    pub(super) threads: usize,
}

/// A question, the length of the list that is known, and that list.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) question: Question,
    pub(super) depth: usize,
    pub(super) truth: Ranking,
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
    pub fn new(index: &'i Searcher, probes: &[Probe], k: usize) -> Result<Self, Error> {
        let plan = index.exact_plan();
        let known = each(1, probes.iter().collect(), |probe| {
            let question = Question::of(index, probe)?;
            let start = Instant::now();
            let truth = index.rank(&question.target, &question.rules(), k, plan)?;
            Ok((Known { question, depth: k, truth }, start.elapsed()))
        })?;
        let (questions, times) = known.into_iter().unzip();
        Ok(Self { index, questions, exact_p50: median(times), threads: 1 })
    }

    /// Finds true neighbours for a calibration, on all processors: of every sixteenth probe as many as the
    /// longest list has, of every fourth as many as the one before has. Long lists have neighbours enough in
    /// few questions, and cost the most.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn graded(index: &'i Searcher, probes: &[Probe]) -> Result<Self, Error> {
        let [.., short, middle, long] = LIST_LENGTHS;
        let depth = |number: usize| match number % 16 {
            0 => long,
            4 | 8 | 12 => middle,
            _ => short,
        };
        let mut asked: Vec<(usize, usize, &Probe)> = probes
            .iter()
            .enumerate()
            .map(|(number, probe)| (depth(number), number, probe))
            .collect();
        asked.sort_unstable_by_key(|(depth, number, _)| (*depth, *number));
        let alike = asked.chunk_by(|a, b| a.0 == b.0).flat_map(|alike| alike.chunks(TOGETHER));
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let known =
            each(threads, alike.collect(), |asked| {
                let of = |(_, _, probe): &(usize, usize, &Probe)| Question::of(index, probe);
                let questions: Vec<Question> = asked.iter().map(of).collect::<Result<_, _>>()?;
                let rules: Vec<Rules<'_>> = questions.iter().map(Question::rules).collect();
                let wishes =
                    questions.iter().zip(&rules).zip(asked).map(|((question, rules), asked)| {
                        Wish { target: &question.target, rules, allowed: None, need: asked.0 }
                    });
                let truths = index.rank_exactly(&wishes.collect::<Vec<_>>())?;
                let known = questions.into_iter().zip(truths).zip(asked);
                let known = known.map(|((question, truth), (depth, number, _))| {
                    (*number, Known { question, depth: *depth, truth })
                });
                Ok(known.collect::<Vec<_>>())
            })?;
        let mut known: Vec<(usize, Known)> = known.into_iter().flatten().collect();
        known.sort_unstable_by_key(|(number, _)| *number);
        let questions = known.into_iter().map(|(_, known)| known).collect();
        Ok(Self { index, questions, exact_p50: Duration::ZERO, threads })
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

    /// The questions whose first `k` true neighbours are known.
    pub(super) fn of_depth(&self, k: usize) -> Vec<&Known> {
        self.questions.iter().filter(|known| known.depth >= k).collect()
    }

    /// Asks every question whose first `k` true neighbours are known by `plan` for `k` rows; the forest, which
    /// takes a hundred times as long as the blocks engine, evenly chosen ones.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn figures(&self, k: usize, plan: Plan) -> Result<Figures, Error> {
        let mut known = self.of_depth(k);
        if plan.engine == EngineName::Forest {
            let step = known.len().div_ceil(FOREST_QUESTIONS).max(1);
            known = known.into_iter().step_by(step).collect();
        }
        let answers = each(self.threads, known, |known| {
            let Known { question, truth, .. } = known;
            let start = Instant::now();
            let found = self.index.rank(&question.target, &question.rules(), k, plan)?;
            let took = start.elapsed();
            Ok(((recalled(truth, &found, k), found.candidate_count as f64), took))
        })?;
        let (answers, times): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
        Ok(Figures { p50: median(times), ..Figures::of(&answers) })
    }

    /// Distance within which [`NEAR_SHARE`] of the questions have their first `k` true neighbours.
    pub(super) fn reach(&self, k: usize) -> f64 {
        let known = self.of_depth(k);
        let last =
            |known: &&Known| known.truth.rows.iter().take(k).next_back().map(|near| near.distance);
        let mut last: Vec<f64> = known.iter().filter_map(last).collect();
        last.sort_unstable_by(f64::total_cmp);
        let place = (last.len().saturating_sub(1) as f64 * NEAR_SHARE) as usize;
        last.get(place).copied().unwrap_or_default()
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

impl Figures {
    /// Of the recall of each question, and the number of rows looked at for it.
    pub(super) fn of(answers: &[(f64, f64)]) -> Self {
        let count = answers.len().max(1) as f64;
        let recall = answers.iter().map(|(recall, _)| recall).sum::<f64>() / count;
        let spread = answers.iter().map(|(one, _)| (one - recall).powi(2)).sum::<f64>() / count;
        Self {
            recall,
            error: (spread / count).sqrt(),
            questions: answers.len(),
            scored: answers.iter().map(|(_, scored)| scored).sum::<f64>() / count,
            p50: Duration::ZERO,
        }
    }
}

/// Answers each of `items`, in their order, on so many threads.
pub(super) fn each<I: Send, T: Send>(
    threads: usize,
    items: Vec<I>,
    answer: impl Fn(I) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let part = |items: Vec<I>| items.into_iter().map(&answer).collect::<Result<Vec<T>, Error>>();
    if threads <= 1 {
        return part(items);
    }
    let size = items.len().div_ceil(threads).max(1);
    let mut items = items.into_iter();
    let shares = std::iter::repeat_with(|| items.by_ref().take(size).collect::<Vec<I>>());
    let shares: Vec<Vec<I>> = shares.take_while(|share| !share.is_empty()).collect();
    let parts: Vec<Result<Vec<T>, Error>> = thread::scope(|scope| {
        let part = &part;
        let running: Vec<_> =
            shares.into_iter().map(|items| scope.spawn(move || part(items))).collect();
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
            seeds_before: Vec::new(),
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
