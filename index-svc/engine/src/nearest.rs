//! What every engine answers: the nearest rows, and how long it looks for them.

use crate::{error::EngineError, row_set::RowSet};

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
    /// Until this many rows are looked at. [`Blocks`](crate::blocks::Blocks) takes whole leaves, nearest leaves first, and
    /// with a filter this many divided by the share of rows it allows; for [`Forest`](crate::Forest) it is arroy's
    /// `search_k`, with a filter likewise.
    Rows(usize),
    /// Until the next leaf's squared margin exceeds this share of the squared distance of the k-th
    /// best row so far. Adapts to the query: spends more where neighbours are scattered. 0 looks at
    /// one leaf. A filter that allows one row in n raises the share by the eighth root of n.
    /// [`Forest`](crate::Forest) has no margins and takes its default number of rows.
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
    #[inline]
    #[must_use]
    pub fn rank(&self, other: &Self) -> std::cmp::Ordering {
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
