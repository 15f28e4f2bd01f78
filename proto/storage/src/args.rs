//! Flags about object storage. Each has an environment variable. Credentials have no flags: they are
//! what the provider's own programs read, and do not belong on a command line.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};

use crate::options::StorageOptions;

/// How an object store is reached. Credentials are taken from the provider's usual environment:
/// `AWS_ACCESS_KEY_ID` and its kin or the pod's role, `GOOGLE_APPLICATION_CREDENTIALS`,
/// `AZURE_STORAGE_ACCOUNT_NAME` and its kin.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage options")]
pub struct StorageArgs {
    /// Endpoint of a store that is not the provider's own, such as `https://minio.store:9000`.
    #[arg(long, env = "SOUNDALIKE_STORAGE_ENDPOINT", value_name = "URL")]
    pub storage_endpoint: Option<String>,
    /// Whether the endpoint may be spoken to without TLS.
    #[arg(long, env = "SOUNDALIKE_STORAGE_ALLOW_HTTP", default_value_t = false, action = ArgAction::Set, value_name = "BOOL")]
    pub storage_allow_http: bool,
    /// Region of an S3 bucket. By default AWS_REGION, then AWS_DEFAULT_REGION, then us-east-1.
    #[arg(long, env = "SOUNDALIKE_STORAGE_REGION", value_name = "NAME")]
    pub storage_region: Option<String>,
    /// Authorities that the store's certificate is checked against, PEM. By default the system's, and
    /// Mozilla's where it has none.
    #[arg(long, env = "SOUNDALIKE_STORAGE_CA", value_name = "FILE")]
    pub storage_ca: Option<PathBuf>,
    /// Whether requests carry no credentials, for a store that anyone may read.
    #[arg(long, env = "SOUNDALIKE_STORAGE_ANONYMOUS", default_value_t = false, action = ArgAction::Set, value_name = "BOOL")]
    pub storage_anonymous: bool,
    /// Longest silence of the store before a request is given up, and tried again if there are
    /// tries left.
    #[arg(long, env = "SOUNDALIKE_STORAGE_TIMEOUT", default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub storage_timeout: Duration,
    /// Tries after the first of a request that failed by no fault of its own.
    #[arg(long, env = "SOUNDALIKE_STORAGE_RETRIES", default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub storage_retries: u32,
}

impl StorageArgs {
    /// The same, as values; [`crate::Store::open`] checks them.
    #[must_use]
    pub fn to_options(&self) -> StorageOptions {
        StorageOptions {
            endpoint: self.storage_endpoint.clone(),
            allow_http: self.storage_allow_http,
            region: self.storage_region.clone(),
            authorities: self.storage_ca.clone(),
            anonymous: self.storage_anonymous,
            timeout: self.storage_timeout,
            retries: self.storage_retries,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        storage: StorageArgs,
    }

    #[test]
    fn what_is_not_typed_is_the_default() {
        let cli = Cli::try_parse_from(["x"]).expect("no flag is required");
        assert_eq!(cli.storage.to_options(), StorageOptions::default());
    }
}
