//! What a server shows of itself.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use tonic::Code;

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
