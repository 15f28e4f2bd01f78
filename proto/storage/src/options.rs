//! How a store is reached, as values.

use std::{path::PathBuf, time::Duration};

/// How a store is reached. Folders need none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageOptions {
    /// Endpoint of a store that is not the provider's own.
    pub endpoint: Option<String>,
    /// Whether the endpoint may be spoken to without TLS.
    pub allow_http: bool,
    /// Region of an S3 bucket; by default the environment's, then `us-east-1`.
    pub region: Option<String>,
    /// File of PEM certificates that the store's is checked against; by default the system's, and
    /// Mozilla's where it has none.
    pub authorities: Option<PathBuf>,
    /// Whether requests carry no credentials.
    pub anonymous: bool,
    /// Longest silence before a request is given up.
    pub timeout: Duration,
    /// Tries after the first.
    pub retries: u32,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            endpoint: None,
            allow_http: false,
            region: None,
            authorities: None,
            anonymous: false,
            timeout: Duration::from_secs(30),
            retries: 5,
        }
    }
}
