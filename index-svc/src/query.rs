//! What may be asked of an index, checked once: below this file nothing is checked again.
//!
//! The checks need the index's own names and sizes, so every constructor takes the [`Index`].

use proto::v1;
use thiserror::Error;

use crate::{
    error::Error as IndexError, index::Index, metadata::MAX_TRACK_ID_BYTES, planner::Wanted,
};

/// Results when none are asked for.
pub const DEFAULT_PAGE_SIZE: usize = 10;
/// Most results of one query; more is cut to this.
pub const MAX_PAGE_SIZE: usize = 1000;
/// Most candidates a query may ask the forest to inspect.
pub const MAX_SEARCH_K: usize = 1_000_000;
/// Longest profile id or digest that an error repeats, in characters.
const MAX_ECHO_CHARS: usize = 128;

/// A checked query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(crate) seed: Seed,
    pub(crate) options: Options,
}

/// What the results shall be near to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seed {
    /// A raw vector of the index's width, finite.
    Vector(Vec<f64>),
    /// A row of the index.
    Row(u32),
}

/// Checked options of a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    pub(crate) k: usize,
    pub(crate) wanted: Wanted,
    pub(crate) include_seeds: bool,
}

/// Why a query was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// `page_size` is negative.
    #[error("page_size is {got}, expected 0 to {MAX_PAGE_SIZE}")]
    PageSize {
        /// Value given.
        got: i64,
    },
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
    /// An enum field has a number the contract does not know.
    #[error("feature_view is {got}, expected 0 to 2")]
    FeatureView {
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
    /// The index failed; the text stays inside.
    #[error("the index could not be read")]
    Index(#[from] IndexError),
}

impl Options {
    /// Options as a command line gives them.
    ///
    /// # Errors
    /// When a number is out of range.
    pub fn new(
        page_size: i64,
        exact: bool,
        search_k: i64,
        include_seeds: bool,
    ) -> Result<Self, QueryError> {
        let k = match usize::try_from(page_size) {
            Ok(0) => DEFAULT_PAGE_SIZE,
            Ok(size) => size.min(MAX_PAGE_SIZE),
            Err(_) => return Err(QueryError::PageSize { got: page_size }),
        };
        let wanted = match usize::try_from(search_k) {
            Ok(inspected) if exact && inspected <= MAX_SEARCH_K => Wanted::Exact,
            Ok(0) => Wanted::Default,
            Ok(inspected) if inspected <= MAX_SEARCH_K => Wanted::SearchK(inspected),
            _ => return Err(QueryError::SearchK { got: search_k }),
        };
        Ok(Self { k, wanted, include_seeds })
    }

    /// With a target recall at 10, where neither `exact` nor `search_k` says more.
    ///
    /// # Errors
    /// When it is not above 0 and at most 1.
    pub fn with_target_recall(self, target: f64) -> Result<Self, QueryError> {
        if !(target > 0.0 && target <= 1.0) {
            return Err(QueryError::TargetRecall { got: target });
        }
        let wanted = match self.wanted {
            Wanted::Default | Wanted::Recall(_) => Wanted::Recall(target),
            Wanted::Exact | Wanted::SearchK(_) => self.wanted,
        };
        Ok(Self { wanted, ..self })
    }

    /// What is asked of the planner.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        self.wanted
    }

    fn from_wire(index: &Index, options: Option<&v1::QueryOptions>) -> Result<Self, QueryError> {
        let Some(options) = options else {
            return Self::new(0, false, 0, false);
        };
        let expected = &options.expected_index_version;
        if !expected.is_empty() && expected != index.version() {
            let (got, expected) = (index.version().to_owned(), echo(expected));
            return Err(QueryError::VersionMismatch { got, expected });
        }
        let (page_size, search_k) = (i64::from(options.page_size), i64::from(options.search_k));
        let checked = Self::new(page_size, options.exact, search_k, options.include_seeds)?;
        options.target_recall.map_or(Ok(checked), |target| checked.with_target_recall(target))
    }
}

impl Query {
    /// A query by raw vector.
    ///
    /// # Errors
    /// When the vector has another length or a value that is not finite.
    pub fn by_vector(index: &Index, raw: Vec<f64>, options: Options) -> Result<Self, QueryError> {
        let names = index.schema().names();
        if raw.len() != names.len() {
            return Err(QueryError::Length { got: raw.len(), expected: names.len() });
        }
        if let Some(position) = raw.iter().position(|value| !value.is_finite()) {
            return Err(QueryError::NotFinite {
                index: position,
                name: names[position].clone(),
                value: raw[position],
            });
        }
        Ok(Self { seed: Seed::Vector(raw), options })
    }

    /// A query by row.
    ///
    /// # Errors
    /// When the row is negative or past the end.
    pub fn by_row(index: &Index, row: i64, options: Options) -> Result<Self, QueryError> {
        let rows = index.rows();
        match u32::try_from(row) {
            Ok(row) if row < rows => Ok(Self { seed: Seed::Row(row), options }),
            _ if row < 0 => Err(QueryError::NegativeRow { got: row }),
            _ => Err(QueryError::RowOutOfRange { got: row, rows }),
        }
    }

    /// A query by track id.
    ///
    /// # Errors
    /// When no track has the id.
    pub fn by_track_id(
        index: &Index,
        track_id: &str,
        options: Options,
    ) -> Result<Self, QueryError> {
        let row = row_of(index, track_id)?;
        Ok(Self { seed: Seed::Row(row), options })
    }

    /// The query of a `QueryByFeatures` request.
    ///
    /// # Errors
    /// As the contract says: recipe first, then shape, then values.
    pub fn from_features(
        index: &Index,
        request: v1::QueryByFeaturesRequest,
    ) -> Result<Self, QueryError> {
        let options = Options::from_wire(index, request.options.as_ref())?;
        let vector = request.feature_vector.ok_or(QueryError::VectorMissing)?;
        check_recipe(index, &vector.profile_id, &vector.schema_sha256)?;
        Self::by_vector(index, vector.values, options)
    }

    /// The query of a `QueryByTrackIndex` request.
    ///
    /// # Errors
    /// As the contract says.
    pub fn from_track_index(
        index: &Index,
        request: &v1::QueryByTrackIndexRequest,
    ) -> Result<Self, QueryError> {
        let options = Options::from_wire(index, request.options.as_ref())?;
        Self::by_row(index, request.track_index, options)
    }
}

/// Refuses vectors of another profile, or of a stated schema that is another.
///
/// # Errors
/// When the profile is not stated, or one of both is not the index's.
pub fn check_recipe(
    index: &Index,
    profile_id: &str,
    schema_sha256: &str,
) -> Result<(), QueryError> {
    let manifest = index.manifest();
    if profile_id.is_empty() {
        return Err(QueryError::ProfileMissing { expected: manifest.profile_id.clone() });
    }
    if profile_id != manifest.profile_id {
        let (got, expected) = (echo(profile_id), manifest.profile_id.clone());
        return Err(QueryError::ProfileMismatch { got, expected });
    }
    if !schema_sha256.is_empty() && schema_sha256 != manifest.schema_sha256 {
        let (got, expected) = (echo(schema_sha256), manifest.schema_sha256.clone());
        return Err(QueryError::SchemaMismatch { got, expected });
    }
    Ok(())
}

/// The row of a track id.
///
/// # Errors
/// When the id is empty, too long, or unknown.
pub fn row_of(index: &Index, track_id: &str) -> Result<u32, QueryError> {
    if track_id.is_empty() || track_id.len() > MAX_TRACK_ID_BYTES {
        return Err(QueryError::TrackIdLength { got: track_id.len() });
    }
    index
        .row_of(track_id)?
        .ok_or_else(|| QueryError::UnknownTrack { track_id: track_id.to_owned() })
}

/// A stranger's text as an error may repeat it.
fn echo(text: &str) -> String {
    text.chars().take(MAX_ECHO_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_default_cap_and_refuse() {
        let k = |size| Options::new(size, false, 0, false).map(|options| options.k);
        assert_eq!(k(0).expect("default"), 10);
        assert_eq!(k(7).expect("as asked"), 7);
        assert_eq!(k(5000).expect("capped"), 1000);
        assert!(matches!(k(-1), Err(QueryError::PageSize { got: -1 })));
    }

    #[test]
    fn search_k_has_a_limit() {
        let wanted =
            |exact, value| Options::new(0, exact, value, false).map(|options| options.wanted);
        assert_eq!(wanted(false, 0).expect("default"), Wanted::Default);
        let most = wanted(false, 1_000_000).expect("the most");
        assert_eq!(most, Wanted::SearchK(1_000_000));
        assert_eq!(wanted(true, 5).expect("exact goes first"), Wanted::Exact);
        for exact in [true, false] {
            let refused = wanted(exact, 1_000_001);
            assert!(matches!(refused, Err(QueryError::SearchK { got: 1_000_001 })));
            assert!(matches!(wanted(exact, -1), Err(QueryError::SearchK { got: -1 })));
        }
    }

    #[test]
    fn a_target_recall_is_a_share_and_yields_to_exact_and_search_k() {
        let options = |exact, search_k| Options::new(0, exact, search_k, false).expect("valid");
        let plain = |target| options(false, 0).with_target_recall(target);
        assert_eq!(plain(1.0).expect("the most").wanted, Wanted::Recall(1.0));
        for wrong in [0.0, -0.5, 1.000_001, f64::NAN, f64::INFINITY] {
            let refused = plain(wrong);
            assert!(matches!(refused, Err(QueryError::TargetRecall { .. })), "{wrong}");
        }
        let exact = options(true, 0).with_target_recall(0.9).expect("valid");
        assert_eq!(exact.wanted, Wanted::Exact);
        let by_forest = options(false, 9).with_target_recall(0.9).expect("valid");
        assert_eq!(by_forest.wanted, Wanted::SearchK(9));
    }
}
