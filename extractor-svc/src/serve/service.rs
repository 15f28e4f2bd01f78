//! The RPCs: read the upload under its limits, hand it to the pipeline, answer.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use proto::v1::{
    ExtractFeaturesRequest, ExtractFeaturesResponse, ExtractionLimits, FeatureProfile,
    FeatureVector, ListFeatureProfilesRequest, ListFeatureProfilesResponse,
    extractor_service_server::ExtractorService,
};
use serving::{CallContext, CpuPool, PeerKey};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    config::UploadLimits,
    decode::{self, EncodedAudio, StreamBounds, StreamReader},
    error::ExtractError,
    findings::Warning,
    limits::Limits,
    pipeline::{self, Extraction},
    recipe::Profile,
    serve::{
        caller::{Account, CLIP_BYTES, Caller, CallerPause, MAX_UNREAD_BYTES, need_of},
        concurrency::ConcurrencyLimit,
        memory::MemoryBudget,
        metrics::ExtractorMetrics,
        status::CallError,
        upload::{MAX_CHUNK_BYTES, Tally, Upload},
        wire::{self, ExtractionRequest, wire_duration},
    },
};

/// Largest message that is read at all: a chunk and its envelope, so that a chunk somewhat over
/// its limit is refused with our own words.
pub const MAX_MESSAGE_BYTES: usize = 4 * MAX_CHUNK_BYTES;

/// Most profiles of one page.
const MAX_PAGE_SIZE: i32 = 100;

/// The extractor service.
#[derive(Clone, Debug)]
pub struct Extractor {
    profiles: Arc<[Arc<Profile>]>,
    limits: Arc<Limits>,
    uploads: UploadLimits,
    concurrency: ConcurrencyLimit,
    memory: MemoryBudget,
    pool: CpuPool,
    metrics: ExtractorMetrics,
}

impl Extractor {
    /// A service that computes `profiles`, the first by default.
    #[must_use]
    pub fn new(
        profiles: Vec<Profile>,
        limits: Limits,
        uploads: UploadLimits,
        pool: CpuPool,
        metrics: ExtractorMetrics,
    ) -> Self {
        metrics.limits(uploads.max_uploads, uploads.max_memory);
        Self {
            profiles: profiles.into_iter().map(Arc::new).collect(),
            concurrency: ConcurrencyLimit::new(uploads.max_uploads).shown_in(metrics.places()),
            memory: MemoryBudget::new(uploads.max_memory, need_of(&limits))
                .shown_in(metrics.memory()),
            limits: Arc::new(limits),
            uploads,
            pool,
            metrics,
        }
    }

    async fn extract(
        &self,
        stream: Streaming<ExtractFeaturesRequest>,
        last_chunk: &Mutex<Option<Instant>>,
    ) -> Result<(ExtractionRequest, Extraction), CallError> {
        let peer = CallContext::current().map_or(PeerKey::Local, |call| call.peer.key());
        let _permit = self
            .concurrency
            .take(peer)
            .ok_or(CallError::Busy { max_uploads: self.uploads.max_uploads })?;
        let reservation = self.memory.admit(CLIP_BYTES, self.patience()).await?;
        let (mut upload, config) = Upload::open(stream, &self.uploads).await?;
        let request = ExtractionRequest::parse(&config, &self.profiles)?;
        let limit = self.limits.max_stream_bytes;
        if request.declared.bytes.is_some_and(|bytes| bytes > limit) {
            return Err(ExtractError::StreamTooLarge { limit }.into());
        }
        let bounds = StreamBounds {
            max_bytes: limit,
            // The upload itself is held to its limits.
            max_idle: self.uploads.max_wall,
            max_unread: MAX_UNREAD_BYTES,
        };
        let (writer, reader) = decode::stream(bounds);
        let account = Arc::new(Account::new(reservation, self.patience()));
        let first = upload.chunk().await?;
        let job = self.start(request.clone(), reader, Arc::clone(&account));
        let (mut tally, is_digested) =
            (Tally::new(&request.declared), request.declared.sha256.is_some());
        let feed = async {
            let (mut next, mut held) = (first, self.metrics.hold());
            while let Some(chunk) = next {
                tally.add(&chunk).await;
                if tally.bytes() > limit {
                    return Err(CallError::from(ExtractError::StreamTooLarge { limit }));
                }
                held.grow(chunk.len());
                *last_chunk.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                account.holds(writer.held() + chunk.len() as u64).await?;
                writer.push(chunk)?;
                poll_fn(|context| writer.poll_ready(context)).await;
                next = upload.chunk().await?;
            }
            // Before the decoder sees the end: audio that was cut off or changed on its way is that
            // first, whatever else can be said of it.
            tally.check()?;
            writer.finish();
            Ok(held)
        };
        // What the upload did wrong counts before what was made of it. An extraction that failed
        // waits for the rest of the upload only where a digest can tell that the audio is not what
        // was sent; one that is done does in any case.
        let (mut job, mut feed) = (pin!(job), pin!(feed));
        let (extraction, held) = tokio::select! {
            biased;
            fed = &mut feed => {
                let held = fed?;
                (job.await?, held)
            }
            done = &mut job => {
                if is_digested && matches!(done, Err(CallError::Extract(_))) {
                    feed.as_mut().await?;
                }
                let extraction = done?;
                (extraction, feed.await?)
            }
        };
        self.metrics.extracted(&extraction, &held);
        Ok((request, extraction))
    }

    /// Extracts what comes through `reader`, on a thread of its own, in turns with others.
    async fn start(
        &self,
        request: ExtractionRequest,
        reader: StreamReader,
        account: Arc<Account>,
    ) -> Result<Extraction, CallError> {
        let limits = request.limits(&self.limits);
        self.pool
            .run_in_turns(move |cancel, turn| {
                let caller = Arc::new(Caller::new(cancel.clone(), turn, account));
                let audio = EncodedAudio::from_stream(
                    reader.with_pause(CallerPause::new(Arc::clone(&caller))),
                );
                let audio = match request.pcm {
                    Some(layout) => audio.with_pcm(layout),
                    None => audio,
                };
                let ExtractionRequest { window, profile, .. } = &request;
                let extraction = pipeline::extract(audio, window, profile, &limits, &*caller);
                caller.refusal().map_or(extraction.map_err(CallError::from), Err)
            })
            .await?
    }

    /// How long a call may wait for memory.
    fn patience(&self) -> Duration {
        let until_deadline = CallContext::current()
            .and_then(|call| call.deadline)
            .map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        self.pool.max_wait().min(until_deadline)
    }

    fn answer(request: &ExtractionRequest, extraction: Extraction) -> ExtractFeaturesResponse {
        let warnings = extraction.source.warnings.iter().map(wire::wire_warning).collect();
        let damaged_share = extraction.source.damaged_share;
        let schema = request.profile.schema();
        let feature_vector = FeatureVector {
            profile_id: request.profile.id().to_owned(),
            schema_sha256: schema.sha256(),
            names: if request.full { schema.names().to_vec() } else { Vec::new() },
            provenance: request.full.then(|| wire::provenance(&extraction)),
            values: extraction.values,
        };
        ExtractFeaturesResponse { feature_vector: Some(feature_vector), warnings, damaged_share }
    }
}

#[tonic::async_trait]
impl ExtractorService for Extractor {
    async fn extract_features(
        &self,
        request: Request<Streaming<ExtractFeaturesRequest>>,
    ) -> Result<Response<ExtractFeaturesResponse>, Status> {
        let (started, last_chunk) = (Instant::now(), Mutex::new(None));
        let peer = request.remote_addr().map(tracing::field::display);
        let limit = self.uploads.max_wall;
        let outcome = tokio::time::timeout(limit, self.extract(request.into_inner(), &last_chunk))
            .await
            .unwrap_or(Err(CallError::Extract(ExtractError::WallTime { limit })));
        let elapsed_ms = millis(started.elapsed());
        let last_chunk = last_chunk.into_inner().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok((request, extraction)) => {
                let after_upload = last_chunk.unwrap_or(started).elapsed();
                self.metrics.answered(after_upload);
                tracing::info!(
                    peer,
                    elapsed_ms,
                    after_upload_ms = millis(after_upload),
                    codec = extraction.source.source_codec,
                    audio_seconds = extraction.source.seconds(),
                    damaged_share = extraction.source.damaged_share,
                    warnings = codes(&extraction.source.warnings),
                    "features extracted"
                );
                Ok(Response::new(Self::answer(&request, extraction)))
            }
            Err(error) => {
                let said = serving::loggable(&error);
                let status = Status::from(error);
                let reason = serving::reason_of(&status);
                tracing::info!(peer, elapsed_ms, reason, error = said, "call refused");
                Err(status)
            }
        }
    }

    async fn list_feature_profiles(
        &self,
        request: Request<ListFeatureProfilesRequest>,
    ) -> Result<Response<ListFeatureProfilesResponse>, Status> {
        let request = request.into_inner();
        let page_size = match request.page_size {
            0 => MAX_PAGE_SIZE,
            size if size > 0 => size.min(MAX_PAGE_SIZE),
            size => return Err(CallError::from(invalid("page_size", size)).into()),
        };
        let first = match request.page_token.as_str() {
            "" => 0,
            token => match token.parse::<usize>() {
                Ok(first) if first < self.profiles.len() => first,
                _ => return Err(CallError::from(invalid("page_token", token)).into()),
            },
        };
        let end = self.profiles.len().min(first + page_size.unsigned_abs() as usize);
        let feature_profiles = self.profiles[first..end]
            .iter()
            .map(|profile| {
                let schema = profile.schema();
                FeatureProfile {
                    id: profile.id().to_owned(),
                    schema_sha256: schema.sha256(),
                    names: schema.names().to_vec(),
                    description: profile.description(),
                }
            })
            .collect();
        let next_page_token =
            if end < self.profiles.len() { end.to_string() } else { String::new() };
        let limits = Some(self.wire_limits());
        Ok(Response::new(ListFeatureProfilesResponse { feature_profiles, next_page_token, limits }))
    }
}

impl Extractor {
    fn wire_limits(&self) -> ExtractionLimits {
        let narrow = |value: u64| i32::try_from(value).unwrap_or(i32::MAX);
        ExtractionLimits {
            max_stream_bytes: i64::try_from(self.limits.max_stream_bytes).unwrap_or(i64::MAX),
            max_chunk_bytes: narrow(MAX_CHUNK_BYTES as u64),
            max_audio_duration: Some(wire_duration(self.limits.max_audio)),
            min_sample_rate_hertz: narrow(self.limits.min_sample_rate.into()),
            max_sample_rate_hertz: narrow(self.limits.max_sample_rate.into()),
            max_channel_count: narrow(self.limits.max_channels as u64),
            max_idle_time: Some(wire_duration(self.uploads.max_idle)),
            max_damage: self.limits.max_damage,
            refused_warnings: self
                .limits
                .refused
                .iter()
                .map(|code| wire::wire_code(*code).into())
                .collect(),
        }
    }
}

fn invalid(field: &'static str, value: impl std::fmt::Display) -> ExtractError {
    ExtractError::InvalidField { field, message: format!("`{value}` is not valid here") }
}

/// The kinds of findings, once each, in the order in which they were found.
fn codes(warnings: &[Warning]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for warning in warnings {
        if !names.contains(&warning.code.name()) {
            names.push(warning.code.name());
        }
    }
    names.join(",")
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}
