//! Engines: scaled query in, nearest rows out, nothing known about tracks.
//!
//! Every engine scores with the plain `f32` distance to the scaled vectors and orders ties by row;
//! [`search`](crate::search) ranks what they return again in `f64`. They differ in which rows they
//! look at: [`Scan`] at all of them, [`Forest`] at those its trees lead to.

pub mod blocks;
mod forest;
mod rows;
mod scan;

use std::error::Error as StdError;

use thiserror::Error;

pub use self::{
    forest::{Forest, ForestWriter, LIFT_RADIUS, lift},
    rows::RowSet,
    scan::Scan,
};

/// Finds near rows.
pub trait Engine: std::fmt::Debug + Send + Sync {
    /// The up to `k` nearest rows among those it looks at, nearest first, ties by row.
    ///
    /// `query` is a scaled vector. With `allowed`, only those rows count. `effort` is the number of
    /// candidates to look at; an engine that looks at all rows ignores it.
    ///
    /// # Errors
    /// When the query has another length than the vectors, or the engine's storage fails.
    fn nearest(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: usize,
    ) -> Result<Candidates, EngineError>;
}

/// What an engine found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// Nearest first; equal distances are ordered by row.
    pub hits: Vec<Hit>,
    /// Distinct rows whose distance was computed.
    pub scored: usize,
}

/// A row and its squared distance from the query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Row of the index.
    pub row: u32,
    /// Squared Euclidean distance in scaled space, in `f32`.
    pub squared_distance: f32,
}

impl Hit {
    /// Nearest first, ties by row.
    pub(crate) fn rank(&self, other: &Self) -> std::cmp::Ordering {
        self.squared_distance
            .total_cmp(&other.squared_distance)
            .then_with(|| self.row.cmp(&other.row))
    }
}

/// Keeps the `k` nearest, in order.
pub(crate) fn keep_nearest(mut hits: Vec<Hit>, k: usize) -> Vec<Hit> {
    if hits.len() > k {
        if k > 0 {
            hits.select_nth_unstable_by(k - 1, Hit::rank);
        }
        hits.truncate(k);
    }
    hits.sort_unstable_by(Hit::rank);
    hits
}

/// Why an engine could not answer or be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The query is not of the index's width.
    #[error("query has {got} values, expected {expected}")]
    Width {
        /// Values given.
        got: usize,
        /// Values of a vector of the index.
        expected: usize,
    },
    /// The forest's storage or structure failed.
    #[error("forest: {0}")]
    Forest(#[source] Box<dyn StdError + Send + Sync>),
    /// The forest is not the one the manifest speaks of.
    #[error("forest has {got} {what}, expected {expected}")]
    ForestShape {
        /// What is counted.
        what: &'static str,
        /// Count in the forest.
        got: u64,
        /// Count in the manifest.
        expected: u64,
    },
    /// The threads of a build could not be started.
    #[error("cannot start the build thread: {0}")]
    Threads(#[source] Box<dyn StdError + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_kept_in_order_and_ties_go_by_row() {
        let hit = |row, squared_distance| Hit { row, squared_distance };
        let hits = vec![hit(3, 1.0), hit(0, 2.0), hit(2, 1.0), hit(1, 0.5)];
        let kept: Vec<u32> = keep_nearest(hits.clone(), 3).iter().map(|hit| hit.row).collect();
        assert_eq!(kept, [1, 2, 3]);
        assert!(keep_nearest(hits.clone(), 0).is_empty());
        assert_eq!(keep_nearest(hits, 9).len(), 4);
    }
}
