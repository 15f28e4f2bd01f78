//! Whom the binaries trust where nobody names an authority: the system's authorities, and where there
//! are none, as in the images, others that came along.

use std::{
    io::Read as _,
    net::TcpListener,
    path::Path,
    process::Command,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use e2e::{
    calls::{query_row, top},
    library::Library,
    process::Server,
};
use rustls::{
    AlertDescription, Error, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};

/// For what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A TLS server of an authority that nobody knows: tells what each connection came to.
struct Stranger {
    port: u16,
    certificate: String,
    outcomes: mpsc::Receiver<Outcome>,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The certificate was taken, and something was said under it.
    Trusted,
    /// The certificate was looked at, and its authority not known.
    Unknown,
    Other(String),
}

impl Stranger {
    fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .expect("they fit");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (told, outcomes) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("sound");
                let mut stream = StreamOwned::new(connection, stream);
                let outcome = match stream.read(&mut [0; 1]) {
                    Ok(1..) => Outcome::Trusted,
                    Ok(_) => Outcome::Other("closed".to_owned()),
                    Err(error) => match error.get_ref().and_then(|cause| cause.downcast_ref()) {
                        Some(Error::AlertReceived(AlertDescription::UnknownCA)) => Outcome::Unknown,
                        _ => Outcome::Other(error.to_string()),
                    },
                };
                if told.send(outcome).is_err() {
                    return;
                }
            }
        });
        Self { port, certificate: made.cert.pem(), outcomes }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn outcome(&self) -> Outcome {
        self.outcomes.recv_timeout(PATIENCE).expect("somebody comes")
    }
}

/// The variables of a system with these authorities, or, by a name that leads nowhere, with none.
fn system(authorities: &Path) -> [(&'static str, &Path); 2] {
    [("SSL_CERT_FILE", authorities), ("SSL_CERT_DIR", Path::new("/nowhere"))]
}

#[test]
fn a_store_is_trusted_by_the_systems_authorities_or_by_those_that_came_along() {
    let library = Library::shared().expect("the library builds");
    let stranger = Stranger::start();
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("own.pem");
    std::fs::write(&own, &stranger.certificate).expect("writable");
    for (authorities, expected) in
        [(own.as_path(), Outcome::Trusted), (Path::new("/nowhere"), Outcome::Unknown)]
    {
        let output = Command::new(&library.binaries().index)
            .args(["versions", "--at", "s3://bucket/library", "--storage-anonymous", "true"])
            .args(["--storage-retries", "0", "--storage-endpoint", &stranger.url()])
            .envs(system(authorities))
            .output()
            .expect("it runs");
        assert!(!output.status.success(), "there is no store");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stranger.outcome(), expected, "{said}");
    }
}

/// An authority of one's own is not taken because it lies somewhere, and Mozilla's do not come on top.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_trusted_by_the_systems_authorities() {
    let library = Library::shared().expect("the library builds");
    let stranger = Stranger::start();
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("own.pem");
    std::fs::write(&own, &stranger.certificate).expect("writable");
    let (index, url) = (library.index(), stranger.url());
    for (authorities, expected) in
        [(own.as_path(), Outcome::Trusted), (Path::new("/nowhere"), Outcome::Unknown)]
    {
        let args =
            ["--index".as_ref(), index.as_os_str(), "--otlp-endpoint".as_ref(), url.as_ref()];
        let mut server = Server::start_in(&library.binaries().index, &args, system(authorities))
            .expect("it starts");
        let channel = server.connect().await.expect("it listens");
        query_row(&channel, 0, top(1)).await.expect("answered");
        drop(channel);
        // The end of the server flushes, whether the collector answers or not.
        server.signal(e2e::process::Signal::Term).expect("it runs");
        assert_eq!(stranger.outcome(), expected, "{}", server.log());
        server.signal(e2e::process::Signal::Kill).expect("it ends or has ended");
        server.wait().expect("it ends");
    }
}
