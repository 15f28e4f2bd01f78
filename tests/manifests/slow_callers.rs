//! Callers with slow lines, against the extractor as it is deployed: they hold places and memory, and leave
//! the processors idle. The autoscaler's signal rises before one of them is turned away.

use e2e::{
    calls::{CHUNK_BYTES, chunk_message, config_message, full_view},
    library::Library,
    process::Server,
    waveform,
};
use proto::v1::{
    ExtractFeaturesRequest, ExtractFeaturesResponse,
    extractor_service_client::ExtractorServiceClient,
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Response, Status, transport::Channel};

use crate::{
    render::{list, overlay, text},
    running::{Host, start},
};

/// Callers that once got 2,034 refusals from a pod whose processors were idle.
const NAMED: usize = 40;

/// Uploads that are in flight before one is refused, at least: what the memory holds.
const LEAST_IN_FLIGHT: usize = 100;

/// An upload whose caller has sent the first part and is slow with the rest.
struct Slow {
    sender: mpsc::Sender<ExtractFeaturesRequest>,
    answer: JoinHandle<Result<Response<ExtractFeaturesResponse>, Status>>,
}

impl Slow {
    async fn begin(channel: &Channel, first: &[u8]) -> Self {
        let (sender, messages) = mpsc::channel(2);
        for message in [config_message(full_view()), chunk_message(first)] {
            sender.send(message).await.expect("there is room for two");
        }
        let mut client = ExtractorServiceClient::new(channel.clone());
        let call = async move { client.extract_features(ReceiverStream::new(messages)).await };
        Self { sender, answer: tokio::spawn(call) }
    }

    async fn end(self, rest: &[u8]) -> Result<Response<ExtractFeaturesResponse>, Status> {
        for chunk in rest.chunks(CHUNK_BYTES) {
            self.sender.send(chunk_message(chunk)).await.expect("the server reads");
        }
        drop(self.sender);
        self.answer.await.expect("no panic")
    }
}

/// What the metrics say of uploads and memory, in use and at most.
struct Shown {
    uploads: f64,
    uploads_limit: f64,
    memory: f64,
    memory_limit: f64,
}

impl Shown {
    fn by(server: &Server) -> Self {
        let page = server.page("/metrics").expect("answered");
        let sample = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("no {name}")).parse().expect("a number")
        };
        Self {
            uploads: sample("extractor_uploads_in_flight"),
            uploads_limit: sample("extractor_uploads_limit"),
            memory: sample("extractor_memory_in_flight_bytes"),
            memory_limit: sample("extractor_memory_limit_bytes"),
        }
    }

    /// As the rule `extractor_share_in_use` has it.
    fn share(&self) -> f64 {
        (self.uploads / self.uploads_limit).max(self.memory / self.memory_limit)
    }
}

/// The share at which the autoscaler asks for more pods.
fn target() -> Option<f64> {
    let scaled = overlay("overlays/prod")?;
    let scaler = scaled.find("HorizontalPodAutoscaler", "extractor-svc").expect("rendered");
    let metrics = list(&scaler["spec"]["metrics"]);
    let of_pods = metrics.iter().find(|metric| metric["type"] == "Pods").expect("stated");
    assert_eq!(of_pods["pods"]["metric"]["name"], "extractor_share_in_use");
    let value = text(&of_pods["pods"]["target"]["averageValue"]);
    let thousandths: f64 = value.strip_suffix('m').expect("thousandths").parse().expect("a number");
    Some(thousandths / 1000.0)
}

// A share of the processors' is left to the server while the test waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signal_rises_before_a_slow_caller_is_refused() {
    let (Some(target), Some(overlay)) = (target(), overlay("overlays/dev")) else { return };
    let library = Library::shared().expect("the library builds");
    let workload = overlay.workloads().into_iter().find(|one| one.name() == "extractor-svc");
    let workload = workload.expect("rendered");
    let host = Host::of(workload, &library);
    let server = start(workload, &host, &library);
    let channel = server.connect().await.expect("it listens");
    let audio = waveform::wav_s16(22_050, 1, &waveform::tone(22_050, 2 * 22_050, 330.0));
    let (first, rest) = audio.split_at(CHUNK_BYTES);

    let mut slow = Vec::new();
    let mut rose_at = None;
    let refused = loop {
        slow.push(Slow::begin(&channel, first).await);
        // Until it is counted, or one of them, of whatever age, is turned away.
        let shown = loop {
            let shown = Shown::by(&server);
            if shown.uploads >= slow.len() as f64 || slow.iter().any(|one| one.answer.is_finished())
            {
                break shown;
            }
            tokio::task::yield_now().await;
        };
        if let Some(at) = slow.iter().position(|one| one.answer.is_finished()) {
            break slow.swap_remove(at).answer.await.expect("no panic");
        }
        if shown.share() >= target {
            rose_at.get_or_insert(slow.len());
        }
    };
    let refused = refused.expect_err("an upload that is not whole has no answer");
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    let (in_flight, rose_at) = (slow.len(), rose_at.expect("the signal rose before the refusal"));
    println!("the signal rose at {rose_at} slow callers, the first was refused beside {in_flight}");
    assert!(in_flight >= LEAST_IN_FLIGHT, "{in_flight} in flight, then {refused}");
    assert!(2 * rose_at <= in_flight + 1 && rose_at > NAMED, "{rose_at} of {in_flight}");

    // Those that began first come to their end.
    for one in slow.drain(..NAMED) {
        let answer = one.end(rest).await.expect("it is audio").into_inner();
        assert_eq!(answer.feature_vector.expect("a vector").values.len(), 74);
    }
}
