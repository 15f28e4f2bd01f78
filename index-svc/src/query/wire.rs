//! Requests as they come over the wire into checked queries.

use proto::{
    features::FeatureSchema,
    v1::{self, LookupView, query_options::ResultView, recommend_request},
};

use super::{
    EXPLAINED_COST, Example, MAX_BATCH_LOOKUPS, MAX_BATCH_REQUESTS, MAX_BATCH_RESULTS, Options,
    Query, QueryError, Seed, check_recipe, echo,
};
use crate::{recommend::Strategy, searcher::Searcher};

/// Two vectors whose distance is to be explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub(crate) left: Seed,
    pub(crate) right: Seed,
}

impl Options {
    fn from_wire(index: &Searcher, options: Option<&v1::QueryOptions>) -> Result<Self, QueryError> {
        let Some(options) = options else {
            return Self::new(0, false, 0, false);
        };
        check_version(index, &options.expected_index_version)?;
        let (page_size, search_k) = (i64::from(options.page_size), i64::from(options.search_k));
        let view = ResultView::try_from(options.view)
            .map_err(|_| QueryError::View { got: options.view })?;
        let mut checked = Self::new(page_size, options.exact, search_k, options.include_seeds)?
            .with_duplicates(options.include_duplicates)
            .with_max_per_artist(i64::from(options.max_per_artist))?
            .with_diversity(options.diversity)?;
        if let Some(target) = options.target_recall {
            checked = checked.with_target_recall(target)?;
        }
        if let Some(most) = options.max_distance {
            checked = checked.with_max_distance(most)?;
        }
        if !options.filter.is_empty() {
            checked = checked.with_filter(index, &options.filter)?;
        }
        if !options.group_weights.is_empty() {
            let weights = options.group_weights.iter().map(|(name, weight)| (&**name, *weight));
            checked = checked.with_group_weights(index, weights)?;
        }
        Ok(if view == ResultView::Explained { checked.with_explanations() } else { checked })
    }
}

impl Query {
    /// The query of a `QueryByFeatures` request.
    ///
    /// # Errors
    /// As the contract says: recipe first, then shape, then values.
    pub fn from_features(
        index: &Searcher,
        request: v1::QueryByFeaturesRequest,
    ) -> Result<Self, QueryError> {
        let options = Options::from_wire(index, request.options.as_ref())?;
        let vector = request.feature_vector.ok_or(QueryError::VectorMissing)?;
        Self::by_seed(from_vector(index, vector)?, options)
            .from_page(index, token(request.options.as_ref()))
    }

    /// The query of a `QueryByTrackIndex` request.
    ///
    /// # Errors
    /// As the contract says.
    pub fn from_track_index(
        index: &Searcher,
        request: &v1::QueryByTrackIndexRequest,
    ) -> Result<Self, QueryError> {
        let options = Options::from_wire(index, request.options.as_ref())?;
        let row = request.track_index.ok_or(QueryError::RowMissing)?;
        Self::by_row(index, row, options)?.from_page(index, token(request.options.as_ref()))
    }

    /// The query of a `Recommend` request.
    ///
    /// # Errors
    /// As the contract says; what is wrong with an example is said of `seeds[i]`.
    pub fn from_recommend(
        index: &Searcher,
        request: v1::RecommendRequest,
    ) -> Result<Self, QueryError> {
        let options = Options::from_wire(index, request.options.as_ref())?;
        let strategy = strategy(request.strategy)?;
        if !(1..=super::MAX_SEEDS).contains(&request.seeds.len()) {
            return Err(QueryError::SeedCount { got: request.seeds.len() });
        }
        let examples = request
            .seeds
            .into_iter()
            .enumerate()
            .map(|(i, seed)| example(index, seed).map_err(|error| error.at(format!("seeds[{i}]"))))
            .collect::<Result<_, _>>()?;
        Self::by_examples(examples, strategy, options)?
            .from_page(index, token(request.options.as_ref()))
    }
}

impl Comparison {
    /// The comparison of an `ExplainDistance` request.
    ///
    /// # Errors
    /// As the contract says; what is wrong with a side is said of `left` or `right`.
    pub fn from_wire(
        index: &Searcher,
        request: v1::ExplainDistanceRequest,
    ) -> Result<Self, QueryError> {
        check_version(index, &request.expected_index_version)?;
        let side = |seed: Option<v1::Seed>, name: &str| {
            let seed = seed.and_then(|seed| seed.seed).ok_or(QueryError::SeedMissing);
            seed.and_then(|seed| from_seed(index, seed)).map_err(|error| error.at(name))
        };
        Ok(Self { left: side(request.left, "left")?, right: side(request.right, "right")? })
    }
}

/// Refuses a batch of too many requests, or of too many results.
///
/// # Errors
/// When it has.
pub fn check_batch(requests: &[v1::RecommendRequest]) -> Result<(), QueryError> {
    if requests.len() > MAX_BATCH_REQUESTS {
        return Err(QueryError::BatchRequests { got: requests.len() });
    }
    let cost = |request: &v1::RecommendRequest| {
        let options = request.options.as_ref();
        let page_size = options.map_or(0, |options| i64::from(options.page_size));
        // What is refused costs nothing.
        let checked = Options::new(page_size, false, 0, false).ok();
        let explained = options.is_some_and(|o| o.view == i32::from(ResultView::Explained));
        checked.map_or(0, |checked| match explained {
            true => checked.with_explanations().k * EXPLAINED_COST,
            false => checked.k,
        })
    };
    let got = requests.iter().map(cost).sum();
    if got > MAX_BATCH_RESULTS {
        return Err(QueryError::BatchResults { got });
    }
    Ok(())
}

/// Refuses a batch of too many ids.
///
/// # Errors
/// When it has.
pub fn check_lookups(track_ids: &[String]) -> Result<(), QueryError> {
    if track_ids.len() > MAX_BATCH_LOOKUPS {
        return Err(QueryError::BatchLookups { got: track_ids.len() });
    }
    Ok(())
}

/// The view of a look-up.
///
/// # Errors
/// When the contract does not know the number.
pub fn lookup_view(number: i32) -> Result<LookupView, QueryError> {
    LookupView::try_from(number).map_err(|_| QueryError::LookupView { got: number })
}

fn check_version(index: &Searcher, expected: &str) -> Result<(), QueryError> {
    if !expected.is_empty() && expected != index.version() {
        let (got, expected) = (index.version().to_owned(), echo(expected));
        return Err(QueryError::VersionMismatch { got, expected });
    }
    Ok(())
}

fn token(options: Option<&v1::QueryOptions>) -> &str {
    options.map_or("", |options| &options.page_token)
}

fn strategy(number: i32) -> Result<Strategy, QueryError> {
    use recommend_request::Strategy as Wire;
    Ok(match Wire::try_from(number).map_err(|_| QueryError::Strategy { got: number })? {
        Wire::Unspecified | Wire::Centroid => Strategy::Centroid,
        Wire::BestOf => Strategy::BestOf,
        Wire::SharedTraits => Strategy::SharedTraits,
    })
}

fn example(index: &Searcher, seed: v1::Seed) -> Result<Example, QueryError> {
    let weight = seed.weight;
    from_seed(index, seed.seed.ok_or(QueryError::SeedMissing)?)?.weighing(weight)
}

fn from_seed(index: &Searcher, seed: v1::seed::Seed) -> Result<Seed, QueryError> {
    match seed {
        v1::seed::Seed::TrackId(track_id) => Seed::track_id(index, &track_id),
        v1::seed::Seed::TrackIndex(row) => Seed::row(index, row),
        v1::seed::Seed::FeatureVector(vector) => from_vector(index, vector),
    }
}

fn from_vector(index: &Searcher, vector: v1::FeatureVector) -> Result<Seed, QueryError> {
    check_recipe(index, &vector.profile_id, &vector.schema_sha256)?;
    check_names(index, vector.names)?;
    Seed::vector(index, vector.values)
}

/// Refuses values that are said to be of other features than the index's, or in another order.
fn check_names(index: &Searcher, names: Vec<String>) -> Result<(), QueryError> {
    if names.is_empty() || names == index.schema().names() {
        return Ok(());
    }
    let got = FeatureSchema::from_names(names).sha256();
    Err(QueryError::SchemaMismatch { got, expected: index.schema().sha256() })
}
