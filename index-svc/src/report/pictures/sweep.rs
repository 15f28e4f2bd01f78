//! Recall against effort: what each share of looked-at rows finds.

use crate::{
    calibration::{CALIBRATION_K, by_margin},
    error::Error,
    recall::Trial,
    searcher::Searcher,
};

/// Margins that are tried: from one leaf alone to nearly everything.
const MARGINS: [f32; 13] =
    [0.0, 0.01, 0.02, 0.04, 0.06, 0.09, 0.13, 0.18, 0.25, 0.35, 0.5, 0.7, 1.0];
/// Recall above which more effort shows nothing new.
const ENOUGH: f64 = 0.9999;

/// What an effort achieved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Effort {
    /// Its margin.
    pub(crate) margin: f32,
    /// Mean recall at 10.
    pub(crate) recall: f64,
    /// Mean share of the rows that were looked at.
    pub(crate) scored_share: f64,
    /// Median microseconds of an answer.
    pub(crate) p50_us: f64,
}

/// Efforts of the blocks engine, ascending, until one finds all; none without the engine.
pub(super) fn efforts(index: &Searcher, trial: &Trial<'_>) -> Result<Vec<Effort>, Error> {
    let mut found = Vec::new();
    if index.engines().blocks().is_none() {
        return Ok(found);
    }
    for margin in MARGINS {
        let figures = trial.figures(CALIBRATION_K, by_margin(margin))?;
        found.push(Effort {
            margin,
            recall: figures.recall,
            scored_share: figures.scored / f64::from(index.rows()),
            p50_us: figures.p50.as_secs_f64() * 1e6,
        });
        if figures.recall >= ENOUGH {
            break;
        }
    }
    Ok(found)
}
