//! The authorities that a stranger's certificate is checked against where nobody names any: those of the
//! system, and Mozilla's where it has none, as in an image that holds one binary and nothing else.
//!
//! The system's are those of `SSL_CERT_FILE` and `SSL_CERT_DIR` where these are set, else of the places
//! where distributions keep them. Mozilla's are as old as this build, so a system that keeps its own up
//! to date is believed alone.

#![forbid(unsafe_code)]

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, TrustAnchor},
};

/// The authorities, as certificates. Each can be trusted as it stands.
///
/// Reads the system's files each time, so that what changes there is seen.
#[must_use]
pub fn certificates() -> Vec<CertificateDer<'static>> {
    or_mozilla(rustls_native_certs::load_native_certs().certs)
}

/// The authorities, as what of a certificate is needed to trust it.
#[must_use]
pub fn trust_anchors() -> Vec<TrustAnchor<'static>> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates());
    store.roots
}

/// Those of the system that can be read, if there are any.
fn or_mozilla(mut system: Vec<CertificateDer<'static>>) -> Vec<CertificateDer<'static>> {
    system.retain(is_authority);
    if system.is_empty() {
        return webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec();
    }
    system
}

fn is_authority(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_authorities_gets_mozillas() {
        let all = or_mozilla(Vec::new());
        assert!(all.len() > 100, "{} authorities", all.len());
        assert!(all.iter().all(is_authority));
        // What is no certificate is no authority.
        assert_eq!(or_mozilla(vec![CertificateDer::from(vec![0x30, 0])]), all);
    }

    #[test]
    fn a_system_with_authorities_is_believed_alone() {
        let own = webpki_root_certs::TLS_SERVER_ROOT_CERTS[..2].to_vec();
        assert_eq!(or_mozilla(own.clone()), own);
        let with_rubbish = [own.clone(), vec![CertificateDer::from(vec![1])]].concat();
        assert_eq!(or_mozilla(with_rubbish), own);
    }
}
