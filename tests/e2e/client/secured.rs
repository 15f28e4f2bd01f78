//! TLS, client certificates and tokens, with certificates made here.

use std::path::{Path, PathBuf};

use client::{BearerToken, CallError, IndexClient, Options, OptionsError, Target, Tls};
use e2e::{library::Library, process::Server};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;
use tonic::Code;

use super::{brisk, info, soon};

const TOKEN: &str = "a-token-for-this-test";

/// An authority, and what it signed, as files.
struct Files {
    folder: TempDir,
    authority: String,
}

impl Files {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("randomness");
        let authority = params.self_signed(&key).expect("sound parameters").pem();
        let issuer = Issuer::new(params, key);
        let files = Self { folder: tempfile::tempdir().expect("a temporary folder"), authority };
        for (name, subject) in [("server", "index.test"), ("client", "player.test")] {
            let mut params = CertificateParams::new([subject.to_owned()]).expect("a DNS name");
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let key = KeyPair::generate().expect("randomness");
            let certificate = params.signed_by(&key, &issuer).expect("sound parameters");
            files.write(&format!("{name}.pem"), &certificate.pem());
            files.write(&format!("{name}.key"), &key.serialize_pem());
        }
        files.write("authority.pem", &files.authority);
        files.write("tokens", &format!("player:{TOKEN}\n"));
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("written");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("written above")
    }
}

fn start(library: &Library, flags: &[(&str, &Path)]) -> Server {
    let index = library.index();
    let mut words = vec!["--index".into(), index.into_os_string()];
    for (flag, path) in flags {
        words.extend([flag.into(), path.as_os_str().to_owned()]);
    }
    Server::start(&library.binaries().index, &words).expect("it starts")
}

fn connect(server: &Server, options: Options) -> IndexClient {
    let target = Target::fixed([server.address()]).expect("an address");
    IndexClient::new(target, options).expect("sound options")
}

fn impatient(tls: Tls) -> Options {
    Options { tls: Some(tls), max_wait: std::time::Duration::from_millis(700), ..brisk() }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_and_token_together() {
    let library = Library::shared().expect("the library builds");
    let files = Files::new();
    let (cert, key, tokens) =
        (files.path("server.pem"), files.path("server.key"), files.path("tokens"));
    let server =
        start(&library, &[("--tls-cert", &cert), ("--tls-key", &key), ("--auth-tokens", &tokens)]);
    let trusted = || Tls::authority(&files.authority).server_name("index.test");
    let token = BearerToken::new("not-the-one-it-is").expect("a token");

    // Health needs no token, so the endpoint is ready; the call is answered, with a refusal.
    let without = connect(&server, impatient(trusted()));
    let error = info(&without, soon()).await.expect_err("no token");
    assert_eq!((error.code(), error.attempts()), (Code::Unauthenticated, 1), "{error:?}");
    let options = Options { token: Some(token.clone()), ..impatient(trusted()) };
    let client = connect(&server, options);
    let error = info(&client, soon()).await.expect_err("the wrong token");
    assert_eq!(error.reason().as_deref(), Some("UNAUTHENTICATED"));
    token.replace(TOKEN).expect("a token");
    info(&client, soon()).await.expect("the right one, without a new client");

    // Not a token's worth of talk with a server that cannot prove its name, or with a stranger.
    let wrong_name = Tls::authority(&files.authority).server_name("other.test");
    let stranger = Tls::authority(Files::new().authority).server_name("index.test");
    for tls in [wrong_name, stranger, Tls::system_roots().server_name("index.test")] {
        let error = info(&connect(&server, impatient(tls)), soon()).await.expect_err("untrusted");
        assert!(matches!(error, CallError::NoEndpoint { attempts: 0, .. }), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_where_one_is_asked_for() {
    let library = Library::shared().expect("the library builds");
    let files = Files::new();
    let (cert, key, authority) =
        (files.path("server.pem"), files.path("server.key"), files.path("authority.pem"));
    let server = start(
        &library,
        &[("--tls-cert", &cert), ("--tls-key", &key), ("--tls-client-ca", &authority)],
    );
    let trusted = || Tls::authority(&files.authority).server_name("index.test");
    let error = info(&connect(&server, impatient(trusted())), soon()).await;
    let error = error.expect_err("nobody without a certificate");
    assert!(matches!(error, CallError::NoEndpoint { .. }), "{error:?}");
    let known = trusted().identity(files.read("client.pem"), files.read("client.key"));
    info(&connect(&server, impatient(known)), soon()).await.expect("a known client");
}

#[tokio::test]
async fn a_token_in_the_clear_must_be_meant() {
    let token = Some(BearerToken::new(TOKEN).expect("a token"));
    let target = || Target::fixed(["127.0.0.1:1"]).expect("an address");
    let options = Options { token: token.clone(), ..Options::default() };
    let refused = IndexClient::new(target(), options);
    assert!(matches!(refused, Err(OptionsError::Values(_))), "{refused:?}");
    let options = Options { token, token_without_tls: true, ..Options::default() };
    assert!(IndexClient::new(target(), options).is_ok());
    let nonsense =
        Options { tls: Some(Tls::authority("no PEM").identity("x", "y")), ..Options::default() };
    let refused = IndexClient::new(target(), nonsense);
    assert!(matches!(refused, Err(OptionsError::Tls(_))), "{refused:?}");
}
