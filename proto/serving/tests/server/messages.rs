//! Requests that are too large, broken, or of no method: each is refused with a reason.

use bytes::{Buf, BufMut};
use tonic::{
    Code, Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};
use tonic_types::StatusExt as _;

use crate::{
    harness::{call, compute, health, start, work},
    work::{COMPUTE, DOMAIN},
};

/// Sends bytes as they are.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

async fn send(channel: &Channel, path: &'static str, message: Vec<u8>) -> Status {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("the server listens");
    let path = PathAndQuery::from_static(path);
    client.unary(Request::new(message), path, Raw).await.expect_err("must be refused")
}

fn assert_refused(status: &Status, code: Code, reason: &str) {
    assert_eq!(status.code(), code, "{status}");
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no reason: {status:?}"));
    assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, DOMAIN));
}

#[tokio::test]
async fn every_refusal_of_a_message_has_a_reason() {
    let server = start(&[]).await;
    let channel = server.connect().await;
    let large = send(&channel, COMPUTE, vec![0; 9 << 10]).await;
    assert_refused(&large, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    let broken = send(&channel, COMPUTE, vec![0xff; 9]).await;
    assert_refused(&broken, Code::InvalidArgument, "MALFORMED_MESSAGE");
    let unknown = call(&channel, "/test.v1.Nothing/Nothing", work(std::time::Duration::ZERO)).await;
    assert_refused(&unknown.expect_err("none"), Code::Unimplemented, "UNKNOWN_METHOD");
    let mut request = work(std::time::Duration::ZERO);
    let long = "x".repeat(17 << 10).parse().expect("ASCII");
    request.metadata_mut().insert("x-long", long);
    let refused = compute(&channel, request).await.expect_err("17 KiB of metadata");
    assert_refused(&refused, Code::ResourceExhausted, "METADATA_TOO_LARGE");
    compute(&channel, work(std::time::Duration::ZERO)).await.expect("the connection goes on");
}

#[tokio::test]
async fn health_and_reflection_take_what_they_need() {
    let server = start(&[]).await;
    let channel = server.connect().await;
    let request = HealthCheckRequest { service: "x".repeat(5 << 10) };
    let refused = HealthClient::new(channel.clone()).check(request.clone()).await;
    assert_refused(&refused.expect_err("5 KiB"), Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    let refused = HealthClient::new(channel.clone()).watch(request).await;
    assert_refused(&refused.expect_err("5 KiB"), Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    let symbol = MessageRequest::FileContainingSymbol("x".repeat(65 << 10));
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(symbol) };
    let mut stream = ServerReflectionClient::new(channel.clone())
        .server_reflection_info(tokio_stream::once(request))
        .await
        .expect("a stream")
        .into_inner();
    // The reflection service ends such a stream without a word of its own.
    assert_eq!(stream.message().await.expect("an end"), None);
    health(&channel, "").await;
}

/// Probes have room of their own, and it has an end.
#[tokio::test]
async fn watchers_of_health_are_limited() {
    let server = start(&["--max-streams-per-connection=1000"]).await;
    let channel = server.connect().await;
    let mut client = HealthClient::new(channel.clone());
    let mut streams = Vec::new();
    for _ in 0..512 {
        streams.push(client.watch(HealthCheckRequest::default()).await.expect("there is room"));
    }
    let refused = client.watch(HealthCheckRequest::default()).await.expect_err("512 are the most");
    assert_refused(&refused, Code::Unavailable, "OVERLOADED");
    compute(&channel, work(std::time::Duration::ZERO)).await.expect("calls are counted apart");
    drop(streams);
    while client.check(HealthCheckRequest::default()).await.is_err() {
        tokio::task::yield_now().await;
    }
}
