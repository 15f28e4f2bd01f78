//! `soundalike.v1.IndexService`: wire request, checked query, worker pool, wire response.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use proto::v1::{
    self, FeatureVector, FeatureView, GetIndexInfoRequest, GetIndexInfoResponse, LookupRequest,
    LookupResponse, QueryByFeaturesRequest, QueryByFeaturesResponse, QueryByTrackIndexRequest,
    QueryByTrackIndexResponse, QueryStats, Track,
    get_index_info_response::RecallPoint,
    index_service_server::{IndexService, IndexServiceServer},
};
use serving::{CpuPool, PoolError};
use tonic::{Request, Response, Status};

use crate::{
    index::Index,
    metadata::TrackMetadata,
    query::{MAX_PAGE_SIZE, MAX_SEARCH_K, Query, QueryError, row_of},
    search::Answer,
    status,
    versions::Served,
};

/// Largest request, in bytes: a vector with its names and provenance is a tenth of it.
pub const MAX_REQUEST_BYTES: usize = 256 << 10;

/// The service over the versions of one index; each call is answered by one of them.
#[derive(Clone, Debug)]
pub struct IndexApi {
    served: Arc<Served>,
    pool: CpuPool,
}

impl IndexApi {
    /// Answers from what is `served`, computing on `pool`.
    #[must_use]
    pub fn new(served: Arc<Served>, pool: CpuPool) -> Self {
        Self { served, pool }
    }

    /// The service as a server takes it, with its limits set.
    #[must_use]
    pub fn into_server(self) -> IndexServiceServer<Self> {
        IndexServiceServer::new(self).max_decoding_message_size(MAX_REQUEST_BYTES)
    }

    /// The version that answers a call with these options, for the whole of the call.
    fn pick(&self, options: Option<&v1::QueryOptions>) -> Arc<Index> {
        self.served.pick(options.map_or("", |options| &options.expected_index_version))
    }

    /// Answers where it was asked if that takes microseconds, which a change of threads would
    /// double; else on a worker.
    async fn answer(
        &self,
        index: &Arc<Index>,
        query: Result<Query, QueryError>,
    ) -> Result<Answer, Status> {
        let query = query.inspect_err(tell)?;
        let here = catch_unwind(AssertUnwindSafe(|| index.search_here(&query)))
            .map_err(|_| status::from_pool(PoolError::Panicked))?;
        match here.map_err(QueryError::from).inspect_err(tell)? {
            Some(answer) => Ok(answer),
            None => self.compute(index, move |index| Ok(index.search(&query)?)).await,
        }
    }

    /// Runs `job` over `index` on a worker.
    async fn compute<T: Send + 'static>(
        &self,
        index: &Arc<Index>,
        job: impl FnOnce(&Index) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Status> {
        let index = Arc::clone(index);
        let done = self.pool.run(move |_| job(&index)).await.map_err(status::from_pool)?;
        Ok(done.inspect_err(tell)?)
    }
}

/// Logs what is no answer to a caller.
fn tell(error: &QueryError) {
    if let QueryError::Index(error) = error {
        tracing::error!(%error, "the index could not be read");
    }
}

#[tonic::async_trait]
impl IndexService for IndexApi {
    async fn query_by_features(
        &self,
        request: Request<QueryByFeaturesRequest>,
    ) -> Result<Response<QueryByFeaturesResponse>, Status> {
        let request = request.into_inner();
        let index = self.pick(request.options.as_ref());
        let answer = self.answer(&index, Query::from_features(&index, request)).await?;
        let stats = Some(stats(&index, &answer));
        let neighbors = neighbors(answer);
        Ok(Response::new(QueryByFeaturesResponse { neighbors, stats }))
    }

    async fn query_by_track_index(
        &self,
        request: Request<QueryByTrackIndexRequest>,
    ) -> Result<Response<QueryByTrackIndexResponse>, Status> {
        let request = request.into_inner();
        let index = self.pick(request.options.as_ref());
        let mut answer = self.answer(&index, Query::from_track_index(&index, &request)).await?;
        let seed = answer.seed.take().map(|(row, metadata)| track(row, metadata));
        let stats = Some(stats(&index, &answer));
        let neighbors = neighbors(answer);
        Ok(Response::new(QueryByTrackIndexResponse { neighbors, stats, seed }))
    }

    async fn lookup(
        &self,
        request: Request<LookupRequest>,
    ) -> Result<Response<LookupResponse>, Status> {
        let request = request.into_inner();
        let index = self.served.current();
        let found = self.compute(&index, move |index| look_up(index, &request)).await?;
        Ok(Response::new(found))
    }

    async fn get_index_info(
        &self,
        _request: Request<GetIndexInfoRequest>,
    ) -> Result<Response<GetIndexInfoResponse>, Status> {
        Ok(Response::new(info(&self.served.current())))
    }
}

fn look_up(index: &Index, request: &LookupRequest) -> Result<LookupResponse, QueryError> {
    let view = FeatureView::try_from(request.feature_view)
        .map_err(|_| QueryError::FeatureView { got: request.feature_view })?;
    let row = row_of(index, &request.track_id)?;
    let feature_vector = match view {
        FeatureView::Unspecified => None,
        FeatureView::Basic | FeatureView::Full => {
            let names = (view == FeatureView::Full).then(|| index.schema().names().to_vec());
            Some(FeatureVector {
                values: index.raw(row)?,
                profile_id: index.manifest().profile_id.clone(),
                schema_sha256: index.manifest().schema_sha256.clone(),
                names: names.unwrap_or_default(),
                provenance: None,
            })
        }
    };
    Ok(LookupResponse {
        track: Some(track(row, index.metadata(row)?)),
        feature_vector,
        index_version: index.version().to_owned(),
    })
}

fn info(index: &Index) -> GetIndexInfoResponse {
    let manifest = index.manifest();
    GetIndexInfoResponse {
        index_version: index.version().to_owned(),
        profile_id: manifest.profile_id.clone(),
        schema_sha256: manifest.schema_sha256.clone(),
        track_count: i64::from(manifest.rows),
        tree_count: wire_count(manifest.forest.trees as usize),
        recall_at_10: manifest.recall_at_10,
        build_time: Some(prost_types::Timestamp { seconds: manifest.built_at_unix, nanos: 0 }),
        constant_features: manifest.constant_features.clone(),
        imputed_value_count: i64::try_from(manifest.missing_values.imputed_values)
            .unwrap_or(i64::MAX),
        feature_names: manifest.feature_names.clone(),
        max_page_size: wire_count(MAX_PAGE_SIZE),
        max_search_k: wire_count(MAX_SEARCH_K),
        recall_curve: manifest.recall_curve.iter().map(recall_point).collect(),
    }
}

fn recall_point(point: &crate::planner::RecallPoint) -> RecallPoint {
    RecallPoint {
        target_recall: point.target,
        margin: point.margin.map(f64::from),
        recall: point.recall,
        scored_share: point.scored_share,
        p50_microseconds: point.p50_us,
    }
}

fn stats(index: &Index, answer: &Answer) -> QueryStats {
    QueryStats {
        index_version: index.version().to_owned(),
        exact: answer.plan.is_exact(),
        candidate_count: i64::try_from(answer.candidate_count).unwrap_or(i64::MAX),
        suppressed_seed_count: wire_count(answer.suppressed_seed_count),
        out_of_range_features: answer.out_of_range_features.clone(),
        engine: answer.plan.engine.to_string(),
        effort: answer.plan.effort.to_string(),
    }
}

fn neighbors(answer: Answer) -> Vec<v1::Neighbor> {
    let wire = |neighbor: crate::search::Neighbor| v1::Neighbor {
        track: Some(track(neighbor.row, neighbor.metadata)),
        distance: neighbor.distance,
        similarity_percentile: neighbor.similarity_percentile,
    };
    answer.neighbors.into_iter().map(wire).collect()
}

fn track(row: u32, metadata: TrackMetadata) -> Track {
    Track {
        track_id: metadata.track_id,
        track_title: metadata.track_title,
        artist_name: metadata.artist_name,
        album_title: metadata.album_title,
        track_index: i64::from(row),
        attributes: metadata.attributes.into_iter().collect(),
    }
}

/// A count in the wire's 32 bits; the largest there is where it does not fit.
fn wire_count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
