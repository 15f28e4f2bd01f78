//! Calls over a real channel, one function per kind; answers and refusals come back untouched.

use anyhow::Result;
use proto::v1::{
    ExtractFeaturesRequest, ExtractFeaturesResponse, ExtractionConfig, FeatureVector, FeatureView,
    LookupRequest, LookupResponse, LookupView, QueryByFeaturesRequest, QueryByFeaturesResponse,
    QueryByTrackIndexRequest, QueryByTrackIndexResponse, QueryOptions,
    extract_features_request::Payload, extractor_service_client::ExtractorServiceClient,
    index_service_client::IndexServiceClient,
};
use tonic::{Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// The chunk size clients are advised to use, in bytes.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// A message with the settings of an extraction.
#[must_use]
pub fn config_message(config: ExtractionConfig) -> ExtractFeaturesRequest {
    ExtractFeaturesRequest { payload: Some(Payload::Config(config)) }
}

/// A message with audio bytes.
#[must_use]
pub fn chunk_message(bytes: &[u8]) -> ExtractFeaturesRequest {
    ExtractFeaturesRequest { payload: Some(Payload::Chunk(bytes.to_vec().into())) }
}

/// Settings that ask for everything and leave the rest to the server.
#[must_use]
pub fn full_view() -> ExtractionConfig {
    ExtractionConfig { view: FeatureView::Full.into(), ..ExtractionConfig::default() }
}

/// Sends exactly these messages as one extraction stream.
///
/// # Errors
/// The server's refusal.
pub async fn send(
    channel: &Channel,
    messages: Vec<ExtractFeaturesRequest>,
) -> Result<ExtractFeaturesResponse, Status> {
    let mut client = ExtractorServiceClient::new(channel.clone());
    let answer = client.extract_features(tokio_stream::iter(messages)).await?;
    Ok(answer.into_inner())
}

/// Streams encoded audio in chunks of `chunk_bytes` and returns the whole answer.
///
/// # Errors
/// The server's refusal.
///
/// # Panics
/// When `chunk_bytes` is zero.
pub async fn extraction(
    channel: &Channel,
    config: ExtractionConfig,
    audio: &[u8],
    chunk_bytes: usize,
) -> Result<ExtractFeaturesResponse, Status> {
    let messages =
        std::iter::once(config_message(config)).chain(audio.chunks(chunk_bytes).map(chunk_message));
    send(channel, messages.collect()).await
}

/// As [`extraction`], and returns the vector alone.
///
/// # Errors
/// The server's refusal.
///
/// # Panics
/// When `chunk_bytes` is zero, or the server answers without a vector.
pub async fn extract(
    channel: &Channel,
    config: ExtractionConfig,
    audio: &[u8],
    chunk_bytes: usize,
) -> Result<FeatureVector, Status> {
    let answer = extraction(channel, config, audio, chunk_bytes).await?;
    Ok(answer.feature_vector.expect("an answer carries a vector"))
}

/// Options that ask for `k` results and nothing else.
#[must_use]
pub fn top(k: i32) -> QueryOptions {
    QueryOptions { page_size: k, ..QueryOptions::default() }
}

/// `QueryByFeatures`.
///
/// # Errors
/// The server's refusal.
pub async fn query(
    channel: &Channel,
    vector: FeatureVector,
    options: QueryOptions,
) -> Result<QueryByFeaturesResponse, Status> {
    let request = QueryByFeaturesRequest { feature_vector: Some(vector), options: Some(options) };
    Ok(IndexServiceClient::new(channel.clone()).query_by_features(request).await?.into_inner())
}

/// `QueryByTrackIndex`.
///
/// # Errors
/// The server's refusal.
pub async fn query_row(
    channel: &Channel,
    track_index: i64,
    options: QueryOptions,
) -> Result<QueryByTrackIndexResponse, Status> {
    let request =
        QueryByTrackIndexRequest { track_index: Some(track_index), options: Some(options) };
    Ok(IndexServiceClient::new(channel.clone()).query_by_track_index(request).await?.into_inner())
}

/// `Lookup`.
///
/// # Errors
/// The server's refusal.
pub async fn lookup(
    channel: &Channel,
    track_id: &str,
    view: LookupView,
) -> Result<LookupResponse, Status> {
    let request = LookupRequest { track_id: track_id.to_owned(), view: view.into() };
    Ok(IndexServiceClient::new(channel.clone()).lookup(request).await?.into_inner())
}

/// `grpc.health.v1.Health/Check`; the empty name is the whole server.
///
/// # Errors
/// The server's refusal; a name it does not know is `NOT_FOUND`.
pub async fn health(channel: &Channel, service: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel.clone()).check(request).await?;
    Ok(answer.into_inner().status())
}
