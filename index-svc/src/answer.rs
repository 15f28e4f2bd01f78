//! What a search answers.

use index::metadata::TrackMetadata;

use crate::{explain::Explanation, list::LeftOut, planner::Plan};

/// Results and how they came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Best first, ties by row.
    pub neighbors: Vec<Neighbor>,
    /// The seed's row and metadata, for a query by one row.
    pub seed: Option<(u32, TrackMetadata)>,
    /// The id of each seed's track, in their order; empty for a vector.
    pub seed_track_ids: Vec<String>,
    /// Leads to the next page; empty on the last one.
    pub next_page_token: String,
    /// How it was answered in the end.
    pub plan: Plan,
    /// Distinct vectors whose distance was computed or bounded.
    pub candidate_count: usize,
    /// What it took, in the units of [`crate::work`].
    pub work: u64,
    /// What was left out between the results of this page.
    pub left_out: LeftOut,
    /// Rows that the filter allows.
    pub matched_count: usize,
    /// Rows that the filter allows and that are too far; known where the list ends.
    pub too_far_count: usize,
    /// Features of examples more than six standard deviations from the mean.
    pub out_of_range_features: Vec<String>,
}

/// One result.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbor {
    /// Row of the index.
    pub row: u32,
    /// What is known about it.
    pub metadata: TrackMetadata,
    /// Euclidean distance in scaled space, without weights.
    pub distance: f64,
    /// What the list is ordered by, where that is not the distance.
    pub score: Option<f64>,
    /// Share of random pairs of tracks that are farther apart.
    pub similarity_percentile: f64,
    /// Where it was asked for.
    pub explanation: Option<Explanation>,
}

/// A row and its exact distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Row of the index.
    pub row: u32,
    /// Euclidean distance in scaled space.
    pub distance: f64,
}

/// A ranked list before metadata is joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Nearest first, ties by row.
    pub rows: Vec<Ranked>,
    /// How it was answered in the end.
    pub plan: Plan,
    /// Distinct vectors whose distance was computed or bounded.
    pub candidate_count: usize,
    /// Rows left out as seeds.
    pub suppressed_seed_count: usize,
    /// How many of these were left out before each row.
    pub seeds_before: Vec<usize>,
}

/// An explained distance.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The right side, where it is a row.
    pub track: Option<(u32, TrackMetadata)>,
    /// The ids of the left and the right track; empty for a vector.
    pub track_ids: [String; 2],
    /// Euclidean distance in scaled space.
    pub distance: f64,
    /// Share of random pairs of tracks that are farther apart.
    pub similarity_percentile: f64,
    /// Differences are right minus left.
    pub explanation: Explanation,
    /// Features of either side more than six standard deviations from the mean.
    pub out_of_range_features: Vec<String>,
}
