//! What may be asked of an index, checked once: below this module nothing is checked again.
//!
//! The checks need the index's own names and sizes, so constructors take the [`Searcher`].

mod error;
mod options;
mod wire;

use twox_hash::XxHash3_128;

pub use self::{
    error::QueryError,
    options::{DEFAULT_PAGE_SIZE, MAX_EXPLAINED_PAGE_SIZE, MAX_PAGE_SIZE, MAX_SEARCH_K, Options},
    wire::{Comparison, check_batch, check_lookups, lookup_view},
};
use index::{curve::QueryKind, metadata::MAX_TRACK_ID_BYTES};

use crate::{
    pages::{self, Place},
    planner::Wanted,
    recommend::Strategy,
    searcher::Searcher,
};

/// Most examples of a recommendation.
pub const MAX_SEEDS: usize = 100;
/// Largest weight of an example, wanted or not.
pub const MAX_SEED_WEIGHT: f64 = 1000.0;
/// Smallest weight of an example, wanted or not; squares and ratios of weights stay exact numbers.
pub const MIN_SEED_WEIGHT: f64 = 1e-6;
/// Largest distance of a value from the catalogue's mean, in standard deviations (in the feature's own unit
/// where it was constant). Rows of a fitted index are nearer: beyond, all of them are equally far, and sums
/// of squares lose the digits that tell them apart.
pub const MAX_DEVIATIONS: f64 = 1e6;
/// Most requests of a batch.
pub const MAX_BATCH_REQUESTS: usize = 100;
/// Most results of a batch together.
pub const MAX_BATCH_RESULTS: usize = 10_000;
/// Results that an explained one counts as in a batch.
pub const EXPLAINED_COST: usize = 10;
/// Most ids of a batch.
pub const MAX_BATCH_LOOKUPS: usize = 1000;
/// Longest profile id or digest that an error repeats, in characters.
const MAX_ECHO_CHARS: usize = 128;

/// A checked query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// At least one, and at least one of positive weight.
    pub(crate) examples: Vec<Example>,
    pub(crate) strategy: Strategy,
    pub(crate) options: Options,
    pub(crate) place: Place,
}

/// A seed and how much it counts; negative is unwanted, zero does not occur.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    pub(crate) seed: Seed,
    pub(crate) weight: f64,
}

/// What results may be near to.
#[derive(Clone, Debug, PartialEq)]
pub enum Seed {
    /// A raw vector of the index's width, finite.
    Vector(Vec<f64>),
    /// A row of the index.
    Row(u32),
}

impl Seed {
    /// A raw vector.
    ///
    /// # Errors
    /// When the vector has another length, or a value that is not finite or more than [`MAX_DEVIATIONS`] off.
    pub fn vector(index: &Searcher, raw: Vec<f64>) -> Result<Self, QueryError> {
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
        let scaled = index.scaler().transform(&raw);
        if let Some(position) = beyond_deviations(&scaled) {
            return Err(QueryError::OutOfRange {
                index: position,
                name: names[position].clone(),
                value: raw[position],
                deviations: scaled[position],
            });
        }
        Ok(Self::Vector(raw))
    }

    /// A row.
    ///
    /// # Errors
    /// When the row is negative or past the end.
    pub fn row(index: &Searcher, row: i64) -> Result<Self, QueryError> {
        let rows = index.rows();
        match u32::try_from(row) {
            Ok(row) if row < rows => Ok(Self::Row(row)),
            _ if row < 0 => Err(QueryError::NegativeRow { got: row }),
            _ => Err(QueryError::RowOutOfRange { got: row, rows }),
        }
    }

    /// The row of a track id.
    ///
    /// # Errors
    /// When no track has the id.
    pub fn track_id(index: &Searcher, track_id: &str) -> Result<Self, QueryError> {
        row_of(index, track_id).map(Self::Row)
    }

    /// With a weight; 0 is 1.
    ///
    /// # Errors
    /// When the weight is not [`MIN_SEED_WEIGHT`] to [`MAX_SEED_WEIGHT`], apart from its sign.
    pub fn weighing(self, weight: f64) -> Result<Example, QueryError> {
        // The wire's zero is a weight that was not set.
        let weight = if weight == 0.0 { 1.0 } else { weight };
        if !(MIN_SEED_WEIGHT..=MAX_SEED_WEIGHT).contains(&weight.abs()) {
            return Err(QueryError::SeedWeight { got: weight });
        }
        Ok(Example { seed: self, weight })
    }
}

impl Query {
    /// A query by raw vector.
    ///
    /// # Errors
    /// As [`Seed::vector`].
    pub fn by_vector(
        index: &Searcher,
        raw: Vec<f64>,
        options: Options,
    ) -> Result<Self, QueryError> {
        Ok(Self::by_seed(Seed::vector(index, raw)?, options))
    }

    /// A query by row.
    ///
    /// # Errors
    /// As [`Seed::row`].
    pub fn by_row(index: &Searcher, row: i64, options: Options) -> Result<Self, QueryError> {
        Ok(Self::by_seed(Seed::row(index, row)?, options))
    }

    /// A query by track id.
    ///
    /// # Errors
    /// As [`Seed::track_id`].
    pub fn by_track_id(
        index: &Searcher,
        track_id: &str,
        options: Options,
    ) -> Result<Self, QueryError> {
        Ok(Self::by_seed(Seed::track_id(index, track_id)?, options))
    }

    fn by_seed(seed: Seed, options: Options) -> Self {
        let examples = vec![Example { seed, weight: 1.0 }];
        Self { examples, strategy: Strategy::default(), options, place: Place::default() }
    }

    /// A query by several examples.
    ///
    /// # Errors
    /// When there are none, too many, or none is wanted.
    pub fn by_examples(
        examples: Vec<Example>,
        strategy: Strategy,
        options: Options,
    ) -> Result<Self, QueryError> {
        if !(1..=MAX_SEEDS).contains(&examples.len()) {
            return Err(QueryError::SeedCount { got: examples.len() });
        }
        if examples.iter().all(|example| example.weight < 0.0) {
            return Err(QueryError::NothingWanted);
        }
        Ok(Self { examples, strategy, options, place: Place::default() })
    }

    /// The page that a token of an earlier answer leads to; an empty token is the first.
    ///
    /// # Errors
    /// When the token is not of this query and this index version.
    pub fn from_page(mut self, index: &Searcher, token: &str) -> Result<Self, QueryError> {
        if !token.is_empty() {
            let digest = self.digest();
            self.place = pages::decode(token, index.version(), index.rows(), digest)?;
        }
        Ok(self)
    }

    /// What it starts from, for the recall curve.
    pub(crate) fn kind(&self) -> QueryKind {
        match self.strategy {
            Strategy::Centroid | Strategy::SharedTraits if self.examples.len() > 1 => {
                QueryKind::Centroid
            }
            _ => QueryKind::Track,
        }
    }

    /// Whether it starts from a vector that was sent, if only in part.
    pub(crate) fn is_by_vector(&self) -> bool {
        self.examples.iter().any(|example| matches!(example.seed, Seed::Vector(_)))
    }

    /// Points that results shall be near to.
    pub(crate) fn wanted_points(&self) -> usize {
        match self.strategy {
            Strategy::BestOf => self.wanted_examples(),
            Strategy::Centroid | Strategy::SharedTraits => 1,
        }
    }

    /// Points that a result is compared with for its score.
    pub(crate) fn points(&self) -> usize {
        match self.strategy {
            Strategy::BestOf => self.examples.len(),
            Strategy::Centroid | Strategy::SharedTraits => 1,
        }
    }

    /// Whether features have weights, so that every row is looked at. One example agrees with itself on all of
    /// them alike.
    pub(crate) fn is_weighted(&self) -> bool {
        let shares = self.strategy == Strategy::SharedTraits && self.wanted_examples() > 1;
        shares || self.options.group_weights.is_some()
    }

    fn wanted_examples(&self) -> usize {
        self.examples.iter().filter(|example| example.weight > 0.0).count()
    }

    /// Digest of all that decides which results come in which order.
    pub(crate) fn digest(&self) -> u128 {
        let Options {
            k: _,
            explained: _,
            wanted,
            include_seeds,
            include_duplicates,
            max_per_artist,
            max_distance,
            filter,
            diversity,
            group_weights,
        } = &self.options;
        let mut bytes = Vec::with_capacity(1024);
        let mut put = |part: &[u8]| {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        };
        for Example { seed, weight } in &self.examples {
            match seed {
                Seed::Row(row) => put(&row.to_le_bytes()),
                Seed::Vector(raw) => put(&index::store::f64_bytes(raw)),
            }
            put(&weight.to_le_bytes());
        }
        let (kind, number) = match wanted {
            Wanted::Default => (0, 0),
            Wanted::Recall(target) => (1, target.to_bits()),
            Wanted::Exact => (2, 0),
            Wanted::SearchK(inspected) => (3, *inspected as u64),
        };
        put(&[self.strategy as u8, kind]);
        put(&number.to_le_bytes());
        put(&[u8::from(*include_seeds), u8::from(*include_duplicates)]);
        put(&(*max_per_artist as u64).to_le_bytes());
        put(&max_distance.map(f64::to_le_bytes).unwrap_or_default());
        put(&[u8::from(max_distance.is_some())]);
        put(filter.as_ref().map_or("", |filter| &filter.text).as_bytes());
        put(&diversity.to_le_bytes());
        put(&index::store::f64_bytes(group_weights.as_deref().unwrap_or_default()));
        XxHash3_128::oneshot(&bytes)
    }
}

/// Refuses vectors of another profile, or of a stated schema that is another.
///
/// # Errors
/// When the profile is not stated, or one of both is not the index's.
pub fn check_recipe(
    index: &Searcher,
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
pub fn row_of(index: &Searcher, track_id: &str) -> Result<u32, QueryError> {
    if track_id.is_empty() || track_id.len() > MAX_TRACK_ID_BYTES {
        return Err(QueryError::TrackIdLength { got: track_id.len() });
    }
    index
        .row_of(track_id)?
        .ok_or_else(|| QueryError::UnknownTrack { track_id: track_id.to_owned() })
}

/// The first scaled value that is more than [`MAX_DEVIATIONS`] from the mean.
pub(crate) fn beyond_deviations(scaled: &[f64]) -> Option<usize> {
    scaled.iter().position(|value| value.is_nan() || value.abs() > MAX_DEVIATIONS)
}

/// A stranger's text as an error may repeat it.
fn echo(text: &str) -> String {
    text.chars().take(MAX_ECHO_CHARS).collect()
}
