//! What a server shows of itself.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use tonic::Code;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    harness::{call, compute, health, start, work},
    work::SERVICE,
};

const SHORT: Duration = Duration::from_millis(1);

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    let server = start(&["--max-call-time=3s"]).await;
    let channel = server.connect().await;
    for _ in 0..3 {
        compute(&channel, work(SHORT)).await.expect("no load");
    }
    compute(&channel, work(Duration::from_secs(60))).await.expect_err("too long");
    for path in ["/test.v1.Work/Guess", "/test.v2.Work/Compute", "/admin"] {
        let status = call(&channel, path, work(SHORT)).await.expect_err("no such method");
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
    health(&channel, SERVICE).await;

    let method = "grpc_method=\"Compute\",grpc_service=\"test.v1.Work\"";
    let unknown = "grpc_method=\"unknown\",grpc_service=\"unknown\"";
    server.until_sample(&format!("grpc_server_in_flight{{{method}}}"), 0.0).await;
    for (name, value) in [
        (format!("grpc_server_started_total{{{method}}}"), 4.0),
        (format!("grpc_server_handled_total{{grpc_code=\"OK\",{method}}}"), 3.0),
        (format!("grpc_server_handled_total{{grpc_code=\"DeadlineExceeded\",{method}}}"), 1.0),
        (format!("grpc_server_handled_total{{grpc_code=\"Unimplemented\",{unknown}}}"), 3.0),
        (format!("grpc_server_handling_seconds_count{{grpc_code=\"OK\",{method}}}"), 3.0),
        (format!("grpc_server_refused_total{{{method},reason=\"DEADLINE_EXCEEDED\"}}"), 1.0),
        // Five bytes of framing and four of a message, each time.
        (format!("grpc_server_sent_bytes_total{{{method}}}"), 27.0),
        ("grpc_server_connections".to_owned(), 1.0),
        ("worker_queue_seconds_count{pool=\"work\"}".to_owned(), 4.0),
    ] {
        server.until_sample(&name, value).await;
    }
    let (_, text) = server.watch("/metrics").await;
    assert!(!text.contains("Guess") && !text.contains("admin"), "paths of callers are no labels");
}

#[tokio::test]
async fn metrics_satisfy_the_linter() {
    let server = start(&[]).await;
    let channel = server.connect().await;
    compute(&channel, work(SHORT)).await.expect("no load");
    call(&channel, "/nothing", work(SHORT)).await.expect_err("no such method");
    let (status, text) = server.watch("/metrics").await;
    assert!(status.contains("200"), "{status}");
    assert!(text.contains("process_resident_memory_bytes"));

    let linter = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut linter) = linter else {
        println!("skipped: promtool is not installed");
        return;
    };
    linter.stdin.take().expect("piped").write_all(text.as_bytes()).expect("promtool reads");
    let output = linter.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn the_http_port_serves_nothing_else() {
    let server = start(&[]).await;
    assert!(server.watch("/").await.0.contains("404"));
    assert!(server.watch("/metrics/../etc").await.0.contains("404"));
}

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
    // This thread's only, which is where the whole test runs.
    let _guard = tracing::subscriber::set_default(subscriber);
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
