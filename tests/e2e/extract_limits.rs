//! Every limit on an upload, at its edge, on the real server: what is just within is answered, what
//! is just beyond is refused with the limit's own reason.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    calls::{CHUNK_BYTES, chunk_message, config_message, extract, full_view, send},
    clips,
    library::binaries,
    process::Server,
    refusal::{assert_refused, refused},
    waveform::{tone, wav_s16},
};
use proto::v1::{
    ExtractFeaturesRequest, ExtractionConfig, FeatureVector,
    extractor_service_client::ExtractorServiceClient,
};
use tonic::{Code, Status, transport::Channel};

async fn start(flags: &[&str]) -> (Server, Channel) {
    let extractor = &binaries().expect("the services compile").extractor;
    let server = Server::start(extractor, flags).expect("the extractor starts");
    let channel = server.connect().await.expect("it listens");
    (server, channel)
}

async fn sent(channel: &Channel, audio: &[u8]) -> Result<FeatureVector, Status> {
    extract(channel, full_view(), audio, CHUNK_BYTES).await
}

fn window(seconds: i64) -> ExtractionConfig {
    let duration = Some(prost_types::Duration { seconds, nanos: 0 });
    ExtractionConfig { duration, ..full_view() }
}

#[tokio::test]
async fn bytes_of_a_stream() {
    let audio = wav_s16(22_050, 1, &tone(22_050, 9_978, 440.0));
    assert_eq!(audio.len(), 20_000);
    let (_server, channel) = start(&["--max-stream-bytes", "20000"]).await;
    sent(&channel, &audio).await.expect("just within");
    let longer = [&audio[..], &[0]].concat();
    // The last chunk brings the one byte too much.
    for chunk_bytes in [CHUNK_BYTES, 20_000, 1] {
        let answer = extract(&channel, full_view(), &longer, chunk_bytes).await;
        let refusal = assert_refused(answer, Code::ResourceExhausted, "STREAM_TOO_LARGE");
        assert_eq!(refusal.facts["max_stream_bytes"], "20000");
    }
}

#[tokio::test]
async fn bytes_of_a_chunk() {
    let (_server, channel) = start(&[]).await;
    let audio = wav_s16(22_050, 1, &tone(22_050, (1 << 19) - 22, 440.0));
    assert_eq!(audio.len(), 1 << 20);
    let message = |bytes: &[u8]| vec![config_message(full_view()), chunk_message(bytes)];
    send(&channel, message(&audio)).await.expect("just within");
    let answer = send(&channel, message(&[&audio[..], &[0]].concat())).await;
    assert_refused(answer, Code::ResourceExhausted, "CHUNK_TOO_LARGE");
}

#[tokio::test]
async fn length_of_the_audio() {
    let (_server, channel) = start(&["--max-audio", "2s"]).await;
    let samples = tone(22_050, 3 * 22_050, 440.0);
    let wav = |frames: usize| wav_s16(22_050, 1, &samples[..frames]);
    let whole = sent(&channel, &wav(44_100)).await.expect("just within");
    let answer = sent(&channel, &wav(44_101)).await;
    let refusal = assert_refused(answer, Code::ResourceExhausted, "AUDIO_TOO_LONG");
    assert_eq!(refusal.facts["max_audio_seconds"], "2");
    // A window that ends at the limit crops what is longer, and is the audio of that length.
    let cropped = extract(&channel, window(2), &wav(66_150), CHUNK_BYTES).await.expect("cropped");
    assert_eq!(cropped.values, whole.values);
    let answer = extract(&channel, window(3), &wav(66_150), CHUNK_BYTES).await;
    assert_refused(answer, Code::ResourceExhausted, "AUDIO_TOO_LONG");
}

#[tokio::test]
async fn twenty_minutes_by_default() {
    let (_server, channel) = start(&[]).await;
    let frames = 20 * 60 * 4_000;
    let longer = wav_s16(4_000, 1, &tone(4_000, frames + 1, 440.0));
    assert_refused(sent(&channel, &longer).await, Code::ResourceExhausted, "AUDIO_TOO_LONG");
    let cropped = extract(&channel, window(1), &longer, CHUNK_BYTES).await.expect("cropped");
    let analyzed = cropped.provenance.and_then(|p| p.analyzed_duration).expect("the full view");
    assert_eq!((analyzed.seconds, analyzed.nanos), (1, 0));
}

#[tokio::test]
async fn rates_and_channels() {
    let (_server, channel) = start(&[]).await;
    let (_narrow, narrow) =
        start(&["--min-sample-rate", "8000", "--max-sample-rate", "48000", "--max-channels", "2"])
            .await;
    let wav = |rate: u32, channels: u16| {
        wav_s16(rate, channels, &tone(rate, 2_000 * usize::from(channels), 440.0))
    };
    for (channel, within, beyond) in [
        (&channel, [(4_000, 1), (384_000, 2), (22_050, 64)], [(3_999, 1), (384_001, 2)]),
        (&narrow, [(8_000, 1), (48_000, 2), (22_050, 1)], [(7_999, 1), (48_001, 2)]),
    ] {
        for (rate, channels) in within {
            let answer = sent(channel, &wav(rate, channels)).await;
            answer.unwrap_or_else(|status| panic!("{rate} Hz, {channels} channels: {status}"));
        }
        for (rate, channels) in beyond {
            let answer = sent(channel, &wav(rate, channels)).await;
            assert_refused(answer, Code::InvalidArgument, "SAMPLE_RATE_UNSUPPORTED");
        }
    }
    for (channel, channels) in [(&channel, 65), (&narrow, 3)] {
        let answer = sent(channel, &wav(22_050, channels)).await;
        assert_refused(answer, Code::InvalidArgument, "TOO_MANY_CHANNELS");
    }
}

/// Ogg whose second page, with headers of the codec, comes behind so many bytes that are none.
fn padded(junk: usize) -> Vec<u8> {
    let clip = clips::read("arpeggio_q2_22050_mono.ogg").expect("the clip is there");
    let second = 4 + clip[4..].windows(4).position(|word| word == b"OggS").expect("a page");
    [&clip[..second], &vec![0; junk], &clip[second..]].concat()
}

#[tokio::test]
async fn bytes_before_the_audio() {
    let (_server, channel) = start(&["--max-header-bytes", "131072"]).await;
    let vector = sent(&channel, &padded(60_000)).await.expect("within");
    let refusal = refused(sent(&channel, &padded(200_000)).await);
    assert_eq!((refusal.code, &refusal.reason[..]), (Code::ResourceExhausted, "HEADER_TOO_LARGE"));
    assert_eq!(refusal.facts["max_header_bytes"], "131072");
    let (_server, channel) = start(&[]).await;
    let other = sent(&channel, &padded(200_000)).await.expect("within the default");
    assert_eq!(other.values, vector.values);
}

/// Sends `messages`, one now and one after each pause, and keeps the stream open.
async fn slowly(
    channel: &Channel,
    messages: Vec<ExtractFeaturesRequest>,
    pause: Duration,
) -> Result<(), Status> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let feeder = tokio::spawn(async move {
        for message in messages {
            if sender.send(message).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
        sender.closed().await;
    });
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let answer = ExtractorServiceClient::new(channel.clone()).extract_features(stream).await;
    feeder.abort();
    answer.map(|_| ())
}

#[tokio::test]
async fn time_between_messages_and_time_in_all() {
    let config = || config_message(full_view());
    let audio = wav_s16(22_050, 1, &tone(22_050, 22_050, 440.0));
    let (_server, channel) = start(&["--max-idle", "300ms", "--max-wall", "1h"]).await;
    for messages in [vec![], vec![config()], vec![config(), chunk_message(&audio)]] {
        let answer = slowly(&channel, messages, Duration::ZERO).await;
        let refusal = assert_refused(answer, Code::ResourceExhausted, "STREAM_IDLE");
        assert_eq!(refusal.facts["max_idle_seconds"], "0.3");
    }

    // Never idle for long, and never done.
    let (_server, channel) = start(&["--max-idle", "1h", "--max-wall", "3s"]).await;
    let drops = std::iter::once(config()).chain(audio.chunks(1).map(chunk_message)).collect();
    let answer = slowly(&channel, drops, Duration::from_millis(20)).await;
    let refusal = assert_refused(answer, Code::ResourceExhausted, "WALL_TIME_EXCEEDED");
    assert_eq!(refusal.facts["max_wall_seconds"], "3");
    sent(&channel, &audio).await.expect("a prompt call is answered");
}
