//! Who is at the other end of a connection, as far as it is known.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use rustls::pki_types::CertificateDer;

/// The caller: an address always, a proven name where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// The name it proved: the first URI of its certificate, or the name of its token.
    pub identity: Option<Arc<str>>,
}

impl Peer {
    /// What limits per peer are counted by.
    #[must_use]
    pub fn key(&self) -> PeerKey {
        match &self.identity {
            Some(identity) => PeerKey::Identity(Arc::clone(identity)),
            None => PeerKey::Address(self.address.ip()),
        }
    }
}

/// What one peer's calls have in common: its proven name, else its address without the port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PeerKey {
    /// A name proven by certificate or token.
    Identity(Arc<str>),
    /// An address.
    Address(IpAddr),
    /// Work that no call asked for.
    Local,
}

impl fmt::Display for PeerKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(identity) => out.write_str(identity),
            Self::Address(address) => write!(out, "{address}"),
            Self::Local => out.write_str("local"),
        }
    }
}

/// The first URI among the subject's alternative names, which is where SPIFFE puts its ids.
///
/// Only to be asked about a certificate that the handshake has verified.
pub(crate) fn certificate_identity(certificate: &CertificateDer<'_>) -> Option<Arc<str>> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    parsed.valid_uri_names().next().map(Arc::from)
}
