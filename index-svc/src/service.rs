//! `soundalike.v1.IndexService`: wire request, checked query, worker pool, wire response.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use engine::Stop;
use proto::v1::{
    BatchLookupRequest, BatchLookupResponse, BatchRecommendRequest, BatchRecommendResponse,
    ExplainDistanceRequest, ExplainDistanceResponse, GetIndexInfoRequest, GetIndexInfoResponse,
    LookupRequest, LookupResponse, QueryByFeaturesRequest, QueryByFeaturesResponse,
    QueryByTrackIndexRequest, QueryByTrackIndexResponse, QueryOptions, RecommendRequest,
    RecommendResponse, batch_lookup_response, batch_recommend_response,
    index_service_server::{IndexService, IndexServiceServer},
};
use serving::{Cancel, CpuPool, PoolError};
use tonic::{Request, Response, Status, codec::CompressionEncoding};

use crate::{
    batch::{self, note},
    error::Error,
    info::info,
    live::LiveRecall,
    pages::version_of,
    query::{Comparison, Query, QueryError, check_batch, check_lookups, lookup_view},
    reply,
    search::Answer,
    searcher::Searcher,
    status,
    versions::Served,
    work::DEFAULT_MAX_WORK,
};

/// Largest request, in bytes: a hundred recommendations by several examples each.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;

/// The service over the versions of one index; each call is answered by one of them.
#[derive(Clone, Debug)]
pub struct IndexApi {
    served: Arc<Served>,
    pool: CpuPool,
    live: LiveRecall,
    max_work: u64,
}

impl IndexApi {
    /// Answers from what is `served`, computing on `pool`; `live` is told of the answers.
    #[must_use]
    pub fn new(served: Arc<Served>, pool: CpuPool, live: LiveRecall) -> Self {
        Self { served, pool, live, max_work: DEFAULT_MAX_WORK }
    }

    /// The same service, where a query may take so much work, in the units of [`crate::work`].
    #[must_use]
    pub fn with_max_work(self, max_work: u64) -> Self {
        Self { max_work, ..self }
    }

    /// The service as a server takes it, with its limits set.
    #[must_use]
    pub fn into_server(self) -> IndexServiceServer<Self> {
        IndexServiceServer::new(self)
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_REQUEST_BYTES)
    }

    /// The version that answers a call with these options, for the whole of the call: the one that
    /// it expects or that its page token is of.
    fn pick(&self, options: Option<&QueryOptions>) -> Arc<Searcher> {
        named_version(options)
            .map_or_else(|| self.served.current(), |version| self.served.pick(&version))
    }

    /// Answers where it was asked if that takes microseconds, which a change of threads would
    /// double; else on a worker.
    async fn answer(
        &self,
        index: &Arc<Searcher>,
        query: Result<Query, QueryError>,
    ) -> Result<Answer, Status> {
        let query = query.inspect_err(note)?;
        let max_work = self.max_work;
        index.check_work(&query, max_work).map_err(QueryError::from)?;
        let here = catch_unwind(AssertUnwindSafe(|| index.search_here(&query)))
            .map_err(|_| status::from_pool(PoolError::Panicked))?;
        let (query, answer) = match here.map_err(QueryError::from).inspect_err(note)? {
            Some(answer) => (query, answer),
            None => {
                let search = move |index: &Searcher, stop: Stop<'_>| {
                    let answer = index.search_within(&query, max_work, stop)?;
                    Ok((query, answer))
                };
                self.compute(Arc::clone(index), search).await?
            }
        };
        self.live.answered(index, &query, &answer);
        Ok(answer)
    }

    /// Runs `job` over `index` on a worker, until nobody waits for it any more.
    async fn compute<T: Send + 'static>(
        &self,
        index: Arc<Searcher>,
        job: impl FnOnce(&Searcher, Stop<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Status> {
        let job = move |cancel: &Cancel| job(&index, Stop::when(&|| cancel.is_cancelled()));
        finished(self.pool.run(job).await)
    }

    /// As [`Self::compute`], for the next turn of a batch.
    async fn compute_next<T: Send + 'static>(
        &self,
        index: Arc<Searcher>,
        job: impl FnOnce(&Searcher, Stop<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Status> {
        let job = move |cancel: &Cancel| job(&index, Stop::when(&|| cancel.is_cancelled()));
        finished(self.pool.run_next(job).await)
    }

    /// Answers a turn of a batch on a worker: each item's place, with its response or its status.
    async fn answer_turn(
        &self,
        turn: batch::Turn,
    ) -> Result<Vec<(usize, Result<RecommendResponse, Vec<u8>>)>, Status> {
        let max_work = self.max_work;
        let batch::Turn { index, places, queries } = turn;
        let job = move |index: &Searcher, stop: Stop<'_>| {
            let answers = batch::all_or_each(
                &queries,
                |queries| index.search_many(queries, max_work, stop),
                |query| index.search_within(query, max_work, stop),
            )?;
            let response = |answer: Result<Answer, Error>| Ok(recommended(index, answer?));
            let outcomes = batch::each(answers, stop, response, |outcome| outcome)?;
            Ok(places.into_iter().zip(outcomes).collect())
        };
        self.compute_next(index, job).await
    }
}

/// What a job on a worker came to.
fn finished<T>(done: Result<Result<T, QueryError>, PoolError>) -> Result<T, Status> {
    let done = done.map_err(status::from_pool)?;
    Ok(done.inspect_err(note)?)
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
        let stats = Some(reply::stats(&index, &answer));
        let (neighbors, next_page_token) =
            (reply::neighbors(answer.neighbors), answer.next_page_token);
        Ok(Response::new(QueryByFeaturesResponse { neighbors, next_page_token, stats }))
    }

    async fn query_by_track_index(
        &self,
        request: Request<QueryByTrackIndexRequest>,
    ) -> Result<Response<QueryByTrackIndexResponse>, Status> {
        let request = request.into_inner();
        let index = self.pick(request.options.as_ref());
        let answer = self.answer(&index, Query::from_track_index(&index, &request)).await?;
        let stats = Some(reply::stats(&index, &answer));
        let (neighbors, next_page_token) =
            (reply::neighbors(answer.neighbors), answer.next_page_token);
        let seed = answer.seed.map(|(row, metadata)| reply::track(row, metadata));
        Ok(Response::new(QueryByTrackIndexResponse { neighbors, next_page_token, stats, seed }))
    }

    async fn lookup(
        &self,
        request: Request<LookupRequest>,
    ) -> Result<Response<LookupResponse>, Status> {
        let request = request.into_inner();
        let found = self.compute(self.served.current(), move |index, _| {
            reply::lookup(index, &request.track_id, lookup_view(request.view)?)
        });
        Ok(Response::new(found.await?))
    }

    async fn batch_lookup(
        &self,
        request: Request<BatchLookupRequest>,
    ) -> Result<Response<BatchLookupResponse>, Status> {
        use batch_lookup_response::{Result as Item, result::Result as Outcome};
        let request = request.into_inner();
        check_lookups(&request.track_ids)?;
        let view = lookup_view(request.view)?;
        let (index, mut ids) = (self.served.current(), request.track_ids.into_iter());
        let mut results = Vec::with_capacity(ids.len());
        while ids.len() > 0 {
            let turn: Vec<String> = ids.by_ref().take(batch::TURN_LOOKUPS).collect();
            let job = move |index: &Searcher, stop: Stop<'_>| {
                let item = |outcome: Result<_, _>| {
                    let outcome = outcome.map_or_else(Outcome::ErrorStatus, Outcome::Response);
                    Item { result: Some(outcome) }
                };
                batch::each(&turn, stop, |id| reply::lookup(index, id, view), item)
            };
            let index = Arc::clone(&index);
            results.extend(match results.is_empty() {
                true => self.compute(index, job).await?,
                false => self.compute_next(index, job).await?,
            });
        }
        Ok(Response::new(BatchLookupResponse { results }))
    }

    async fn recommend(
        &self,
        request: Request<RecommendRequest>,
    ) -> Result<Response<RecommendResponse>, Status> {
        let request = request.into_inner();
        let index = self.pick(request.options.as_ref());
        let answer = self.answer(&index, Query::from_recommend(&index, request)).await?;
        Ok(Response::new(recommended(&index, answer)))
    }

    async fn batch_recommend(
        &self,
        request: Request<BatchRecommendRequest>,
    ) -> Result<Response<BatchRecommendResponse>, Status> {
        use batch_recommend_response::{Result as Item, result::Result as Outcome};
        let requests = request.into_inner().requests;
        check_batch(&requests)?;
        let (served, max_work) = (Arc::clone(&self.served), self.max_work);
        // Items that name no version are all answered by one.
        let current = self.served.current();
        let named = Arc::clone(&current);
        let asked = self.compute(current, move |_, stop| {
            let item = |(place, request): (usize, RecommendRequest)| {
                let index = match named_version(request.options.as_ref()) {
                    Some(name) => served.pick(&name),
                    None => Arc::clone(&named),
                };
                let query = Query::from_recommend(&index, request)?;
                batch::Item::new(place, index, query, max_work)
            };
            batch::each(requests.into_iter().enumerate(), stop, item, |asked| asked)
        });
        let mut items = Vec::new();
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        for asked in asked.await? {
            outcomes.push(match asked {
                Ok(item) => {
                    items.push(item);
                    None
                }
                Err(status) => Some(Outcome::ErrorStatus(status)),
            });
        }
        for turn in batch::turns(items) {
            for (place, outcome) in self.answer_turn(turn).await? {
                let outcome = outcome.map_or_else(Outcome::ErrorStatus, Outcome::Response);
                outcomes[place] = Some(outcome);
            }
        }
        let results = outcomes.into_iter().map(|result| Item { result }).collect();
        Ok(Response::new(BatchRecommendResponse { results }))
    }

    async fn explain_distance(
        &self,
        request: Request<ExplainDistanceRequest>,
    ) -> Result<Response<ExplainDistanceResponse>, Status> {
        let request = request.into_inner();
        let index = self.served.pick(&request.expected_index_version);
        let explained = self.compute(index, move |index, _| {
            let compared = index.compare(&Comparison::from_wire(index, request)?)?;
            Ok(reply::compared(index, compared))
        });
        Ok(Response::new(explained.await?))
    }

    async fn get_index_info(
        &self,
        _request: Request<GetIndexInfoRequest>,
    ) -> Result<Response<GetIndexInfoResponse>, Status> {
        Ok(Response::new(info(&self.served.current(), self.max_work)))
    }
}

/// The version that options expect, or that their page token is of.
fn named_version(options: Option<&QueryOptions>) -> Option<String> {
    let options = options?;
    match options.expected_index_version.as_str() {
        "" => version_of(&options.page_token),
        expected => Some(expected.to_owned()),
    }
}

fn recommended(index: &Searcher, answer: Answer) -> RecommendResponse {
    let stats = Some(reply::stats(index, &answer));
    let Answer { neighbors, next_page_token, seed_track_ids, .. } = answer;
    let neighbors = reply::neighbors(neighbors);
    RecommendResponse { neighbors, next_page_token, stats, seed_track_ids }
}
