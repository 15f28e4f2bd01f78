//! Recall: the share of the true neighbours that a plan finds.
//!
//! Measured against the exact answer, ties by row. Rows of the index are asked with themselves and
//! their exact duplicates left out, as `QueryByTrackIndex` does, and centroids without the rows that they
//! are of, as `Recommend` does; held-out vectors are asked as they are.

mod climb;
mod probe;
mod trial;

pub use self::{
    climb::Climb,
    probe::{Probe, sample_centroids, sample_rows},
    trial::{Figures, Measured, Neighborhood, Trial},
};
use crate::{error::Error, planner::Wanted, searcher::Searcher};

/// Mean recall at each of `ks` over the probes, by the plan for what is wanted. An index exhausted
/// before `k` counts what there is.
///
/// # Errors
/// When the index cannot be read.
pub fn measure(
    index: &Searcher,
    probes: &[Probe],
    ks: &[usize],
    wanted: Wanted,
) -> Result<Measured, Error> {
    let trial = Trial::new(index, probes, ks.iter().copied().max().unwrap_or(0))?;
    trial.measure(ks, wanted)
}
