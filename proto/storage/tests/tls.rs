//! A store behind TLS: its certificate is checked against the authorities that are stated, with the one
//! crypto provider of the process. The store here is a TLS server that knows no object.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use storage::{StorageError, StorageOptions, Store};
use tempfile::TempDir;

/// A certificate for this host: PEM for the client, and the server's configuration.
fn certificate() -> (String, ServerConfig) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .expect("they fit");
    (made.cert.pem(), config)
}

/// Answers every request over TLS with 404, in threads that end with the test; its endpoint.
fn serve(config: ServerConfig) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("https://localhost:{}", listener.local_addr().expect("bound").port());
    let config = Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("sound");
            thread::spawn(move || {
                let mut stream = StreamOwned::new(connection, stream);
                let mut request = [0; 4096];
                // A client that refuses the certificate sends none.
                if stream.read(&mut request).is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
                    let _ = stream.write_all(answer).and_then(|()| stream.flush());
                }
            });
        }
    });
    endpoint
}

fn file(folder: &TempDir, pem: &str) -> PathBuf {
    let path = folder.path().join("ca.pem");
    fs::write(&path, pem).expect("writable");
    path
}

fn open(endpoint: &str, authorities: Option<PathBuf>) -> Result<Store, StorageError> {
    let options = StorageOptions {
        endpoint: Some(endpoint.to_owned()),
        authorities,
        anonymous: true,
        timeout: Duration::from_secs(20),
        retries: 0,
        ..StorageOptions::default()
    };
    Store::open(&"s3://bucket/in".parse().expect("a URL"), &options)
}

#[test]
fn a_certificate_of_the_stated_authorities_is_taken_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pem, config) = certificate();
    let endpoint = serve(config);
    let store = open(&endpoint, Some(file(&folder, &pem))).expect("sound options");
    assert!(store.get("CURRENT", 100).expect("answered over TLS").is_none());

    let (other, _) = certificate();
    let store = open(&endpoint, Some(file(&folder, &other))).expect("sound options");
    let refused = store.get("CURRENT", 100);
    assert!(matches!(refused, Err(StorageError::Unreachable { .. })), "{refused:?}");
}

#[test]
fn authorities_that_are_none_are_refused_with_their_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let error =
        open("https://localhost:1", Some(file(&folder, "no certificate"))).expect_err("none");
    assert!(error.to_string().contains("ca.pem"), "{error}");
    let missing = open("https://localhost:1", Some(folder.path().join("missing.pem")));
    let error = missing.expect_err("no such file");
    assert!(error.to_string().contains("missing.pem"), "{error}");
}

/// Without TLS only where it is allowed.
#[test]
fn plain_http_is_refused_unless_it_is_allowed() {
    let refused = open("http://localhost:1", None).expect_err("not allowed");
    assert!(refused.to_string().contains("s3://bucket/in cannot be opened"), "{refused}");
}
