//! Engines: scaled query in, nearest rows out, nothing known about tracks.
//!
//! [`blocks`] answers from memory, exactly or approximately; [`Forest`] reads its trees through
//! LMDB and is for hosts with little memory; [`Scan`] looks at every row in `f32` and is the
//! reference. All order ties by row. `Scan` and `Forest` score in `f32`, `blocks` in `f64`;
//! [`search`](crate::search) ranks what any of them returns again, from the raw vectors.
//! [`planner`](crate::planner) chooses among the open ones.

pub mod blocks;
mod forest;
mod open;
mod row_set;
mod scan;

use std::{error::Error as StdError, path::PathBuf};

use thiserror::Error;

pub(crate) use self::{
    forest::forest_error_is_passing,
    open::{digest_text, open_blocks},
};
pub use self::{
    forest::{Forest, ForestWriter, LIFT_RADIUS, lift},
    open::{BLOCKS_FILE, EngineName, Engines},
    row_set::RowSet,
    scan::Scan,
};

/// Finds near rows.
pub trait Engine: std::fmt::Debug + Send + Sync {
    /// The up to `k` nearest rows among those it looks at, nearest first, ties by row.
    ///
    /// `query` is a scaled vector. With `allowed`, only those rows count.
    ///
    /// # Errors
    /// When the query has another length than the vectors, or the engine's storage fails.
    fn nearest(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
    ) -> Result<Candidates, EngineError>;
}

/// How long to search. The hits are always the nearest among the rows looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effort {
    /// Until no row that was not looked at can be among the k nearest: the exact answer.
    Exact,
    /// Until this many rows are looked at. [`blocks`] takes whole leaves, nearest leaves first, and
    /// with a filter this many divided by the share of rows it allows; for [`Forest`] it is arroy's
    /// `search_k`, with a filter likewise.
    Rows(usize),
    /// Until the next leaf's squared margin exceeds this share of the squared distance of the k-th
    /// best row so far. Adapts to the query: spends more where neighbours are scattered. 0 looks at
    /// one leaf. A filter that allows one row in n raises the share by the eighth root of n.
    /// [`Forest`] has no margins and takes its default number of rows.
    Margin(f32),
}

impl std::fmt::Display for Effort {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact => out.write_str("exact"),
            Self::Rows(rows) => write!(out, "rows={rows}"),
            Self::Margin(margin) => write!(out, "margin={margin}"),
        }
    }
}

/// What an engine found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// Nearest first; equal distances are ordered by row.
    pub hits: Vec<Hit>,
    /// Distinct rows whose distance was computed or bounded.
    pub scored: usize,
}

/// A row and its squared distance from the query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Row of the index.
    pub row: u32,
    /// Squared Euclidean distance in scaled space; see the module for how exact it is.
    pub squared_distance: f64,
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
    /// The blocks engine refused the query or its image.
    #[error("blocks: {0}")]
    Blocks(#[from] blocks::BlocksError),
    /// The image of the blocks engine cannot be used.
    #[error(
        "{}: {source}; build the index again, or open it with `--engine forest` if it has a forest",
        path.display()
    )]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: blocks::BlocksError,
    },
    /// The image is a sound one, but not of this index.
    #[error(
        "{} has {got} {what}, the manifest says {expected}; build the index again, or open it with \
         `--engine forest` if it has a forest",
        path.display()
    )]
    ForeignImage {
        /// The file.
        path: PathBuf,
        /// What is compared.
        what: &'static str,
        /// What the image has.
        got: String,
        /// What the manifest says.
        expected: String,
    },
    /// The index was built without the engine asked for.
    #[error("the index was built without the engine `{name}`; build it with `--engine both`")]
    NotBuilt {
        /// The engine.
        name: EngineName,
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
