//! TLS and bearer tokens. Nothing in here prints a secret.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, ClientTlsConfig, Identity},
};

use crate::error::OptionsError;

/// Longest token, in bytes; with other headers it must fit into the servers' 16 KiB.
const MAX_TOKEN_BYTES: usize = 4096;

/// Whom to trust, and who we are.
#[derive(Clone)]
pub struct Tls {
    config: ClientTlsConfig,
    server_name: Option<String>,
}

impl Tls {
    /// Trusts the authorities the operating system trusts; Mozilla's where it trusts none, as in a bare
    /// container.
    #[must_use]
    pub fn system_roots() -> Self {
        let config = ClientTlsConfig::new().trust_anchors(roots::trust_anchors());
        Self { config, server_name: None }
    }

    /// Trusts these authorities (PEM) and no other.
    #[must_use]
    pub fn authority(pem: impl AsRef<[u8]>) -> Self {
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
        Self { config, server_name: None }
    }

    /// Shows this certificate and proves it with its key (both PEM).
    #[must_use]
    pub fn identity(self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let config = self.config.identity(Identity::from_pem(certificate, key));
        Self { config, ..self }
    }

    /// Expects this name in the servers' certificates, instead of the target's host.
    #[must_use]
    pub fn server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    pub(crate) fn to_config(&self, host: &str) -> ClientTlsConfig {
        self.config.clone().domain_name(self.server_name.as_deref().unwrap_or(host))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// A bearer token. Clones share it, so that one [`BearerToken::replace`] reaches every client.
#[derive(Clone)]
pub struct BearerToken(Arc<RwLock<MetadataValue<Ascii>>>);

impl BearerToken {
    /// A token as the server's file has it.
    ///
    /// # Errors
    /// When no header can carry it.
    pub fn new(token: &str) -> Result<Self, OptionsError> {
        Ok(Self(Arc::new(RwLock::new(header(token)?))))
    }

    /// From the next attempt on, this one.
    ///
    /// # Errors
    /// When no header can carry it; the old one stays.
    pub fn replace(&self, token: &str) -> Result<(), OptionsError> {
        let value = header(token)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    pub(crate) fn header(&self) -> MetadataValue<Ascii> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("BearerToken")
    }
}

fn header(token: &str) -> Result<MetadataValue<Ascii>, OptionsError> {
    let fit = (1..=MAX_TOKEN_BYTES).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    let value = fit.then(|| format!("Bearer {token}").parse().ok()).flatten();
    let mut value: MetadataValue<Ascii> = value.ok_or(OptionsError::Token(token.len()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_for_all_and_printed_for_nobody() {
        let token = BearerToken::new("0123456789abcdef").expect("a token");
        let other = token.clone();
        token.replace("fedcba9876543210").expect("a token");
        assert_eq!(other.header(), "Bearer fedcba9876543210");
        let told = format!("{token:?} {:?}", other.header());
        assert!(!told.contains("fedc"), "{told}");
    }

    #[test]
    fn a_token_that_no_header_carries_is_refused_and_the_old_one_stays() {
        let token = BearerToken::new("0123456789abcdef").expect("a token");
        for wrong in ["", "two words", "line\nbreak", "schlüssel", &"x".repeat(5000)] {
            assert!(BearerToken::new(wrong).is_err() && token.replace(wrong).is_err());
        }
        assert_eq!(token.header(), "Bearer 0123456789abcdef");
    }
}
