//! Why a query was refused.

use index::{IndexError, metadata::MAX_TRACK_ID_BYTES};
use thiserror::Error;

use super::{
    MAX_BATCH_LOOKUPS, MAX_BATCH_REQUESTS, MAX_BATCH_RESULTS, MAX_DEVIATIONS, MAX_PAGE_SIZE,
    MAX_SEARCH_K, MAX_SEED_WEIGHT, MAX_SEEDS, MIN_SEED_WEIGHT,
};
use crate::{
    error,
    filter::FilterError,
    groups::{MAX_GROUP_WEIGHT, MIN_GROUP_WEIGHT},
    pages::PageTokenError,
};

/// Why a query was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A part of the request was refused.
    #[error("{path}: {source}")]
    In {
        /// The part, such as `seeds[3]`.
        path: String,
        /// Why.
        source: Box<Self>,
    },
    /// `page_size` is negative.
    #[error("page_size is {got}, expected 0 to {MAX_PAGE_SIZE}")]
    PageSize {
        /// Value given.
        got: i64,
    },
    /// `page_token` leads to no page.
    #[error(transparent)]
    PageToken(#[from] PageTokenError),
    /// `search_k` is out of range.
    #[error("search_k is {got}, expected 0 to {MAX_SEARCH_K}")]
    SearchK {
        /// Value given.
        got: i64,
    },
    /// `target_recall` is not a share.
    #[error("target_recall is {got}, expected more than 0 and at most 1")]
    TargetRecall {
        /// Value given.
        got: f64,
    },
    /// `max_distance` is no distance.
    #[error("max_distance is {got}, expected a finite number, 0 or more")]
    MaxDistance {
        /// Value given.
        got: f64,
    },
    /// `max_per_artist` is negative.
    #[error("max_per_artist is {got}, expected 0 or more")]
    MaxPerArtist {
        /// Value given.
        got: i64,
    },
    /// `diversity` is not a share.
    #[error("diversity is {got}, expected 0 to 1")]
    Diversity {
        /// Value given.
        got: f64,
    },
    /// `filter` is not a filter of this index.
    #[error("filter: {0}")]
    Filter(#[from] FilterError),
    /// No group has this name.
    #[error("no feature group is called `{name}`; there are: {}", known.join(", "))]
    UnknownGroup {
        /// The name.
        name: String,
        /// The groups there are.
        known: Vec<String>,
    },
    /// A group's weight is out of range.
    #[error(
        "the weight of `{name}` is {got}, expected 0, or {MIN_GROUP_WEIGHT} to {MAX_GROUP_WEIGHT}"
    )]
    GroupWeight {
        /// The group.
        name: String,
        /// Value given.
        got: f64,
    },
    /// No group has a weight above zero.
    #[error("all feature groups have weight 0, expected one above it")]
    NoGroupWeight,
    /// `view` has a number the contract does not know.
    #[error("view is {got}, expected 0 to 2")]
    View {
        /// Number given.
        got: i32,
    },
    /// `strategy` has a number the contract does not know.
    #[error("strategy is {got}, expected 0 to 3")]
    Strategy {
        /// Number given.
        got: i32,
    },
    /// There are no examples, or too many.
    #[error("{got} seeds, expected 1 to {MAX_SEEDS}")]
    SeedCount {
        /// Examples given.
        got: usize,
    },
    /// An example is empty.
    #[error("neither a track nor a vector is given")]
    SeedMissing,
    /// An example's weight is out of range.
    #[error(
        "weight is {got}, expected {MIN_SEED_WEIGHT} to {MAX_SEED_WEIGHT} or the negative of that, or 0 for 1"
    )]
    SeedWeight {
        /// Value given.
        got: f64,
    },
    /// All examples are unwanted.
    #[error("no seed has a positive weight, expected at least one that is wanted")]
    NothingWanted,
    /// A batch has too many requests.
    #[error("{got} requests, expected at most {MAX_BATCH_REQUESTS}")]
    BatchRequests {
        /// Requests given.
        got: usize,
    },
    /// A batch asks for too many results.
    #[error("{got} results asked for together, expected at most {MAX_BATCH_RESULTS}")]
    BatchResults {
        /// Results asked for; explained ones count more.
        got: usize,
    },
    /// A batch has too many ids.
    #[error("{got} ids, expected at most {MAX_BATCH_LOOKUPS}")]
    BatchLookups {
        /// Ids given.
        got: usize,
    },
    /// The request carries no feature vector.
    #[error("feature_vector is missing")]
    VectorMissing,
    /// The vector does not say which profile produced it.
    #[error("feature_vector.profile_id is empty, expected `{expected}`")]
    ProfileMissing {
        /// The index's profile.
        expected: String,
    },
    /// The vector was produced by another recipe.
    #[error("feature vector has profile `{got}`, the index was built with `{expected}`")]
    ProfileMismatch {
        /// The vector's profile.
        got: String,
        /// The index's profile.
        expected: String,
    },
    /// The vector has other columns, or the same in another order.
    #[error("feature vector has schema {got}, the index was built with {expected}")]
    SchemaMismatch {
        /// The vector's schema digest.
        got: String,
        /// The index's schema digest.
        expected: String,
    },
    /// The vector has another length.
    #[error("feature vector has {got} values, expected {expected}")]
    Length {
        /// Values given.
        got: usize,
        /// Values of a vector of the index.
        expected: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {index} of the feature vector (`{name}`) is {value}, expected a finite number")]
    NotFinite {
        /// Position, from 0.
        index: usize,
        /// Column name.
        name: String,
        /// The value.
        value: f64,
    },
    /// A value is too far from all that the index has.
    #[error(
        "value {index} of the feature vector (`{name}`) is {value}, {deviations:.3e} standard deviations from \
         the mean, expected at most {MAX_DEVIATIONS:.0e}"
    )]
    OutOfRange {
        /// Position, from 0.
        index: usize,
        /// Column name.
        name: String,
        /// The value.
        value: f64,
        /// Its distance from the catalogue's mean, in standard deviations; may be infinite.
        deviations: f64,
    },
    /// The request carries no row.
    #[error("track_index is missing; row 0 is sent as 0")]
    RowMissing,
    /// The row is negative.
    #[error("track_index is {got}, expected 0 or more")]
    NegativeRow {
        /// Row given.
        got: i64,
    },
    /// The row is past the end.
    #[error("track_index is {got}, the index has {rows} rows")]
    RowOutOfRange {
        /// Row given.
        got: i64,
        /// Rows of the index.
        rows: u32,
    },
    /// `track_id` is empty or too long.
    #[error("track_id has {got} bytes, expected 1 to {MAX_TRACK_ID_BYTES}")]
    TrackIdLength {
        /// Bytes given.
        got: usize,
    },
    /// No track has this id.
    #[error("no track has the id `{track_id}`")]
    UnknownTrack {
        /// The id.
        track_id: String,
    },
    /// `view` of a look-up has a number the contract does not know.
    #[error("view is {got}, expected 0 to 3")]
    LookupView {
        /// Number given.
        got: i32,
    },
    /// The caller expects another index version.
    #[error("the index version is {got}, the request expects {expected}")]
    VersionMismatch {
        /// The version served.
        got: String,
        /// The version the request names.
        expected: String,
    },
    /// The query takes more work than one may.
    #[error(
        "the query takes the work of {work} comparisons of a row with a point, expected at most {limit}"
    )]
    WorkTooLarge {
        /// What it takes, as far as it was counted.
        work: u64,
        /// The most a query may take.
        limit: u64,
    },
    /// The index failed; the text stays inside.
    #[error("the index could not be read")]
    Index(#[source] error::Error),
}

impl From<IndexError> for QueryError {
    fn from(error: IndexError) -> Self {
        Self::Index(error.into())
    }
}

impl From<error::Error> for QueryError {
    fn from(error: error::Error) -> Self {
        match error {
            error::Error::WorkTooLarge { work, limit } => Self::WorkTooLarge { work, limit },
            error => Self::Index(error),
        }
    }
}

impl QueryError {
    /// The same, said of a part of the request.
    pub(crate) fn at(self, path: impl Into<String>) -> Self {
        Self::In { path: path.into(), source: Box::new(self) }
    }
}
