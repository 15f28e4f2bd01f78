//! Makes the recall curve of an index: for each length of list, kind of query and target the smallest effort
//! that meets it.
//!
//! Queries of tracks are rows of the index, each left out of its own answer with its exact duplicates
//! (leave-one-out): they are distributed as the catalogue is, and no row has to be withheld. Queries of
//! centroids are of random rows, with weights and unwanted ones. One sample chooses an effort; its recall is
//! measured with another, whose queries took no part in the choice. The truth is the exact answer, and
//! what is counted is the answer as it is served, which fetches more rows than are asked for
//! ([`Climb`]).

use std::collections::HashMap;

use engine::{Effort, EngineName};
use index::curve::{LIST_LENGTHS, QueryKind, RecallPoint, TARGETS};

use crate::{
    error::Error,
    planner::{Plan, SMALL_ROWS},
    recall::{Climb, Figures, Probe, Trial, sample_centroids, sample_rows},
    searcher::Searcher,
};

/// Queries of each kind that choose efforts, and as many others that measure recall: the true neighbours of
/// 1,000 rows are 10,000, so that a recall of .999 is ten misses.
pub const CALIBRATION_SAMPLE: usize = 1000;
/// Rows whose true neighbours the model card is measured with.
pub const CARD_SAMPLE: usize = 1000;
/// The length of the lists that a report and the model card are about.
pub const CALIBRATION_K: usize = 10;
/// An effort that looks at more than this share of the rows saves nothing over the exact answer,
/// which takes them in the order they are stored.
const MOST_SCORED_SHARE: f64 = 0.5;
/// The forest finds each row on a page of its own and another one of the vector's: at this share it has read as much
/// as the exact answer reads from front to back.
const MOST_FOREST_SHARE: f64 = 1.0 / 16.0;
/// The first margin tried; the next ones are twice the one before.
const FIRST_MARGIN: f64 = 1.0 / 64.0;
/// Margins larger than this look at almost everything.
const LAST_MARGIN: f64 = 1024.0;
/// The first number of rows that the forest is asked for, and the last.
const FIRST_SEARCH_K: f64 = 100.0;
const LAST_SEARCH_K: f64 = 1e7;
/// An effort is chosen if the recall less so many of its standard errors meets the target, so that it meets
/// it with other queries as well;
const ERRORS: f64 = 1.0;
/// if it does not, so many more are taken off,
const MORE_ERRORS: f64 = 1.5;
/// at most so many times.
const CHOICES: usize = 3;

/// A curve, and where its efforts come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// Ordered by engine, kind of query, length and target.
    pub curve: Vec<RecallPoint>,
    /// Whether every effort is that of the earlier curve.
    pub kept: bool,
}

/// Measures the curves of the engines that an index has. An effort of an `earlier` curve stays where it still meets its
/// target with the queries that measure; others are chosen. The curve of an index so small that all its answers are
/// exact is empty.
///
/// # Errors
/// When the index cannot be read.
pub fn calibrate(
    index: &Searcher,
    seed: u64,
    earlier: &[RecallPoint],
) -> Result<Calibrated, Error> {
    let (mut curve, mut chosen) = (Vec::new(), 0);
    let rows = index.rows() as usize;
    if rows > SMALL_ROWS {
        let kinds = QueryKind::ALL.into_iter().map(|kind| Queries::of(index, kind, seed));
        let mut kinds: Vec<Queries<'_>> = kinds.collect::<Result<_, _>>()?;
        for ladder in [MARGINS, SEARCH_KS] {
            if !index.engines().is_open(ladder.engine) {
                continue;
            }
            for queries in &mut kinds {
                for k in LIST_LENGTHS {
                    let tried = HashMap::new();
                    let mut search = Search { queries, ladder, k, rows, earlier, tried, chosen: 0 };
                    curve.extend(search.points()?);
                    chosen += search.chosen;
                }
            }
        }
    }
    let kept = chosen == 0 && curve.len() == earlier.len();
    Ok(Calibrated { curve, kept })
}

/// The queries of one kind: those that measure recall, and as many others that choose efforts, whose true neighbours
/// are found once an effort is to be chosen.
#[derive(Debug)]
struct Queries<'i> {
    index: &'i Searcher,
    kind: QueryKind,
    measures: Climb<'i>,
    choosing: Vec<Probe>,
    chooses: Option<Climb<'i>>,
}

impl<'i> Queries<'i> {
    fn of(index: &'i Searcher, kind: QueryKind, seed: u64) -> Result<Self, Error> {
        let probes = probes(index, kind, 2 * CALIBRATION_SAMPLE, seed);
        let half =
            |from: usize| -> Vec<Probe> { probes.iter().skip(from).step_by(2).cloned().collect() };
        let measures = Climb::new(Trial::graded(index, &half(1))?);
        Ok(Self { index, kind, measures, choosing: half(0), chooses: None })
    }

    fn choose(&mut self, k: usize, engine: EngineName, effort: Effort) -> Result<Figures, Error> {
        let chooses = match self.chooses.take() {
            Some(chooses) => chooses,
            None => Climb::new(Trial::graded(self.index, &self.choosing)?),
        };
        self.chooses.insert(chooses).figures(k, engine, Some(effort))
    }
}

/// Up to `count` queries of a kind, seeded.
#[must_use]
pub fn probes(index: &Searcher, queries: QueryKind, count: usize, seed: u64) -> Vec<Probe> {
    match queries {
        QueryKind::Track => sample_rows(index.rows(), count, seed),
        QueryKind::Centroid => sample_centroids(index.rows(), count, seed),
    }
}

/// The efforts of an engine.
#[derive(Clone, Copy, Debug)]
struct Ladder {
    engine: EngineName,
    first: f64,
    last: f64,
    effort: fn(f64) -> Effort,
    /// Halvings of the interval between an effort that fails and one that meets the target.
    halvings: usize,
}

const MARGINS: Ladder = Ladder {
    engine: EngineName::Blocks,
    first: FIRST_MARGIN,
    last: LAST_MARGIN,
    effort: |margin| Effort::Margin(margin as f32),
    halvings: 4,
};

/// An answer of the forest takes milliseconds.
const SEARCH_KS: Ladder = Ladder {
    engine: EngineName::Forest,
    first: FIRST_SEARCH_K,
    last: LAST_SEARCH_K,
    effort: |search_k| Effort::Rows(search_k as usize),
    halvings: 2,
};

/// The search for the efforts of lists of one length.
struct Search<'s, 'i> {
    queries: &'s mut Queries<'i>,
    ladder: Ladder,
    k: usize,
    rows: usize,
    earlier: &'s [RecallPoint],
    /// What the queries that choose have found, by the bits of the effort.
    tried: HashMap<u64, Figures>,
    /// Efforts that were chosen.
    chosen: usize,
}

impl Search<'_, '_> {
    fn points(&mut self) -> Result<Vec<RecallPoint>, Error> {
        let mut points = Vec::with_capacity(TARGETS.len());
        // Recall grows with the effort, so each target begins where the one before ended.
        let mut low = 0.0;
        for target in TARGETS {
            let point = match self.kept(target)? {
                Some(kept) => kept,
                None => {
                    self.chosen += 1;
                    self.point(target, &mut low)?
                }
            };
            points.push(point);
        }
        Ok(points)
    }

    /// The earlier point for a target, measured now, if it keeps what it promised.
    fn kept(&mut self, target: f64) -> Result<Option<RecallPoint>, Error> {
        let (engine, queries, k) = (self.ladder.engine, self.queries.kind, self.k as u32);
        let mut of_list = self
            .earlier
            .iter()
            .filter(|point| (point.engine, point.queries, point.k) == (engine, queries, k));
        let Some(earlier) = of_list.find(|point| point.target.total_cmp(&target).is_eq()) else {
            return Ok(None);
        };
        self.measured(target, earlier.effort())
    }

    fn point(&mut self, target: f64, low: &mut f64) -> Result<RecallPoint, Error> {
        for choice in 0..CHOICES {
            let errors = ERRORS + choice as f64 * MORE_ERRORS;
            let Some(step) = self.smallest(target, errors, low)? else { break };
            if let Some(point) = self.measured(target, Some((self.ladder.effort)(step)))? {
                return Ok(point);
            }
        }
        let exact = self.queries.measures.figures(self.k, self.ladder.engine, None)?;
        Ok(self.made(target, None, &exact))
    }

    /// What an effort achieves with the queries that measure; none where that misses the target or saves nothing.
    fn measured(
        &mut self,
        target: f64,
        effort: Option<Effort>,
    ) -> Result<Option<RecallPoint>, Error> {
        let figures = self.queries.measures.figures(self.k, self.ladder.engine, effort)?;
        let saves = effort.is_none() || self.saves(&figures);
        Ok((figures.recall >= target && saves).then(|| self.made(target, effort, &figures)))
    }

    /// The least effort by which recall less so many standard errors meets a target; none where that saves
    /// nothing.
    fn smallest(&mut self, target: f64, errors: f64, low: &mut f64) -> Result<Option<f64>, Error> {
        let meets = |figures: &Figures| figures.recall - errors * figures.error >= target;
        let mut high = *low;
        loop {
            let figures = self.at(high)?;
            if !self.saves(&figures) {
                return Ok(None);
            }
            if meets(&figures) {
                break;
            }
            if high >= self.ladder.last {
                return Ok(None);
            }
            *low = high;
            high = (2.0 * high).max(self.ladder.first);
        }
        let mut below = *low;
        for _ in 0..self.ladder.halvings {
            let middle = f64::midpoint(below, high);
            if meets(&self.at(middle)?) { high = middle } else { below = middle }
        }
        Ok(Some(high))
    }

    fn at(&mut self, step: f64) -> Result<Figures, Error> {
        if let Some(figures) = self.tried.get(&step.to_bits()) {
            return Ok(*figures);
        }
        let Ladder { engine, effort, .. } = self.ladder;
        let figures = self.queries.choose(self.k, engine, effort(step))?;
        self.tried.insert(step.to_bits(), figures);
        Ok(figures)
    }

    fn saves(&self, figures: &Figures) -> bool {
        let most = match self.ladder.engine {
            EngineName::Forest => MOST_FOREST_SHARE,
            EngineName::Blocks | EngineName::Scan => MOST_SCORED_SHARE,
        };
        share(figures, self.rows) <= most
    }

    fn made(&self, target: f64, effort: Option<Effort>, figures: &Figures) -> RecallPoint {
        let (margin, search_k) = match effort {
            Some(Effort::Margin(margin)) => (Some(margin), None),
            Some(Effort::Rows(rows)) => (None, Some(u32::try_from(rows).unwrap_or(u32::MAX))),
            Some(Effort::Exact) | None => (None, None),
        };
        RecallPoint {
            engine: self.ladder.engine,
            queries: self.queries.kind,
            k: self.k as u32,
            target,
            margin,
            search_k,
            recall: figures.recall,
            sample: figures.questions as u32,
            scored_share: share(figures, self.rows),
            reach: effort.map(|_| self.queries.measures.reach(self.k)),
        }
    }
}

fn share(figures: &Figures, rows: usize) -> f64 {
    (figures.scored / rows.max(1) as f64).min(1.0)
}

/// Measures a point of the curve again, with other queries of its kind.
///
/// # Errors
/// When the index cannot be read.
pub fn measure_point(trial: &Trial<'_>, point: &RecallPoint) -> Result<Figures, Error> {
    let k = point.k as usize;
    match point.effort() {
        Some(effort) => trial.figures(k, Plan::unmeasured(point.engine, effort)),
        None => Ok(trial.exact_figures(k)),
    }
}

/// Most queries that a point was measured with.
#[must_use]
pub fn sample_of(curve: &[RecallPoint]) -> u32 {
    curve.iter().map(|point| point.sample).max().unwrap_or_default()
}

pub(crate) fn by_margin(margin: f32) -> Plan {
    Plan::unmeasured(EngineName::Blocks, Effort::Margin(margin))
}
