//! Makes the recall curve of an index: for each length of list, kind of query and target the smallest effort
//! that meets it.
//!
//! Queries of tracks are rows of the index, each left out of its own answer with its exact duplicates
//! (leave-one-out): they are distributed as the catalogue is, and no row has to be withheld. Queries of
//! centroids are of random rows, with weights and unwanted ones. One sample chooses an effort; its recall is
//! measured with another, whose queries took no part in the choice. The truth is the exact answer, and
//! what is counted is the answer as it is served: more rows are fetched than asked for, and the result is
//! ranked from the raw vectors.

use std::collections::HashMap;

use crate::{
    curve::{LIST_LENGTHS, QueryKind, RecallPoint, TARGETS},
    engine::{Effort, EngineName},
    error::Error,
    index::Index,
    planner::{Plan, SMALL_ROWS},
    recall::{Figures, Probe, Trial, sample_centroids, sample_rows},
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

/// The queries of a calibration with their true neighbours, of one kind.
#[derive(Debug)]
pub struct Samples<'i> {
    queries: QueryKind,
    chooses: Trial<'i>,
    measures: Trial<'i>,
}

impl<'i> Samples<'i> {
    /// Of every kind: the queries that choose efforts, and as many others that measure recall. Empty for an
    /// index so small that all its answers are exact.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn of(index: &'i Index, seed: u64) -> Result<Vec<Self>, Error> {
        if index.rows() as usize <= SMALL_ROWS {
            return Ok(Vec::new());
        }
        let of_kind = |queries| {
            let probes = probes(index, queries, 2 * CALIBRATION_SAMPLE, seed);
            let half = |from: usize| -> Vec<Probe> {
                probes.iter().skip(from).step_by(2).cloned().collect()
            };
            let chooses = Trial::graded(index, &half(0))?;
            Ok(Self { queries, chooses, measures: Trial::graded(index, &half(1))? })
        };
        QueryKind::ALL.into_iter().map(of_kind).collect()
    }
}

/// Up to `count` queries of a kind, seeded.
#[must_use]
pub fn probes(index: &Index, queries: QueryKind, count: usize, seed: u64) -> Vec<Probe> {
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

/// Measures the curves of the engines that an index has.
///
/// # Errors
/// When the index cannot be read.
pub fn calibrate(
    samples: &[Samples<'_>],
    rows: usize,
    engines: &[EngineName],
) -> Result<Vec<RecallPoint>, Error> {
    let mut curve = Vec::new();
    for ladder in [MARGINS, SEARCH_KS] {
        if !engines.contains(&ladder.engine) {
            continue;
        }
        for samples in samples {
            for k in LIST_LENGTHS {
                let search = Search { samples, ladder, k, rows, tried: HashMap::new() };
                curve.extend(search.points()?);
            }
        }
    }
    Ok(curve)
}

/// The search for the efforts of lists of one length.
struct Search<'s, 'i> {
    samples: &'s Samples<'i>,
    ladder: Ladder,
    k: usize,
    rows: usize,
    /// What the queries that choose have found, by the bits of the effort.
    tried: HashMap<u64, Figures>,
}

impl Search<'_, '_> {
    fn points(mut self) -> Result<Vec<RecallPoint>, Error> {
        let mut points = Vec::with_capacity(TARGETS.len());
        // Recall grows with the effort, so each target begins where the one before ended.
        let mut low = 0.0;
        for target in TARGETS {
            let found = self.point(target, &mut low)?;
            points.push(found);
        }
        Ok(points)
    }

    fn point(&mut self, target: f64, low: &mut f64) -> Result<RecallPoint, Error> {
        for choice in 0..CHOICES {
            let errors = ERRORS + choice as f64 * MORE_ERRORS;
            let Some(step) = self.smallest(target, errors, low)? else { break };
            let figures = self.samples.measures.figures(self.k, self.plan(step))?;
            if figures.recall >= target && self.saves(&figures) {
                return Ok(self.made(target, Some((self.ladder.effort)(step)), &figures));
            }
        }
        Ok(self.made(target, None, &self.samples.measures.exact_figures(self.k)))
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
        let figures = self.samples.chooses.figures(self.k, self.plan(step))?;
        self.tried.insert(step.to_bits(), figures);
        Ok(figures)
    }

    fn plan(&self, step: f64) -> Plan {
        Plan::unmeasured(self.ladder.engine, (self.ladder.effort)(step))
    }

    fn saves(&self, figures: &Figures) -> bool {
        saves(self.ladder.engine, share(figures, self.rows))
    }

    fn made(&self, target: f64, effort: Option<Effort>, figures: &Figures) -> RecallPoint {
        let (margin, search_k) = match effort {
            Some(Effort::Margin(margin)) => (Some(margin), None),
            Some(Effort::Rows(rows)) => (None, Some(u32::try_from(rows).unwrap_or(u32::MAX))),
            Some(Effort::Exact) | None => (None, None),
        };
        RecallPoint {
            engine: self.ladder.engine,
            queries: self.samples.queries,
            k: self.k as u32,
            target,
            margin,
            search_k,
            recall: figures.recall,
            sample: figures.questions as u32,
            scored_share: share(figures, self.rows),
        }
    }
}

fn saves(engine: EngineName, scored_share: f64) -> bool {
    let most = match engine {
        EngineName::Forest => MOST_FOREST_SHARE,
        EngineName::Blocks | EngineName::Scan => MOST_SCORED_SHARE,
    };
    scored_share <= most
}

fn share(figures: &Figures, rows: usize) -> f64 {
    (figures.scored / rows.max(1) as f64).min(1.0)
}

/// Measures the points of an earlier curve again, at their efforts; none when one of them misses its
/// target or saves nothing any more, or there was no curve.
///
/// # Errors
/// When the index cannot be read.
pub fn check_curve(
    samples: &[Samples<'_>],
    rows: usize,
    engines: &[EngineName],
    earlier: &[RecallPoint],
) -> Result<Option<Vec<RecallPoint>>, Error> {
    let each = samples.len() * LIST_LENGTHS.len() * TARGETS.len();
    let points = |engine| earlier.iter().filter(|point| point.engine == engine).count();
    if engines.iter().any(|engine| points(*engine) < each) {
        return Ok(None);
    }
    let mut curve = Vec::with_capacity(earlier.len());
    for point in earlier {
        let of_kind = samples.iter().find(|samples| samples.queries == point.queries);
        let Some(samples) = of_kind else { return Ok(None) };
        let figures = measure_point(&samples.measures, point)?;
        let (recall, scored_share) = (figures.recall, share(&figures, rows));
        let saves = point.effort().is_none() || saves(point.engine, scored_share);
        if recall < point.target || !saves {
            return Ok(None);
        }
        curve.push(RecallPoint {
            recall,
            scored_share,
            sample: figures.questions as u32,
            ..*point
        });
    }
    Ok(Some(curve))
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
