//! A tonic server with nothing around it: it reads the request and returns one reply.

use std::fs;
use std::path::Path;

use prost::Message as _;
use proto::v1::{
    BatchLookupRequest, BatchLookupResponse, BatchRecommendRequest, BatchRecommendResponse,
    ExplainDistanceRequest, ExplainDistanceResponse, GetIndexInfoRequest, GetIndexInfoResponse,
    LookupRequest, LookupResponse, QueryByFeaturesRequest, QueryByFeaturesResponse,
    QueryByTrackIndexRequest, QueryByTrackIndexResponse, RecommendRequest, RecommendResponse,
    index_service_server::{IndexService, IndexServiceServer},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

const REPLY: &str = "reply.binpb";

/// Keeps what the bare server of this folder is to reply.
pub(crate) fn keep(folder: &Path, reply: &QueryByFeaturesResponse) {
    fs::write(folder.join(REPLY), reply.encode_to_vec()).expect("writable");
}

/// Serves the reply of this folder until the process is killed.
pub(crate) fn serve(folder: &Path) {
    let bytes = fs::read(folder.join(REPLY)).expect("kept before");
    let bare = Bare(QueryByFeaturesResponse::decode(&*bytes).expect("a reply"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("listening on {}", listener.local_addr().expect("bound"));
        let incoming = tokio_stream::StreamExt::map(TcpListenerStream::new(listener), |stream| {
            stream.inspect(|stream| stream.set_nodelay(true).expect("a socket"))
        });
        let service = IndexServiceServer::new(bare);
        let served = Server::builder().add_service(service).serve_with_incoming(incoming);
        served.await.expect("it serves");
    });
}

struct Bare(QueryByFeaturesResponse);

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("only one method is measured"))
}

#[tonic::async_trait]
impl IndexService for Bare {
    async fn query_by_features(
        &self,
        _request: Request<QueryByFeaturesRequest>,
    ) -> Result<Response<QueryByFeaturesResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn query_by_track_index(
        &self,
        _request: Request<QueryByTrackIndexRequest>,
    ) -> Result<Response<QueryByTrackIndexResponse>, Status> {
        not_here()
    }

    async fn lookup(
        &self,
        _request: Request<LookupRequest>,
    ) -> Result<Response<LookupResponse>, Status> {
        not_here()
    }

    async fn batch_lookup(
        &self,
        _request: Request<BatchLookupRequest>,
    ) -> Result<Response<BatchLookupResponse>, Status> {
        not_here()
    }

    async fn recommend(
        &self,
        _request: Request<RecommendRequest>,
    ) -> Result<Response<RecommendResponse>, Status> {
        not_here()
    }

    async fn batch_recommend(
        &self,
        _request: Request<BatchRecommendRequest>,
    ) -> Result<Response<BatchRecommendResponse>, Status> {
        not_here()
    }

    async fn explain_distance(
        &self,
        _request: Request<ExplainDistanceRequest>,
    ) -> Result<Response<ExplainDistanceResponse>, Status> {
        not_here()
    }

    async fn get_index_info(
        &self,
        _request: Request<GetIndexInfoRequest>,
    ) -> Result<Response<GetIndexInfoResponse>, Status> {
        not_here()
    }
}
