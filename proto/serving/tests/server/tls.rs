//! TLS with certificates that are right, wrong, old and new.

use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};
use tonic::{
    Code, Status,
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt as _;

use crate::{
    certificates::{Authority, Files, Leaf},
    harness::{Running, compute, health, open, start, work},
};

const HOST: &str = "soundalike.test";
const PLAYER: &str = "spiffe://house/player";
const NOTHING: Duration = Duration::ZERO;

/// A server with TLS; it wants client certificates of `clients` if given.
async fn secure(leaf: &Leaf, clients: Option<&Authority>, more: &[&str]) -> (Running, Files) {
    let files = Files::new();
    files.write_leaf(leaf);
    if let Some(clients) = clients {
        files.write("clients.pem", &clients.pem());
    }
    let mut flags = files.tls_flags();
    flags.extend(more.iter().map(|&flag| flag.to_owned()));
    flags.push("--reload-interval=20ms".to_owned());
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    (start(&flags).await, files)
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(authority.trusted()).domain_name(HOST)
}

fn endpoint(server: &Running, tls: ClientTlsConfig) -> Endpoint {
    Endpoint::try_from(format!("https://{}", server.address))
        .and_then(|endpoint| endpoint.tls_config(tls))
        .expect("a sound endpoint")
}

/// Connects anew and calls once. With TLS 1.3 a client learns only with the first reply that its
/// certificate was refused.
async fn try_once(server: &Running, tls: ClientTlsConfig) -> Result<(), Status> {
    let channel = endpoint(server, tls)
        .connect()
        .await
        .map_err(|error| Status::from_error(Box::new(error)))?;
    compute(&channel, work(NOTHING)).await.map(drop)
}

#[tokio::test]
async fn the_server_is_known_by_its_certificate() {
    let authority = Authority::new();
    let (server, _files) = secure(&authority.server(HOST), None, &[]).await;
    try_once(&server, trusting(&authority)).await.expect("the right authority and name");
    try_once(&server, trusting(&Authority::new())).await.expect_err("another authority");
    let elsewhere = trusting(&authority).domain_name("elsewhere.test");
    try_once(&server, elsewhere).await.expect_err("another name");
    let plain = server.endpoint().connect().await;
    if let Ok(channel) = plain {
        compute(&channel, work(NOTHING)).await.expect_err("no TLS at all");
    }
}

#[tokio::test]
async fn clients_are_known_by_theirs() {
    let (house, clients) = (Authority::new(), Authority::new());
    let (server, _files) = secure(&house.server(HOST), Some(&clients), &[]).await;
    let with = |leaf: &Leaf| trusting(&house).identity(leaf.identity());
    try_once(&server, with(&clients.client(PLAYER))).await.expect("the right authority");
    try_once(&server, trusting(&house)).await.expect_err("no certificate");
    let stranger = Authority::new().client(PLAYER);
    try_once(&server, with(&stranger)).await.expect_err("another authority");
    try_once(&server, with(&clients.expired_client(PLAYER))).await.expect_err("expired");
    server
        .until_sample("grpc_server_connections_ended_total{cause=\"handshake_failed\"}", 3.0)
        .await;
}

#[tokio::test]
async fn only_identities_on_the_list_may_call() {
    let house = Authority::new();
    let allow = format!("--allow-identity=spiffe://house/other,{PLAYER}");
    let (server, _files) = secure(&house.server(HOST), Some(&house), &[&allow]).await;
    let connect = async |uri: &str| -> Channel {
        let tls = trusting(&house).identity(house.client(uri).identity());
        endpoint(&server, tls).connect().await.expect("the certificate is valid")
    };
    compute(&connect(PLAYER).await, work(NOTHING)).await.expect("on the list");
    let stranger = connect("spiffe://house/player2").await;
    let status = compute(&stranger, work(NOTHING)).await.expect_err("not on the list");
    assert_eq!(status.code(), Code::PermissionDenied);
    let info = status.get_details_error_info().expect("every error has one");
    assert_eq!(info.reason, "IDENTITY_NOT_ALLOWED");
    assert_eq!(health(&stranger, "").await, ServingStatus::Serving, "probes need no permission");
}

#[tokio::test]
async fn certificates_are_renewed_under_load() {
    let (old, new) = (Authority::new(), Authority::new());
    let (server, files) = secure(&old.server(HOST), Some(&old), &[]).await;
    let player = |authority: &Authority| authority.client(PLAYER).identity();
    let channel = endpoint(&server, trusting(&old).identity(player(&old)))
        .connect()
        .await
        .expect("the old authority");
    let (renewed, mut until) = oneshot::channel::<()>();
    let load = tokio::spawn(async move {
        while until.try_recv() == Err(TryRecvError::Empty) {
            compute(&channel, work(Duration::from_millis(1))).await.expect("no call notices");
        }
    });

    // Half of a renewal: a certificate whose key has not arrived.
    let leaf = new.server(HOST);
    files.write("cert.pem", &leaf.certificate);
    let refused = "grpc_server_reloads_total{outcome=\"refused\",what=\"tls\"}";
    server.until_sample(refused, 1.0).await;
    try_once(&server, trusting(&old).identity(player(&old))).await.expect("the old pair stays");

    files.write("key.pem", &leaf.key);
    let taken = "grpc_server_reloads_total{outcome=\"taken\",what=\"tls\"}";
    server.until_sample(taken, 1.0).await;
    try_once(&server, trusting(&new).identity(player(&old))).await.expect("the new certificate");
    try_once(&server, trusting(&old).identity(player(&old))).await.expect_err("the old is gone");

    files.write("clients.pem", &new.pem());
    server.until_sample(taken, 2.0).await;
    try_once(&server, trusting(&new).identity(player(&new))).await.expect("the new authority");
    try_once(&server, trusting(&new).identity(player(&old))).await.expect_err("the old is gone");
    drop(renewed);
    load.await.expect("open connections are not harmed");
}

#[tokio::test]
async fn files_that_do_not_fit_together_are_refused_at_the_start() {
    let authority = Authority::new();
    let files = Files::new();
    let (one, other) = (authority.server(HOST), authority.server(HOST));
    for (certificate, key) in [
        (&*one.certificate, &*other.key),
        (&*one.key, &*one.key),
        ("", &*one.key),
        (&*one.certificate, ""),
    ] {
        files.write("cert.pem", certificate);
        files.write("key.pem", key);
        let flags = files.tls_flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let error = open(&flags).await.expect_err("not a pair").to_string();
        assert!(error.contains(".pem: "), "{error}");
        assert!(!error.contains("BEGIN"), "no content in messages: {error}");
    }
}
