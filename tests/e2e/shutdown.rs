//! The end of a server: signals, the drain, calls in flight, the exit code.

use std::{ffi::OsStr, time::Duration};

use e2e::{
    calls::{chunk_message, config_message, full_view, health},
    clips,
    library::Library,
    process::{Server, Signal},
};
use proto::{EXTRACTOR_SERVICE, v1::extractor_service_client::ExtractorServiceClient};
use tokio_stream::wrappers::ReceiverStream;
use tonic_health::pb::health_check_response::ServingStatus;

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

// The client of the idle connection lives on another thread than the one that waits.
#[tokio::test(flavor = "multi_thread")]
async fn either_signal_ends_either_server_with_code_0() {
    let library = Library::shared().expect("the library builds");
    for signal in [Signal::Term, Signal::Int] {
        let (binaries, index) = (library.binaries(), library.index());
        // An idle server has nothing to wait for, so that it does not wait for the grace.
        let grace = ["--grace", "1h"].map(OsStr::new);
        let of_index = [grace[0], grace[1], OsStr::new("--index"), index.as_os_str()];
        for (binary, flags) in [(&binaries.extractor, &grace[..]), (&binaries.index, &of_index)] {
            let mut server = Server::start(binary, flags).expect("it starts");
            // An idle connection must not hold the server up.
            let _idle = server.connect().await.expect("it listens");
            server.signal(signal).expect("it runs");
            let status = server.wait().expect("it ends");
            assert_eq!(status.code(), Some(0), "{signal:?}:\n{}", server.log());
        }
    }
}

/// Load balancers look away first, the orchestrator must not restart: NOT_SERVING for the service,
/// SERVING for the process, and calls are still answered.
#[tokio::test]
async fn a_draining_server_is_alive_but_not_ready() {
    let library = Library::shared().expect("the library builds");
    let mut server =
        Server::start(&library.binaries().extractor, &["--drain", "1h"]).expect("it starts");
    let channel = server.connect().await.expect("it listens");
    server.signal(Signal::Term).expect("it runs");

    let looked_away = async {
        while health(&channel, EXTRACTOR_SERVICE).await.expect("answered") == ServingStatus::Serving
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, looked_away).await;
    in_time.expect("readiness stayed SERVING after SIGTERM");
    let ready = health(&channel, EXTRACTOR_SERVICE).await.expect("answered");
    assert_eq!(ready, ServingStatus::NotServing);
    assert_eq!(health(&channel, "").await.expect("answered"), ServingStatus::Serving);
    let late = server.connect().await.expect("a draining server still accepts");
    let audio = clips::read("drums_s16_11025.flac").expect("the clip is there");
    e2e::calls::extract(&late, full_view(), &audio, 4096).await.expect("and still answers");
    drop((channel, late));
    // The drain is long so that nothing above has to be fast; the second signal ends it.
    server.signal(Signal::Term).expect("it runs");
    assert_eq!(server.wait().expect("it ends").code(), Some(0), "{}", server.log());
}

/// A stream that is half sent when the signal comes is finished, not cut.
// The stream goes on on another thread than the one that waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_in_flight_is_finished() {
    let library = Library::shared().expect("the library builds");
    let metrics = ["--metrics-listen", "127.0.0.1:0"];
    let mut server = Server::start(&library.binaries().extractor, &metrics).expect("it starts");
    let channel = server.connect().await.expect("it listens");
    let audio = clips::read("band_cbr128_44100_stereo.mp3").expect("the clip is there");
    let (first, second) = audio.split_at(audio.len() / 2);

    let (messages, stream) = tokio::sync::mpsc::channel(4);
    let call = tokio::spawn(async move {
        ExtractorServiceClient::new(channel).extract_features(ReceiverStream::new(stream)).await
    });
    messages.send(config_message(full_view())).await.expect("the call is open");
    messages.send(chunk_message(first)).await.expect("the call is open");
    // The server has seen the call, and then has stopped accepting.
    server.until_called("ExtractFeatures").expect("the call arrives");
    server.signal(Signal::Term).expect("it runs");
    server.logged("finishing calls in flight", 1).expect("it ends");
    messages.send(chunk_message(second)).await.expect("the call is still open");
    drop(messages);

    let answer = call.await.expect("no panic").expect("the stream was finished").into_inner();
    assert_eq!(answer.feature_vector.expect("a vector").values.len(), 74);
    assert_eq!(server.wait().expect("it ends").code(), Some(0), "{}", server.log());
}
