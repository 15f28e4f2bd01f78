//! TLS of the gRPC port: this server's certificate, and the authorities of client certificates.
//! The one crypto provider is ring.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};

use crate::{
    config::TlsFiles,
    edge::reload::{ReloadError, Reloading},
};

/// HTTP/2, the only protocol of this port.
const ALPN_H2: &[u8] = b"h2";

/// Reads the files and makes what connections are accepted with.
///
/// # Errors
/// When a file cannot be read or is not what it should be, such as a key of another certificate.
pub(crate) fn open(files: &TlsFiles) -> Result<Reloading<ServerConfig>, ReloadError> {
    let paths = [Some(&files.cert), Some(&files.key), files.client_ca.as_ref()];
    let paths = paths.into_iter().flatten().cloned().collect();
    let provider = provider();
    let files = files.clone();
    Reloading::open("tls", paths, move |contents| {
        let [cert, key, authorities @ ..] = contents else {
            return Err(refuse(&files, 0, "absent"));
        };
        config(&provider, &files, cert, key, authorities.first().map(Vec::as_slice))
    })
}

/// The provider, installed for the whole process too: clients such as the trace exporter look
/// there, and rustls panics when it has to choose between two.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    // An error means that one is installed already, which is as good.
    let _ = ring::default_provider().install_default();
    Arc::new(ring::default_provider())
}

fn config(
    provider: &Arc<CryptoProvider>,
    files: &TlsFiles,
    cert: &[u8],
    key: &[u8],
    authorities: Option<&[u8]>,
) -> Result<ServerConfig, ReloadError> {
    let chain = certificates(cert).map_err(|message| refuse(files, 0, message))?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| refuse(files, 1, format!("expected a PEM private key: {error}")))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(files, 0, error))?;
    let builder = match authorities {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(pem).map_err(|message| refuse(files, 2, message))? {
                roots.add(authority).map_err(|error| refuse(files, 2, error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider))
                    .build()
                    .map_err(|error| refuse(files, 2, error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| refuse(files, 0, error))?;
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    if authorities.is_some() {
        // A resumed session would be accepted without looking at the client's certificate again,
        // which may have expired.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("expected PEM certificates: {error}"))?;
    if found.is_empty() {
        return Err("no PEM certificate found".to_owned());
    }
    Ok(found)
}

/// An error about the certificate (0), the key (1) or the authorities (2).
fn refuse(files: &TlsFiles, file: usize, message: impl ToString) -> ReloadError {
    let path = match file {
        0 => &files.cert,
        1 => &files.key,
        _ => files.client_ca.as_ref().unwrap_or(&files.cert),
    };
    ReloadError::Content { path: path.clone(), message: message.to_string() }
}
