//! The log of a server. Alone in its file, since a process has one subscriber: what a thread has of its
//! own is forgotten where another thread is the first to come by a line.

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "server/harness.rs"]
mod harness;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "server/work.rs"]
mod work;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use crate::{
    harness::{compute, health, start, work},
    work::SERVICE,
};

const SHORT: Duration = Duration::from_millis(1);

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("text")
    }
}

#[tokio::test]
async fn a_call_is_one_line_with_its_id() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::INFO)
        .with_writer(lines.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
    let server = start(&["--max-call-time=10s"]).await;
    let channel = server.connect().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut request = work(SHORT);
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", "order-17".parse().expect("ASCII"));
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    metadata.insert("traceparent", parent.parse().expect("ASCII"));
    let reply = compute(&channel, request).await.expect("no load");
    assert_eq!(reply.metadata().get("x-request-id").expect("returned"), "order-17");
    let reply = compute(&channel, work(SHORT)).await.expect("no load");
    let made = reply.metadata().get("x-request-id").expect("made by the server");
    assert!(!made.is_empty());
    health(&channel, SERVICE).await;
    let handled = "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Check\",\
                   grpc_service=\"grpc.health.v1.Health\"}";
    server.until_sample(handled, 1.0).await;

    let text = lines.text();
    let calls: Vec<_> = text.lines().filter(|line| line.contains("serving::access")).collect();
    assert_eq!(calls.len(), 2, "one line per call, none for probes: {text}");
    for fact in [
        "\"request_id\":\"order-17\"",
        "\"peer\":\"127.0.0.1:",
        "\"method\":\"/test.v1.Work/Compute\"",
        "\"code\":\"OK\"",
        "\"duration_ms\":",
        "\"request_bytes\":9",
        "\"response_bytes\":9",
        "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"",
    ] {
        assert!(calls[0].contains(fact), "{fact} in {}", calls[0]);
    }
    let configuration = text.lines().find(|line| line.contains("effective configuration"));
    assert!(configuration.is_some_and(|line| line.contains("max_call_time: 10s")), "{text}");
}
