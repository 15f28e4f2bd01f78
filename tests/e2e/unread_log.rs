//! A server whose log nobody reads.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use e2e::library::binaries;
use proto::v1::{ListFeatureProfilesRequest, extractor_service_client::ExtractorServiceClient};
use tonic::transport::Endpoint;

/// A pipe holds 64 KiB, which is some 200 lines.
const CALLS: usize = 1000;

#[tokio::test]
async fn a_server_goes_on_when_nobody_reads_its_log() {
    let extractor = &binaries().expect("it builds").extractor;
    let mut server = Command::new(extractor)
        .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut ready = String::new();
    let output = server.stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut ready).expect("text");
    let address = ready.trim().strip_prefix("listening on ").expect("the ready line").to_owned();
    let endpoint = Endpoint::try_from(format!("http://{address}")).expect("an address");
    let mut client = ExtractorServiceClient::new(endpoint.connect().await.expect("it listens"));
    for _ in 0..CALLS {
        client
            .list_feature_profiles(ListFeatureProfilesRequest::default())
            .await
            .expect("an answer");
    }
    server.kill().expect("it runs");
    server.wait().expect("it ends");
}
