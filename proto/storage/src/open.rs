//! From a URL and options to the provider's client. One crypto provider, finite time-outs, finite
//! retries.

use std::{fs, path::Path, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder,
};

use crate::{
    error::StorageError,
    folder,
    location::{Location, Provider},
    options::StorageOptions,
};

/// Region of an S3 bucket where nobody says one; stores that are not Amazon's take any.
const DEFAULT_REGION: &str = "us-east-1";
/// Longest wait for a connection.
const MAX_CONNECT_TIME: Duration = Duration::from_secs(5);
/// Longest time of one request, which moves at most a window or a part of an object.
const MAX_REQUEST_TIME: Duration = Duration::from_secs(300);
/// Longest time in which tries begin; signatures of requests are valid for a little longer.
const MAX_RETRY_TIME: Duration = Duration::from_secs(240);
/// Longest wait between two tries.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The client of the store at `location`.
///
/// # Errors
/// When the options or the environment do not make one.
pub(crate) fn client(
    location: &Location,
    options: &StorageOptions,
) -> Result<Arc<dyn ObjectStore>, StorageError> {
    let url = location.to_string();
    let failed = |error: object_store::Error| StorageError::Settings {
        url: url.clone(),
        cause: error.to_string(),
    };
    let http = client_options(&url, options)?;
    let retry = retry_config(options);
    Ok(match location.provider() {
        Provider::S3 => {
            let mut builder = AmazonS3Builder::from_env()
                .with_url(&url)
                .with_client_options(http)
                .with_retry(retry)
                .with_skip_signature(options.anonymous)
                .with_conditional_put(S3ConditionalPut::ETagMatch);
            if let Some(endpoint) = &options.endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            if let Some(region) = &options.region {
                builder = builder.with_region(region);
            } else if builder.get_config_value(&AmazonS3ConfigKey::Region).is_none() {
                builder = builder.with_region(DEFAULT_REGION);
            }
            Arc::new(builder.build().map_err(failed)?)
        }
        Provider::GoogleCloud => {
            let mut builder = GoogleCloudStorageBuilder::from_env()
                .with_url(&url)
                .with_client_options(http)
                .with_skip_signature(options.anonymous)
                .with_retry(retry);
            if let Some(endpoint) = &options.endpoint {
                builder = builder.with_base_url(endpoint);
            }
            Arc::new(builder.build().map_err(failed)?)
        }
        Provider::Azure => {
            let mut builder = MicrosoftAzureBuilder::from_env()
                .with_url(&url)
                .with_client_options(http)
                .with_skip_signature(options.anonymous)
                .with_retry(retry);
            if let Some(endpoint) = &options.endpoint {
                builder = builder.with_endpoint(endpoint.clone());
            }
            Arc::new(builder.build().map_err(failed)?)
        }
        Provider::Folder(path) => folder::client(path)?,
    })
}

fn client_options(url: &str, options: &StorageOptions) -> Result<ClientOptions, StorageError> {
    // The library leaves the choice to the process, and this process has `ring` for everything. A
    // provider that was installed before stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let plain = options.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    if plain && !options.allow_http {
        let cause = "its endpoint has no TLS, which must be allowed".to_owned();
        return Err(StorageError::Settings { url: url.to_owned(), cause });
    }
    let mut http = ClientOptions::new()
        .with_allow_http(options.allow_http)
        .with_connect_timeout(options.timeout.min(MAX_CONNECT_TIME))
        .with_read_timeout(options.timeout)
        .with_timeout(MAX_REQUEST_TIME.max(options.timeout))
        .with_user_agent(http_agent());
    let authorities = if plain {
        // What is not asked for is not read.
        Vec::new()
    } else if let Some(path) = &options.authorities {
        stated(url, path)?
    } else {
        let certificates = roots::certificates();
        let all: Result<_, _> =
            certificates.iter().map(|certificate| Certificate::from_der(certificate)).collect();
        all.map_err(|error| StorageError::Settings {
            url: url.to_owned(),
            cause: error.to_string(),
        })?
    };
    // All that is trusted is listed here: the library would not go on with a system that has none.
    http = http.with_no_system_certificates(true);
    Ok(authorities.into_iter().fold(http, ClientOptions::with_root_certificate))
}

/// The authorities in a file.
fn stated(url: &str, path: &Path) -> Result<Vec<Certificate>, StorageError> {
    let pem = fs::read(path).map_err(|source| StorageError::Io { path: path.into(), source })?;
    let wrong = |cause| StorageError::Settings { url: url.to_owned(), cause };
    let authorities = Certificate::from_pem_bundle(&pem)
        .map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    if authorities.is_empty() {
        return Err(wrong(format!("{} holds no certificate", path.display())));
    }
    Ok(authorities)
}

fn http_agent() -> reqwest::header::HeaderValue {
    reqwest::header::HeaderValue::from_static(concat!("soundalike/", env!("CARGO_PKG_VERSION")))
}

fn retry_config(options: &StorageOptions) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: MAX_BACKOFF,
            base: 2.0,
        },
        max_retries: options.retries as usize,
        // After this no further try begins; each try ends by the time-outs above.
        retry_timeout: (options.timeout * (options.retries + 1)).min(MAX_RETRY_TIME),
    }
}
