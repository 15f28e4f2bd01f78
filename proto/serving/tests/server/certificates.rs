//! Certificates made for one test, in files of a temporary folder.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use tempfile::TempDir;
use tonic::transport::{Certificate as Pem, Identity};

/// A certificate authority.
pub(crate) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "an authority for one test");
        let key = KeyPair::generate().expect("randomness");
        let certificate = params.self_signed(&key).expect("sound parameters");
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub(crate) fn trusted(&self) -> Pem {
        Pem::from_pem(self.pem())
    }

    /// A certificate for a host name.
    pub(crate) fn server(&self, name: &str) -> Leaf {
        self.sign(SanType::DnsName(name.try_into().expect("ASCII")), false)
    }

    /// A certificate for a client, named by a URI.
    pub(crate) fn client(&self, uri: &str) -> Leaf {
        self.sign(SanType::URI(uri.try_into().expect("ASCII")), false)
    }

    /// The same, but of another age.
    pub(crate) fn expired_client(&self, uri: &str) -> Leaf {
        self.sign(SanType::URI(uri.try_into().expect("ASCII")), true)
    }

    fn sign(&self, name: SanType, expired: bool) -> Leaf {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        if expired {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().expect("randomness");
        let certificate = params.signed_by(&key, &self.issuer).expect("sound parameters");
        Leaf { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Leaf {
    pub(crate) fn identity(&self) -> Identity {
        Identity::from_pem(&self.certificate, &self.key)
    }
}

/// A folder of the files a server is told about.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replaces a file in one step, as mounted secrets are.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let (new, path) = (self.path("new"), self.path(name));
        std::fs::write(&new, content).expect("written");
        std::fs::rename(new, path).expect("moved");
    }

    pub(crate) fn write_leaf(&self, leaf: &Leaf) {
        self.write("cert.pem", &leaf.certificate);
        self.write("key.pem", &leaf.key);
    }

    /// A flag that names a file in here.
    pub(crate) fn flag(&self, flag: &str, name: &str) -> String {
        let path: &Path = &self.path(name);
        format!("--{flag}={}", path.display())
    }

    /// The flags of TLS, and of mutual TLS where the folder has authorities for clients.
    pub(crate) fn tls_flags(&self) -> Vec<String> {
        let mut flags = vec![self.flag("tls-cert", "cert.pem"), self.flag("tls-key", "key.pem")];
        if self.path("clients.pem").exists() {
            flags.push(self.flag("tls-client-ca", "clients.pem"));
        }
        flags
    }
}
