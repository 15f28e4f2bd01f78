//! More calls than there is room for, and calls that nobody waits for.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt as _;

use crate::{
    harness::{PATIENCE, compute, health, start, work},
    work::{DOMAIN, Event},
};

/// Far longer than the harness waits for anything: what ends sooner was ended.
const LONG: Duration = Duration::from_secs(60);

/// Overload as the contract writes it.
fn assert_overloaded(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let details = status.get_error_details();
    let info = details.error_info().expect("every error has one");
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("OVERLOADED", DOMAIN));
    let delay = details.retry_info().and_then(|info| info.retry_delay).expect("when to retry");
    assert!(delay >= Duration::from_millis(100) && delay <= Duration::from_secs(10), "{delay:?}");
}

#[tokio::test]
async fn calls_beyond_the_limits_are_refused_at_once() {
    for limit in ["--max-concurrent-calls=1", "--max-concurrent-calls-per-peer=1", "--max-queue=0"]
    {
        let mut server = start(&[limit]).await;
        let channel = server.connect().await;
        let busy = tokio::spawn({
            let channel = channel.clone();
            async move { compute(&channel, work(LONG)).await }
        });
        assert_eq!(server.event().await, Event::Started);
        let refused = compute(&channel, work(LONG)).await.expect_err(limit);
        assert_overloaded(&refused);
        assert_eq!(health(&channel, "").await, ServingStatus::Serving, "probes are outside limits");
        busy.abort();
        server.until_sample("workers_busy{pool=\"work\"}", 0.0).await;
        compute(&channel, work(Duration::ZERO)).await.expect("places are given back");
    }
}

#[tokio::test]
async fn a_caller_that_leaves_frees_the_worker() {
    let mut server = start(&[]).await;
    let channel = server.connect().await;
    let call = tokio::spawn(async move { compute(&channel, work(LONG)).await });
    assert_eq!(server.event().await, Event::Started);
    call.abort();
    assert_eq!(server.event().await, Event::Cancelled);
    let handled = "grpc_server_handled_total{grpc_code=\"Canceled\",grpc_method=\"Compute\",\
                   grpc_service=\"test.v1.Work\"}";
    server.until_sample(handled, 1.0).await;
}

#[tokio::test]
async fn a_deadline_ends_the_work_on_both_sides() {
    let mut server = start(&[]).await;
    let channel = server.connect().await;
    let mut request = work(LONG);
    request.set_timeout(Duration::from_secs(1));
    // The client gives up by its own clock, at about the same time as the server.
    compute(&channel, request).await.expect_err("the deadline is far too short");
    assert_eq!(server.event().await, Event::Started);
    assert_eq!(server.event().await, Event::Cancelled);
}

#[tokio::test]
async fn the_server_has_a_limit_of_its_own_on_time() {
    let server = start(&["--max-call-time=50ms"]).await;
    let status = compute(&server.connect().await, work(LONG)).await.expect_err("too long");
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let info = status.get_details_error_info().expect("every error has one");
    assert_eq!(info.reason, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_call_that_has_no_time_left_is_not_begun() {
    let mut server = start(&[]).await;
    let channel = server.connect().await;
    // The client's own clock may end the call before it is sent; then it is sent again.
    let status = loop {
        let mut request = work(Duration::ZERO);
        request.metadata_mut().insert("grpc-timeout", "0n".parse().expect("ASCII"));
        let status = compute(&channel, request).await.expect_err("no time");
        if status.code() == Code::DeadlineExceeded {
            break status;
        }
    };
    assert_eq!(status.get_details_error_info().expect("ours").reason, "DEADLINE_EXCEEDED");
    assert!(server.events.try_recv().is_err(), "nothing ran");
}

#[tokio::test]
async fn a_call_is_shed_when_the_line_is_longer_than_its_deadline() {
    let server = start(&[]).await;
    let channel = server.connect().await;
    // The server learns that jobs take two seconds. Those in line take longer than it believes.
    compute(&channel, work(Duration::from_secs(2))).await.expect("no load yet");
    let line: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { compute(&channel, work(LONG)).await })
        })
        .collect();
    server.until_sample("worker_queue_length{pool=\"work\"}", 2.0).await;
    let mut request = work(Duration::ZERO);
    request.set_timeout(Duration::from_secs(3));
    // Not what it would be told at its deadline.
    assert_overloaded(&compute(&channel, request).await.expect_err("four seconds are ahead"));
    assert!(line.iter().all(|call| !call.is_finished()), "those in line stay there");
    line.iter().for_each(tokio::task::JoinHandle::abort);
    compute(&channel, work(Duration::ZERO)).await.expect("nothing is ahead");
}

#[tokio::test]
async fn nobody_waits_in_line_for_longer_than_allowed() {
    let mut server = start(&["--max-queue-time=100ms"]).await;
    let channel = server.connect().await;
    let busy = channel.clone();
    let _busy = tokio::spawn(async move { compute(&busy, work(LONG)).await });
    assert_eq!(server.event().await, Event::Started);
    let waiting = compute(&channel, work(LONG));
    let answer = tokio::time::timeout(PATIENCE, waiting).await.expect("sooner than the worker");
    assert_overloaded(&answer.expect_err("the worker stays busy"));
}
