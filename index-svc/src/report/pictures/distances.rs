//! Distances of neighbours against those of random pairs: where they overlap, being a neighbour says
//! little.

use super::shapes::histogram;
use crate::{card::NEIGHBORS, recall::Trial, searcher::Searcher};

/// Two distributions over one axis that begins at zero.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Distances {
    /// End of the axis.
    pub(crate) high: f64,
    /// Share of the distances from a query to its ten nearest, per bin.
    pub(crate) neighbors: Vec<f64>,
    /// Share of the distances between random pairs, per bin.
    pub(crate) random_pairs: Vec<f64>,
    /// Their medians.
    pub(crate) medians: (f64, f64),
}

impl Distances {
    /// None where there are no neighbours or no pairs.
    pub(super) fn of(index: &Searcher, trial: &Trial<'_>) -> Option<Self> {
        let quantiles = index.pairs().quantiles();
        let mut near: Vec<f64> = trial.distances(NEIGHBORS).collect();
        near.sort_unstable_by(f64::total_cmp);
        let last = quantiles.len().checked_sub(1)?;
        // The outermost thousandth of the pairs would leave the picture mostly empty.
        let high = quantiles[last - last / 500].max(*near.last()?);
        if high <= 0.0 {
            return None;
        }
        let shares = |values: &[f64]| -> Vec<f64> {
            let bins = histogram(values.iter().copied(), 0.0, high);
            bins.into_iter().map(|rows| f64::from(rows) / values.len() as f64).collect()
        };
        Some(Self {
            high,
            neighbors: shares(&near),
            random_pairs: shares(quantiles),
            medians: (near[near.len() / 2], quantiles[last / 2]),
        })
    }
}
