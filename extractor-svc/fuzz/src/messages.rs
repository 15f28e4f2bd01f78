//! Any sequence of messages, in any order and cut anywhere, through the real service in process.

use std::cell::RefCell;
use std::time::Duration;

use extractor_svc::config::UploadLimits;
use extractor_svc::limits::Limits;
use extractor_svc::recipe::Profile;
use extractor_svc::serve::metrics::ExtractorMetrics;
use extractor_svc::serve::service::Extractor;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message as _;
use proto::features::DEFAULT_PROFILE;
use proto::v1::extract_features_request::Payload;
use proto::v1::extraction_config::AudioEncoding;
use proto::v1::extractor_service_server::ExtractorServiceServer;
use proto::v1::{ExtractFeaturesRequest, ExtractionConfig};
use serving::CpuPool;
use serving::metrics::Registry;
use tonic::codegen::{Bytes, Service as _, http};
use tonic::{Code, Status, body::Body};

/// Most messages of one stream.
const MAX_MESSAGES: usize = 16;

/// One step of a stream.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Settings for headerless samples, which any chunk is a part of.
    Config,
    /// Samples; none of them makes the audio silent or not finite.
    Chunk(usize),
    /// A message without a payload.
    Nothing,
    /// A message of bytes that need not be protobuf.
    Junk(Vec<u8>),
}

thread_local! {
    static SERVER: RefCell<(tokio::runtime::Runtime, ExtractorServiceServer<Extractor>)> =
        RefCell::new(server());
}

/// Sends the stream that `data` spells and compares the outcome with the contract.
///
/// # Panics
/// When the server panics, or answers what it must not.
pub fn run(data: &[u8]) {
    let Some((&cut, script)) = data.split_first() else { return };
    let steps = parse(script);
    let status = SERVER.with_borrow_mut(|(runtime, server)| {
        runtime.block_on(send(server, body(&steps, usize::from(cut) + 1)))
    });
    let has_junk = steps.iter().any(|step| matches!(step, Step::Junk(_)));
    let [first, rest @ ..] = &steps[..] else {
        assert_eq!(status, Code::InvalidArgument, "an empty stream");
        return;
    };
    let is_in_order =
        *first == Step::Config && rest.iter().all(|step| matches!(step, Step::Chunk(_)));
    let samples: usize =
        rest.iter().map(|step| if let Step::Chunk(len) = step { len / 2 } else { 0 }).sum();
    match status {
        // Bytes that are no message are told apart by the codec; those that are one, by the order.
        Code::Internal | Code::Ok | Code::InvalidArgument if has_junk => {}
        Code::Ok => assert!(is_in_order && samples > 0, "{steps:?} was answered"),
        Code::InvalidArgument => assert!(!is_in_order || samples == 0, "{steps:?} was refused"),
        code => panic!("{steps:?} ended with {code:?}"),
    }
}

/// Each step is a byte that says what, and one or more that say how much.
fn parse(mut script: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    while let [kind, rest @ ..] = script
        && steps.len() < MAX_MESSAGES
    {
        script = rest;
        let mut byte = || {
            let (&first, rest) = script.split_first().unwrap_or((&0, &[]));
            script = rest;
            first
        };
        steps.push(match kind % 8 {
            0..=2 => Step::Config,
            3..=5 => Step::Chunk(usize::from(byte()) * 8 / 2 * 2),
            6 => Step::Nothing,
            _ => {
                let len = usize::from(byte()).min(script.len());
                let (junk, rest) = script.split_at(len);
                script = rest;
                Step::Junk(junk.to_vec())
            }
        });
    }
    steps
}

/// The stream as bytes of HTTP/2 data frames of `cut` bytes each.
fn body(steps: &[Step], cut: usize) -> Body {
    let mut bytes = Vec::new();
    for step in steps {
        let message = match step {
            Step::Config => {
                let config = ExtractionConfig {
                    encoding: AudioEncoding::PcmS16le.into(),
                    sample_rate_hertz: 22_050,
                    channel_count: 1,
                    ..ExtractionConfig::default()
                };
                message(Some(Payload::Config(config)))
            }
            Step::Chunk(len) => message(Some(Payload::Chunk(vec![17; *len].into()))),
            Step::Nothing => message(None),
            Step::Junk(junk) => junk.clone(),
        };
        bytes.push(0);
        bytes.extend(u32::try_from(message.len()).expect("a short message").to_be_bytes());
        bytes.extend(message);
    }
    let frames: Vec<_> = bytes
        .chunks(cut)
        .map(|part| Ok::<_, Status>(http_body::Frame::data(Bytes::copy_from_slice(part))))
        .collect();
    Body::new(StreamBody::new(tokio_stream::iter(frames)))
}

fn message(payload: Option<Payload>) -> Vec<u8> {
    ExtractFeaturesRequest { payload }.encode_to_vec()
}

async fn send(server: &mut ExtractorServiceServer<Extractor>, body: Body) -> Code {
    let request = http::Request::post("/soundalike.v1.ExtractorService/ExtractFeatures")
        .header("content-type", "application/grpc")
        .body(body)
        .expect("a well-formed request");
    let Ok(response) = server.call(request).await;
    let early = Status::from_header_map(response.headers());
    let body = response.into_body().collect().await.expect("an answer that can be read");
    let late = body.trailers().and_then(Status::from_header_map);
    early.or(late).expect("an answer has a status").code()
}

fn server() -> (tokio::runtime::Runtime, ExtractorServiceServer<Extractor>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without threads");
    let uploads = UploadLimits {
        max_idle: Duration::from_secs(10),
        max_wall: Duration::from_secs(60),
        max_uploads: 1,
        max_memory: 512 << 20,
    };
    let pool = CpuPool::new("fuzz", 1, 4).expect("one thread");
    let profiles = vec![Profile::parse(DEFAULT_PROFILE).expect("the default")];
    let metrics = ExtractorMetrics::new(&Registry::new()).expect("a new registry");
    let extractor = Extractor::new(profiles, Limits::default(), uploads, pool, metrics);
    (runtime, ExtractorServiceServer::new(extractor))
}
