//! `soundalike.v1.IndexService`. All its methods only read.

use proto::v1::{
    GetIndexInfoRequest, GetIndexInfoResponse, LookupRequest, LookupResponse,
    QueryByFeaturesRequest, QueryByFeaturesResponse, QueryByTrackIndexRequest,
    QueryByTrackIndexResponse, QueryOptions, index_service_client::IndexServiceClient,
};
use tonic::transport::Channel;

use crate::{
    call::{Attempt, Caller},
    deadline::Deadline,
    endpoints::{balance::Activity, target::Target},
    error::{CallError, OptionsError},
    options::Options,
};

/// A client of the index. Clones share connections.
#[derive(Clone, Debug)]
pub struct IndexClient(Caller);

/// One idempotent method: its documentation, name, request and answer.
macro_rules! queries {
    ($($(#[$doc:meta])* $method:ident($request:ty) -> $answer:ty;)*) => {
        impl IndexClient {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// When the server refuses the request, or no answer comes in time.
                pub async fn $method(
                    &self,
                    request: $request,
                    deadline: Deadline,
                ) -> Result<$answer, CallError> {
                    let send = |attempt: Attempt| {
                        let request = attempt.request(request.clone());
                        async move { stub(&attempt).$method(request).await }
                    };
                    self.0.query(deadline, send).await
                }
            )*
        }
    };
}

queries! {
    /// Ranks tracks by distance to a raw vector.
    query_by_features(QueryByFeaturesRequest) -> QueryByFeaturesResponse;
    /// Metadata and row of a track.
    lookup(LookupRequest) -> LookupResponse;
    /// Describes the loaded index.
    get_index_info(GetIndexInfoRequest) -> GetIndexInfoResponse;
}

impl IndexClient {
    /// A client of the servers at `target`; connects in the background. Must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// When options or TLS cannot be right.
    pub fn new(target: Target, options: Options) -> Result<Self, OptionsError> {
        Ok(Self(Caller::new(proto::INDEX_SERVICE, target, options)?))
    }

    /// Ranks tracks by distance to the track at a row. A row belongs to one index version, and replicas may hold
    /// different ones during a roll-out: the request needs the `expected_index_version` that the row is of, or
    /// a page token, which has one.
    ///
    /// # Errors
    /// [`CallError::VersionMissing`], before anything is sent, when the request names no version; when the server
    /// refuses the request, or no answer comes in time.
    pub async fn query_by_track_index(
        &self,
        request: QueryByTrackIndexRequest,
        deadline: Deadline,
    ) -> Result<QueryByTrackIndexResponse, CallError> {
        let names_version = |options: &QueryOptions| {
            !options.expected_index_version.is_empty() || !options.page_token.is_empty()
        };
        if !request.options.as_ref().is_some_and(names_version) {
            return Err(CallError::VersionMissing);
        }
        let send = |attempt: Attempt| {
            let request = attempt.request(request.clone());
            async move { stub(&attempt).query_by_track_index(request).await }
        };
        self.0.query(deadline, send).await
    }

    /// What this client did so far, and with whom.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.0.activity()
    }
}

fn stub(attempt: &Attempt) -> IndexServiceClient<Channel> {
    IndexServiceClient::new(attempt.channel.clone())
        .max_decoding_message_size(attempt.max_answer_bytes())
}
