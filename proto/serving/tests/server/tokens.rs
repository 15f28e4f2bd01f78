//! Bearer tokens: none, wrong, right, renewed.

use std::time::Duration;

use tonic::{Code, Request};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt as _;

use crate::{
    certificates::Files,
    harness::{compute, health, start, work},
};

const FIRST: &str = "first-token-0123456789";
const SECOND: &str = "second-token-0123456789";

fn with(authorization: &str) -> Request<prost_types::Duration> {
    let mut request = work(Duration::ZERO);
    request.metadata_mut().insert("authorization", authorization.parse().expect("ASCII"));
    request
}

#[tokio::test]
async fn calls_need_a_token_of_the_file() {
    let files = Files::new();
    files.write("tokens", &format!("# players\nplayer:{FIRST}\n"));
    let flag = files.flag("auth-tokens", "tokens");
    let server = start(&[&flag, "--reload-interval=20ms"]).await;
    let channel = server.connect().await;
    compute(&channel, with(&format!("Bearer {FIRST}"))).await.expect("the right token");
    for request in [
        work(Duration::ZERO),
        with(&format!("Bearer {SECOND}")),
        with(FIRST),
        with("Bearer "),
        with(&format!("Basic {FIRST}")),
    ] {
        let status = compute(&channel, request).await.expect_err("no right token");
        assert_eq!(status.code(), Code::Unauthenticated);
        let info = status.get_details_error_info().expect("every error has one");
        assert_eq!(info.reason, "UNAUTHENTICATED");
        assert!(!status.message().contains(FIRST) && !status.message().contains(SECOND));
    }
    assert_eq!(health(&channel, "").await, ServingStatus::Serving, "probes bring no token");

    files.write("tokens", "short");
    let refused = "grpc_server_reloads_total{outcome=\"refused\",what=\"tokens\"}";
    server.until_sample(refused, 1.0).await;
    compute(&channel, with(&format!("Bearer {FIRST}"))).await.expect("the old file stays");

    files.write("tokens", SECOND);
    let taken = "grpc_server_reloads_total{outcome=\"taken\",what=\"tokens\"}";
    server.until_sample(taken, 1.0).await;
    compute(&channel, with(&format!("bearer {SECOND}"))).await.expect("the new token");
    compute(&channel, with(&format!("Bearer {FIRST}"))).await.expect_err("the old is gone");
}

#[tokio::test]
async fn a_tokens_name_is_what_its_calls_are_counted_by() {
    let files = Files::new();
    files.write("tokens", &format!("one:{FIRST}\ntwo:{SECOND}\n"));
    let flag = files.flag("auth-tokens", "tokens");
    let mut server = start(&[&flag, "--max-concurrent-calls-per-peer=1"]).await;
    let channel = server.connect().await;
    let mut long = work(Duration::from_secs(60));
    let token = format!("Bearer {FIRST}");
    long.metadata_mut().insert("authorization", token.parse().expect("ASCII"));
    let busy = channel.clone();
    let busy = tokio::spawn(async move { compute(&busy, long).await });
    server.event().await;
    let status = compute(&channel, with(&token)).await.expect_err("one call of this token runs");
    assert_eq!(status.code(), Code::Unavailable);
    let other = channel.clone();
    let other =
        tokio::spawn(async move { compute(&other, with(&format!("Bearer {SECOND}"))).await });
    server.until_sample("worker_queue_length{pool=\"work\"}", 1.0).await;
    busy.abort();
    other.await.expect("no panic").expect("another token of the same address");
}
