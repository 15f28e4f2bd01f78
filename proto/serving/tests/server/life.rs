//! From the first connection to the last.

use std::time::Duration;

use serving::ServeError;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::{
    harness::{compute, health, open, start, work},
    work::{Event, SERVICE},
};

const SHORT: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_drain_answers_new_calls() {
    let mut server = start(&["--drain=1h"]).await;
    let channel = server.connect().await;
    assert_eq!(health(&channel, SERVICE).await, ServingStatus::Serving);
    assert_eq!(health(&channel, "").await, ServingStatus::Serving);
    assert!(server.watch("/readyz").await.0.contains("200"));

    server.shut_down();
    while health(&channel, SERVICE).await == ServingStatus::Serving {
        tokio::time::sleep(SHORT).await;
    }
    assert_eq!(health(&channel, "").await, ServingStatus::Serving, "liveness stays");
    assert!(server.watch("/readyz").await.0.contains("503"));
    assert!(server.watch("/livez").await.0.contains("200"));
    let newcomer = server.connect().await;
    compute(&newcomer, work(SHORT)).await.expect("calls are answered during the drain");
    server.abort();
    server.end().await.expect("nothing was cut");
}

#[tokio::test]
async fn calls_that_are_in_flight_after_the_drain_are_finished() {
    let mut server = start(&["--drain=10ms", "--grace=1h"]).await;
    let channel = server.connect().await;
    let call = tokio::spawn(async move { compute(&channel, work(SECOND)).await });
    assert_eq!(server.event().await, Event::Started);
    server.shut_down();
    call.await.expect("no panic").expect("it is finished");
    server.end().await.expect("nothing was cut");
}

#[tokio::test]
async fn calls_that_outlast_the_grace_are_cut_and_told() {
    let mut server = start(&["--grace=50ms"]).await;
    let channel = server.connect().await;
    let call = tokio::spawn(async move { compute(&channel, work(LONG)).await });
    assert_eq!(server.event().await, Event::Started);
    server.shut_down();
    assert!(matches!(server.end().await, Err(ServeError::Cut(_))));
    assert!(call.await.expect("no panic").is_err());
}

#[tokio::test]
async fn a_client_that_sleeps_through_goaway_is_no_failure() {
    let mut server = start(&["--grace=100ms"]).await;
    // Speaks HTTP/2 just far enough to be a connection, then says nothing more.
    let mut silent = TcpStream::connect(server.address).await.expect("the server listens");
    let preface_and_settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    silent.write_all(preface_and_settings).await.expect("written");
    server.until_sample("grpc_server_connections", 1.0).await;
    server.shut_down();
    server.end().await.expect("no call was in flight");
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut server = start(&["--grace=1h"]).await;
    let channel = server.connect().await;
    let _call = tokio::spawn(async move { compute(&channel, work(LONG)).await });
    assert_eq!(server.event().await, Event::Started);
    server.shut_down();
    server.abort();
    assert!(matches!(server.end().await, Err(ServeError::Cut(_))));
}

#[tokio::test]
async fn old_connections_are_renewed_and_every_call_that_came_is_answered() {
    let server = start(&["--max-connection-age=50ms", "--max-connection-age-grace=10s"]).await;
    let channel = server.connect().await;
    let renewed = "grpc_server_connections_ended_total{cause=\"age\"}";
    let mut calls = 0.0;
    while calls < 100.0 || server.sample(renewed).await < Some(3.0) {
        match compute(&channel, work(SHORT)).await {
            Ok(_) => calls += 1.0,
            // This client does not try again when the connection ends before the call has left;
            // others do. It must have been that.
            Err(unsent) => {
                assert!(unsent.to_string().contains("operation was canceled"), "{unsent}");
            }
        }
    }
    let handled = "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Compute\",\
                   grpc_service=\"test.v1.Work\"}";
    server.until_sample(handled, calls).await;
    let started =
        "grpc_server_started_total{grpc_method=\"Compute\",grpc_service=\"test.v1.Work\"}";
    server.until_sample(started, calls).await;
}

#[tokio::test]
async fn an_old_connection_whose_calls_do_not_end_is_cut() {
    let mut server = start(&["--max-connection-age=50ms", "--max-connection-age-grace=50ms"]).await;
    let channel = server.connect().await;
    let call = compute(&channel, work(LONG)).await;
    assert!(call.is_err());
    assert_eq!(server.event().await, Event::Started);
    assert!(matches!(server.event().await, Event::Cancelled));
    server.until_sample("grpc_server_connections_ended_total{cause=\"age_cut\"}", 1.0).await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed() {
    let server = start(&["--max-connections=1"]).await;
    let first = server.connect().await;
    compute(&first, work(SHORT)).await.expect("the first is served");
    let mut second = TcpStream::connect(server.address).await.expect("accepted by the system");
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0, "closed without a word");
    server.until_sample("grpc_server_connections_ended_total{cause=\"too_many\"}", 1.0).await;
    compute(&first, work(SHORT)).await.expect("the first is not harmed");
}

#[tokio::test]
async fn one_address_has_a_quarter_of_the_connections_unless_it_is_trusted() {
    let server = start(&["--max-connections=4"]).await;
    let first = server.connect().await;
    compute(&first, work(SHORT)).await.expect("the first is served");
    let mut second = TcpStream::connect(server.address).await.expect("accepted by the system");
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0, "closed without a word");
    let cause = "grpc_server_connections_ended_total{cause=\"too_many_of_address\"}";
    server.until_sample(cause, 1.0).await;

    let server = start(&["--max-connections=4", "--trusted-peers=10.0.0.0/8,127.0.0.0/8"]).await;
    for _ in 0..3 {
        compute(&server.connect().await, work(SHORT)).await.expect("a gateway has more");
    }
}

#[tokio::test]
async fn an_unused_connection_is_asked_to_end() {
    let mut server = start(&["--max-connection-idle=50ms"]).await;
    let channel = server.connect().await;
    let busy = tokio::spawn({
        let channel = channel.clone();
        async move { compute(&channel, work(LONG)).await }
    });
    assert_eq!(server.event().await, Event::Started);
    let idle = "grpc_server_connections_ended_total{cause=\"idle\"}";
    let other = server.connect().await;
    assert_eq!(health(&other, "").await, ServingStatus::Serving);
    server.until_sample(idle, 1.0).await;
    assert!(!busy.is_finished(), "a connection with a call is in use");
    busy.abort();
}

#[tokio::test]
async fn other_protocols_are_hung_up_on() {
    let server = start(&[]).await;
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("written");
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    server.until_sample("grpc_server_connections_ended_total{cause=\"not_http2\"}", 1.0).await;
}

#[tokio::test]
async fn wrong_flags_are_told_together() {
    let error = open(&["--keepalive=1ms", "--max-connections=0"]).await.expect_err("both wrong");
    let ServeError::Config(problems) = &error else { panic!("{error}") };
    assert_eq!(problems.len(), 2, "{error}");
    let absent = open(&["--tls-cert=absent.pem", "--tls-key=absent.key"]).await;
    assert!(matches!(absent, Err(ServeError::File(_))));
}
