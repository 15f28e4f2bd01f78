//! The recall curve of an index: for each engine, kind of query, length of list and target the smallest
//! effort that met it when the index was built; `calibration.rs` of index-svc measures it.
//!
//! Points hold counted work and no times, so that the same rows make the same curve.

use engine::{Effort, EngineName};
use serde::{Deserialize, Serialize};

/// Targets a build calibrates, ascending.
pub const TARGETS: [f64; 3] = [0.95, 0.99, 0.999];
/// Lengths of lists a build calibrates, ascending.
pub const LIST_LENGTHS: [usize; 4] = [1, 10, 100, 1000];

/// What a query starts from. Each kind has its own curve.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum QueryKind {
    /// A track of the catalogue, or a vector from outside.
    #[default]
    Track,
    /// The centre of several tracks. It lies between them, where no tracks may be.
    Centroid,
}

impl QueryKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Track, Self::Centroid];

    /// `track` or `centroid`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Centroid => "centroid",
        }
    }
}

/// The smallest effort of an engine that met a target when the index was built.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecallPoint {
    /// The engine.
    pub engine: EngineName,
    /// What queries started from.
    pub queries: QueryKind,
    /// Length of the lists.
    pub k: u32,
    /// The recall at `k` that was aimed at.
    pub target: f64,
    /// The margin of [`Effort::Margin`], for the blocks engine. Without any effort only the exact answer
    /// met the target at a reasonable cost.
    pub margin: Option<f32>,
    /// The rows of [`Effort::Rows`], for the forest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_k: Option<u32>,
    /// Recall at `k` of queries other than those that chose the effort.
    pub recall: f64,
    /// Queries that `recall` was measured with.
    pub sample: u32,
    /// Mean share of the rows that the engine looked at.
    pub scored_share: f64,
    /// Distance within which 99 of 100 measured queries have their first `k` true neighbours. Recall falls with that
    /// distance, so what was measured says too little of queries that lie farther out. Not known of indexes that did
    /// not measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<f64>,
}

impl RecallPoint {
    /// The effort; none where only the exact answer met the target.
    #[must_use]
    pub fn effort(&self) -> Option<Effort> {
        match (self.margin, self.search_k) {
            (Some(margin), _) => Some(Effort::Margin(margin)),
            (None, Some(search_k)) => Some(Effort::Rows(search_k as usize)),
            (None, None) => None,
        }
    }

    /// Whether it keeps what it promises: what was aimed at was found too.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.recall >= self.target
    }

    fn is_sound(&self) -> bool {
        (0.0..=1.0).contains(&self.target)
            && (0.0..=1.0).contains(&self.recall)
            && (0.0..=1.0).contains(&self.scored_share)
            && self.reach.is_none_or(|reach| reach >= 0.0 && reach.is_finite())
            && self.k > 0
            && match self.engine {
                EngineName::Blocks => {
                    self.search_k.is_none()
                        && self.margin.is_none_or(|margin| margin >= 0.0 && margin.is_finite())
                }
                EngineName::Forest => self.margin.is_none() && self.search_k != Some(0),
                EngineName::Scan => false,
            }
    }

    fn place(&self) -> (&'static str, QueryKind, u32) {
        (self.engine.as_str(), self.queries, self.k)
    }
}

/// Whether every number of a curve is in range, and its points are ordered by engine, kind of query, length
/// and target, each once.
#[must_use]
pub fn is_sound(curve: &[RecallPoint]) -> bool {
    let ascends = |a: &RecallPoint, b: &RecallPoint| {
        a.place() < b.place() || a.place() == b.place() && a.target < b.target
    };
    curve.iter().all(RecallPoint::is_sound) && curve.is_sorted_by(ascends)
}
