//! How much memory the extractor takes, by its own peak: at rest, for each recording in flight, and
//! for a long one.

use std::sync::Arc;

use e2e::{
    calls::{CHUNK_BYTES, chunk_message, config_message, full_view},
    library::binaries,
    process::Server,
    waveform,
};
use proto::v1::{
    ExtractFeaturesRequest, ExtractionConfig, extraction_config::AudioEncoding,
    extractor_service_client::ExtractorServiceClient,
};
use tokio::sync::{Barrier, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

const MIB: u64 = 1 << 20;

/// Bounds of the peak.
const AT_REST: u64 = 40 * MIB;
const PER_CLIP: u64 = 12 * MIB;
const LONG: u64 = 200 * MIB;

/// Clips in flight at a time.
const CLIPS: usize = 8;

fn start() -> Server {
    Server::start::<&str>(&binaries().expect("it builds").extractor, &[]).expect("it starts")
}

#[tokio::test]
async fn clips_in_flight_take_what_is_promised() {
    let server = start();
    let at_rest = server.peak_memory().expect("it runs");
    assert!(at_rest <= AT_REST, "{} KiB at rest", at_rest / 1024);

    // 30 s in stereo, 5 MiB.
    let samples = waveform::tone(44_100, 2 * 30 * 44_100, 330.0);
    let audio: Arc<[u8]> = waveform::wav_s16(44_100, 2, &samples).into();
    let all_here = Arc::new(Barrier::new(CLIPS));
    let mut uploads = Vec::new();
    for _ in 0..CLIPS {
        let channel = server.connect().await.expect("it listens");
        let (audio, all_here) = (Arc::clone(&audio), Arc::clone(&all_here));
        uploads.push(tokio::spawn(async move {
            let (sender, messages) = mpsc::channel(1);
            let upload = async {
                sender.send(config_message(full_view())).await.expect("it is read");
                let mut chunks = audio.chunks(CHUNK_BYTES).peekable();
                while let Some(chunk) = chunks.next() {
                    // Every upload waits before its last chunk for all the others.
                    if chunks.peek().is_none() {
                        all_here.wait().await;
                    }
                    sender.send(chunk_message(chunk)).await.expect("it is read");
                }
                drop(sender);
            };
            tokio::join!(extract(channel, messages), upload).0
        }));
    }
    let mut vectors = Vec::new();
    for upload in uploads {
        vectors.push(upload.await.expect("no panic"));
    }
    assert!(vectors.iter().all(|vector| *vector == vectors[0]));
    let per_clip = (server.peak_memory().expect("it runs") - at_rest) / CLIPS as u64;
    println!("{} KiB at rest, {} KiB for each clip", at_rest / 1024, per_clip / 1024);
    assert!(per_clip <= PER_CLIP, "{} KiB for each clip", per_clip / 1024);
}

#[tokio::test]
async fn a_long_recording_takes_what_is_promised() {
    let server = start();
    // 20 minutes at 44.1 kHz: 101 MiB, made as they are sent.
    let second = waveform::s16le(&waveform::tone(44_100, 44_100, 330.0));
    let config = ExtractionConfig {
        encoding: AudioEncoding::PcmS16le.into(),
        sample_rate_hertz: 44_100,
        channel_count: 1,
        ..full_view()
    };
    let (sender, messages) = mpsc::channel(1);
    let upload = async {
        sender.send(config_message(config)).await.expect("it is read");
        for _ in 0..20 * 60 {
            sender.send(chunk_message(&second)).await.expect("it is read");
        }
        drop(sender);
    };
    let channel = server.connect().await.expect("it listens");
    let (values, ()) = tokio::join!(extract(channel, messages), upload);
    assert_eq!(values.len(), 74);
    let peak = server.peak_memory().expect("it runs");
    println!("{} MiB for 20 minutes", peak / MIB);
    assert!(peak <= LONG, "{} MiB", peak / MIB);
}

async fn extract(channel: Channel, messages: mpsc::Receiver<ExtractFeaturesRequest>) -> Vec<f64> {
    let mut client = ExtractorServiceClient::new(channel);
    let answer = client.extract_features(ReceiverStream::new(messages)).await;
    let vector = answer.expect("it is audio").into_inner().feature_vector;
    vector.expect("an answer carries a vector").values
}
