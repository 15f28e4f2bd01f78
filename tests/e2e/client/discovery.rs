//! From a name to endpoints, while what the name means changes.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use client::{IndexClient, Options, Resolution, Resolve, Resolved, Target};
use e2e::{library::Library, process::Server};

use super::{brisk, info, soon, until, until_ready};

/// Looks names up in a hosts file, which a test can change without being root.
#[derive(Debug)]
struct HostsFile {
    path: PathBuf,
    time_to_live: Option<Duration>,
}

impl Resolve for HostsFile {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Resolved>> + Send + 'a>> {
        Box::pin(async move {
            let text = std::fs::read_to_string(&self.path)?;
            let mut addresses = Vec::new();
            for line in text.lines() {
                let mut words = line.split_whitespace();
                let Some(address) = words.next() else { continue };
                if words.any(|name| name == host) {
                    let address: IpAddr = address.parse().map_err(io::Error::other)?;
                    addresses.push(SocketAddr::new(address, port));
                }
            }
            Ok(Resolved { addresses, time_to_live: self.time_to_live })
        })
    }
}

struct Named {
    client: IndexClient,
    hosts: PathBuf,
    _folder: tempfile::TempDir,
}

impl Named {
    fn new(port: u16, lines: &str, time_to_live: Option<Duration>, interval: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let hosts = folder.path().join("hosts");
        std::fs::write(&hosts, lines).expect("written");
        let resolver = HostsFile { path: hosts.clone(), time_to_live };
        let options = Options {
            resolution: Resolution {
                resolver: Arc::new(resolver),
                interval,
                min_interval: Duration::from_millis(20),
            },
            ..brisk()
        };
        let target = Target::dns(&format!("index.test:{port}")).expect("a name");
        let client = IndexClient::new(target, options).expect("sound options");
        Self { client, hosts, _folder: folder }
    }

    fn says(&self, lines: &str) {
        std::fs::write(&self.hosts, lines).expect("written");
    }
}

/// Two servers at one port of two addresses, as pods have.
fn two(library: &Library) -> (Server, Server, u16) {
    let index = library.index();
    let flags = ["--index".as_ref(), index.as_os_str()];
    let binary = &library.binaries().index;
    loop {
        let first = Server::start(binary, &flags).expect("it starts");
        let port: u16 = first.address().rsplit(':').next().expect("a port").parse().expect("one");
        // The port may be taken on the second address; then another pair is tried.
        if let Ok(second) = Server::start_at(&format!("127.0.0.2:{port}"), binary, &flags) {
            return (first, second, port);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_follow_the_name_when_the_answer_is_old() {
    let library = Library::shared().expect("the library builds");
    let (first, second, port) = two(&library);
    let live = Some(Duration::from_millis(50));
    let named = Named::new(port, "127.0.0.1 index.test", live, Duration::from_secs(600));
    until_ready(&named.client, &[first.address()]).await;
    named.says("127.0.0.1 index.test\n127.0.0.2 other index.test");
    until_ready(&named.client, &[first.address(), second.address()]).await;
    named.says("127.0.0.2 index.test");
    until_ready(&named.client, &[second.address()]).await;
    assert_eq!(named.client.activity().endpoints.len(), 1, "what is gone is forgotten");
    info(&named.client, soon()).await.expect("answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_or_empty_look_up_changes_nothing() {
    let library = Library::shared().expect("the library builds");
    let (first, second, port) = two(&library);
    let live = Some(Duration::from_millis(20));
    let named = Named::new(port, "127.0.0.1 index.test", live, Duration::from_secs(600));
    until_ready(&named.client, &[first.address()]).await;
    for broken in ["not an address index.test", "127.0.0.9 other.test", ""] {
        named.says(broken);
        tokio::time::sleep(Duration::from_millis(200)).await;
        info(&named.client, soon()).await.expect("the old endpoint stays");
    }
    std::fs::remove_file(&named.hosts).expect("it was there");
    tokio::time::sleep(Duration::from_millis(200)).await;
    info(&named.client, soon()).await.expect("the old endpoint stays");
    named.says("127.0.0.2 index.test");
    until_ready(&named.client, &[second.address()]).await;
}

/// Nobody waits ten minutes for a new address when the old one is dead.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_endpoint_is_a_reason_to_look_again() {
    let library = Library::shared().expect("the library builds");
    let (mut first, second, port) = two(&library);
    let named = Named::new(port, "127.0.0.1 index.test", None, Duration::from_secs(600));
    until_ready(&named.client, &[first.address()]).await;
    named.says("127.0.0.2 index.test");
    first.terminate().expect("it ends");
    info(&named.client, soon()).await.expect("the call waits for the new endpoint");
    until_ready(&named.client, &[second.address()]).await;
}

/// `localhost` may be two addresses, one of them without a server.
#[tokio::test(flavor = "multi_thread")]
async fn the_system_knows_names_too() {
    let library = Library::shared().expect("the library builds");
    let server = library.start_index().expect("it starts");
    let port = server.address().rsplit(':').next().expect("a port");
    let target = Target::dns(&format!("localhost:{port}")).expect("a name");
    let client = IndexClient::new(target, brisk()).expect("sound options");
    for _ in 0..10 {
        info(&client, soon()).await.expect("one address has a server");
    }
    until_ready(&client, &[server.address()]).await;
    until(&client, "ten calls", |activity| activity.attempts == 10).await;
}
