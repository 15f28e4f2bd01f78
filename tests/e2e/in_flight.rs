//! Uploads that are under way: what a stalled one keeps from others, and who waits for memory.

use e2e::{
    calls::{CHUNK_BYTES, chunk_message, config_message, extract, full_view},
    library::binaries,
    process::Server,
    refusal::refused,
    waveform,
};
use proto::v1::{
    ExtractFeaturesRequest, ExtractFeaturesResponse,
    extractor_service_client::ExtractorServiceClient,
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Response, Status, transport::Channel};
use tonic_types::StatusExt as _;

fn start(args: &[&str]) -> Server {
    Server::start(&binaries().expect("it builds").extractor, args).expect("it starts")
}

fn audio() -> Vec<u8> {
    waveform::wav_s16(22_050, 1, &waveform::tone(22_050, 10 * 22_050, 330.0))
}

/// An upload that goes on as the test wants it.
struct Upload {
    sender: mpsc::Sender<ExtractFeaturesRequest>,
    answer: JoinHandle<Result<Response<ExtractFeaturesResponse>, Status>>,
}

impl Upload {
    async fn start(channel: &Channel) -> Self {
        let (sender, messages) = mpsc::channel(1);
        let mut client = ExtractorServiceClient::new(channel.clone());
        let answer =
            tokio::spawn(
                async move { client.extract_features(ReceiverStream::new(messages)).await },
            );
        let upload = Self { sender, answer };
        upload.send(config_message(full_view())).await;
        upload
    }

    async fn send(&self, message: ExtractFeaturesRequest) {
        self.sender.send(message).await.expect("the server reads");
    }

    async fn finish(self, rest: &[u8]) -> Vec<f64> {
        for chunk in rest.chunks(CHUNK_BYTES) {
            self.send(chunk_message(chunk)).await;
        }
        drop(self.sender);
        let answer = self.answer.await.expect("no panic").expect("it is audio");
        answer.into_inner().feature_vector.expect("a vector").values
    }
}

#[tokio::test]
async fn stalled_uploads_do_not_keep_workers() {
    let server = start(&["--workers", "1"]);
    let channel = server.connect().await.expect("it listens");
    let audio = audio();
    let (first, rest) = audio.split_at(CHUNK_BYTES);
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let upload = Upload::start(&channel).await;
        upload.send(chunk_message(first)).await;
        stalled.push(upload);
    }
    // The only worker serves whoever has something to do.
    let whole = extract(&channel, full_view(), &audio, CHUNK_BYTES).await.expect("it is audio");
    for upload in stalled {
        assert!(!upload.answer.is_finished());
        assert_eq!(upload.finish(rest).await, whole.values);
    }
}

#[tokio::test]
async fn an_upload_that_is_no_audio_is_refused_before_its_end() {
    let server = start(&[]);
    let channel = server.connect().await.expect("it listens");
    let upload = Upload::start(&channel).await;
    upload.send(chunk_message(&vec![b'?'; 1 << 20])).await;
    // By now the answer may be there, and nobody reads any more.
    let _ = upload.sender.send(chunk_message(&vec![b'?'; 1 << 20])).await;
    let answer = upload.answer.await.expect("no panic");
    assert_eq!(refused(answer).reason, "UNSUPPORTED_CONTAINER");
}

/// Memory for two uploads.
const TWO: &str = "16777216";

/// Two uploads that have sent `start` and take all the memory there is.
async fn take_all(channel: &Channel, start: &[u8]) -> [Upload; 2] {
    let uploads = [Upload::start(channel).await, Upload::start(channel).await];
    for upload in &uploads {
        upload.send(chunk_message(start)).await;
    }
    uploads
}

#[tokio::test]
async fn what_does_not_fit_into_memory_is_told_when_to_come_back() {
    let server = start(&["--max-memory", TWO, "--max-queue-time", "2s"]);
    let channel = server.connect().await.expect("it listens");
    let audio = audio();
    let (start, rest) = audio.split_at(CHUNK_BYTES);
    let uploads = take_all(&channel, start).await;
    // The server may hear of this one before it has let the other two in.
    let mut answer = extract(&channel, full_view(), &audio, CHUNK_BYTES).await;
    for _ in 0..20 {
        if answer.is_err() {
            break;
        }
        answer = extract(&channel, full_view(), &audio, CHUNK_BYTES).await;
    }
    let status = answer.as_ref().expect_err("there is no room");
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(delay.is_some_and(|delay| !delay.is_zero()), "{status:?}");
    let refusal = refused(answer);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Unavailable, "OVERLOADED"));
    assert_eq!(refusal.facts["max_memory"], TWO);
    for upload in uploads {
        upload.finish(rest).await;
    }
    // 10 minutes would need more than there is.
    let long = waveform::wav_s16(22_050, 1, &waveform::tone(22_050, 600 * 22_050, 330.0));
    let refusal = refused(extract(&channel, full_view(), &long, CHUNK_BYTES).await);
    let expected = (Code::ResourceExhausted, "MEMORY_EXCEEDED");
    assert_eq!((refusal.code, refusal.reason.as_str()), expected);
}

#[tokio::test]
async fn what_does_not_fit_into_memory_waits_for_others_to_end() {
    let server = start(&["--max-memory", TWO]);
    let channel = server.connect().await.expect("it listens");
    let audio = audio();
    let (start, rest) = audio.split_at(CHUNK_BYTES);
    let uploads = take_all(&channel, start).await;
    let waiting = tokio::spawn({
        let (channel, audio) = (channel.clone(), audio.clone());
        async move { extract(&channel, full_view(), &audio, CHUNK_BYTES).await }
    });
    let mut vectors = Vec::new();
    for upload in uploads {
        vectors.push(upload.finish(rest).await);
    }
    vectors.push(waiting.await.expect("no panic").expect("there is room now").values);
    assert!(vectors.iter().all(|vector| *vector == vectors[0]));
    server.logged("after_upload_ms", 3).expect("each says how long it took");
}

#[tokio::test]
async fn an_upload_that_is_given_up_makes_room_while_others_are_held() {
    let server = start(&["--workers", "1", "--max-memory", TWO]);
    let channel = server.connect().await.expect("it listens");
    let audio = audio();
    let (start, rest) = audio.split_at(CHUNK_BYTES);
    let [given_up, held] = take_all(&channel, start).await;
    let waiting = tokio::spawn({
        let (channel, audio) = (channel.clone(), audio.clone());
        async move { extract(&channel, full_view(), &audio, CHUNK_BYTES).await }
    });
    given_up.answer.abort();
    drop(given_up.sender);
    let vector = waiting.await.expect("no panic").expect("there is room now").values;
    assert!(!held.answer.is_finished());
    assert_eq!(held.finish(rest).await, vector);
}

/// Each upload has a thread, of which a runtime has 512 unless it is told otherwise.
#[tokio::test]
async fn as_many_uploads_as_the_flag_takes_are_served() {
    let server = start(&[
        "--workers=1",
        "--max-uploads=700",
        "--max-queue=700",
        "--max-memory=8589934592",
        "--max-concurrent-calls=700",
        "--max-concurrent-calls-per-peer=700",
        "--max-streams-per-connection=700",
    ]);
    let channel = server.connect().await.expect("it listens");
    let audio = audio();
    let mut stalled = Vec::new();
    for _ in 0..600 {
        let upload = Upload::start(&channel).await;
        upload.send(chunk_message(&audio[..CHUNK_BYTES])).await;
        stalled.push(upload);
    }
    extract(&channel, full_view(), &audio, CHUNK_BYTES).await.expect("there is a thread for it");
    assert!(stalled.iter().all(|upload| !upload.answer.is_finished()));
}
