//! The recall curve of an index: for each target the smallest margin that meets it.
//!
//! The queries are rows of the index, each left out of its own answer with its exact duplicates
//! (leave-one-out): they are distributed as the catalogue is, and no row has to be withheld. The
//! truth is the exact answer, and what is timed and counted is the answer as it is served: more
//! rows are fetched than asked for, and the result is ranked from the raw vectors.

use crate::{
    engine::{Effort, EngineName},
    error::Error,
    planner::{Plan, RecallPoint, TARGETS},
    recall::{Figures, Trial},
};

/// Rows a build calibrates with: the true neighbours of 1,000 rows are 10,000, so that a recall of
/// .999 is ten misses.
pub const CALIBRATION_SAMPLE: usize = 1000;
/// Results that are asked for.
pub const CALIBRATION_K: usize = 10;
/// An effort that looks at more than this share of the rows saves nothing over the exact answer,
/// which takes them in the order they are stored.
const MOST_SCORED_SHARE: f64 = 0.5;
/// The first margin tried; the next ones are twice the one before.
const FIRST_MARGIN: f32 = 1.0 / 64.0;
/// Margins larger than this look at almost everything.
const LAST_MARGIN: f32 = 1024.0;
/// Halvings of the interval between a margin that fails and one that meets the target.
const HALVINGS: usize = 4;

/// Measures the curve with the queries of `trial`.
///
/// # Errors
/// When the index cannot be read.
pub fn calibrate(trial: &Trial<'_>, rows: usize) -> Result<Vec<RecallPoint>, Error> {
    let at = |margin: f32| trial.figures(CALIBRATION_K, by_margin(margin));
    let share = |figures: &Figures| figures.scored / rows.max(1) as f64;
    // Recall grows with the margin, so each target begins where the one before ended.
    let mut low = (0.0_f32, at(0.0)?);
    let mut curve = Vec::with_capacity(TARGETS.len());
    for target in TARGETS {
        let mut met = low;
        while met.1.recall < target && share(&met.1) <= MOST_SCORED_SHARE && met.0 < LAST_MARGIN {
            low = met;
            let next = (2.0 * met.0).max(FIRST_MARGIN);
            met = (next, at(next)?);
        }
        if met.1.recall >= target {
            for _ in 0..HALVINGS {
                let middle = f32::midpoint(low.0, met.0);
                let tried = (middle, at(middle)?);
                if tried.1.recall >= target { met = tried } else { low = tried }
            }
        }
        let meets = met.1.recall >= target && share(&met.1) <= MOST_SCORED_SHARE;
        let figures = if meets { met.1 } else { trial.exact_figures(CALIBRATION_K)? };
        curve.push(RecallPoint {
            target,
            margin: meets.then_some(met.0),
            recall: figures.recall,
            scored_share: share(&figures),
            p50_us: figures.p50.as_secs_f64() * 1e6,
        });
        low = if meets { met } else { low };
    }
    Ok(curve)
}

/// Measures the points of an earlier curve again, at their margins; none when one of them misses its
/// target or saves nothing any more, or there was no curve.
///
/// # Errors
/// When the index cannot be read.
pub fn check_curve(
    trial: &Trial<'_>,
    rows: usize,
    earlier: &[RecallPoint],
) -> Result<Option<Vec<RecallPoint>>, Error> {
    let mut curve = Vec::with_capacity(earlier.len());
    for point in earlier {
        let figures = match point.margin {
            Some(margin) => trial.figures(CALIBRATION_K, by_margin(margin))?,
            None => trial.exact_figures(CALIBRATION_K)?,
        };
        let scored_share = figures.scored / rows.max(1) as f64;
        let saves = point.margin.is_none() || scored_share <= MOST_SCORED_SHARE;
        if figures.recall < point.target || !saves {
            return Ok(None);
        }
        let p50_us = figures.p50.as_secs_f64() * 1e6;
        curve.push(RecallPoint { recall: figures.recall, scored_share, p50_us, ..*point });
    }
    Ok((!curve.is_empty()).then_some(curve))
}

/// Measures a point of the curve again, with other queries.
///
/// # Errors
/// When the index cannot be read.
pub fn measure_point(trial: &Trial<'_>, point: &RecallPoint) -> Result<f64, Error> {
    match point.margin {
        Some(margin) => Ok(trial.figures(CALIBRATION_K, by_margin(margin))?.recall),
        None => Ok(trial.exact_figures(CALIBRATION_K)?.recall),
    }
}

pub(crate) fn by_margin(margin: f32) -> Plan {
    Plan { engine: EngineName::Blocks, effort: Effort::Margin(margin) }
}
