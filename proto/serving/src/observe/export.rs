//! Traces to an OTLP/gRPC collector.
//!
//! The exporter has its own small runtime: logging starts before the server's, and the flush at the
//! end must not wait for a runtime it blocks.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use thiserror::Error;
use tokio::runtime::Runtime;
use tonic::transport::ClientTlsConfig;
use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// Wait for the collector's answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Crates whose spans are the transport's, not the service's.
const TRANSPORT: &[&str] =
    &["h2", "hyper", "hyper_util", "tonic", "tower", "rustls", "opentelemetry"];

/// Why traces cannot be sent.
#[derive(Debug, Error)]
#[error("traces cannot be sent to `{endpoint}`: {message}")]
pub struct ExportError {
    endpoint: String,
    message: String,
}

/// A running exporter. It is also a layer that does nothing, so that the subscriber can be asked
/// for it.
#[derive(Debug)]
pub(crate) struct Export {
    provider: SdkTracerProvider,
    _runtime: Runtime,
}

impl Export {
    /// Starts to export; the collector need not be there yet.
    pub(crate) fn start(endpoint: &str, sample_ratio: f64) -> Result<Self, ExportError> {
        let fail = |message: String| ExportError { endpoint: endpoint.into(), message };
        if !(0.0..=1.0).contains(&sample_ratio) {
            return Err(fail(format!("the sample ratio is {sample_ratio}, expected 0 to 1")));
        }
        let uri = endpoint.parse::<http::Uri>().ok();
        let is_secure = match uri.as_ref().and_then(http::Uri::scheme_str) {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(fail("expected http://HOST:PORT or https://HOST:PORT".to_owned())),
        };
        crate::edge::tls::provider();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("otlp")
            .enable_all()
            .build()
            .map_err(|error| fail(error.to_string()))?;
        let inside = runtime.enter();
        let mut exporter =
            SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(TIMEOUT);
        if is_secure {
            // The exporter's own choice would be to trust nobody.
            let tls = ClientTlsConfig::new().trust_anchors(roots::trust_anchors());
            exporter = exporter.with_tls_config(tls);
        }
        let exporter = exporter.build().map_err(|error| fail(error.to_string()))?;
        let sampler = Sampler::TraceIdRatioBased(sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(Resource::builder().with_service_name(program_name()).build())
            .build();
        drop(inside);
        Ok(Self { provider, _runtime: runtime })
    }

    /// The layer that turns `tracing`'s spans into traces.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("serving"))
            .with_location(false)
            .with_threads(false)
            .with_filter(filter_fn(is_ours).with_max_level_hint(LevelFilter::INFO))
    }

    pub(crate) fn flush(&self) {
        if let Err(error) = self.provider.force_flush() {
            tracing::warn!(%error, "some traces were not sent");
        }
    }
}

impl<S: Subscriber> Layer<S> for Export {}

/// Whether a span or event belongs in a trace.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    let root = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= LevelFilter::INFO
        && !TRANSPORT.iter().any(|&name| root == name || root.starts_with("opentelemetry"))
}

/// The program's file name, which is the service's name.
fn program_name() -> String {
    std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .unwrap_or_else(|| "unknown".to_owned())
}
