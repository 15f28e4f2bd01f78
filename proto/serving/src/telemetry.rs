//! The subscriber: log lines always, traces where a collector is named.
//!
//! Logs are text on a terminal, JSON otherwise, on standard error, so that standard output stays
//! data. Traces hold the spans of calls and of what the services open below them; the transport's
//! own spans are left out.

use std::io::{IsTerminal as _, stderr};

use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
    util::TryInitError,
};

use crate::{
    args::{LogArgs, LogFormat},
    export::Export,
};

/// Why logging could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter is not in `tracing`'s directive syntax.
    #[error("log filter `{filter}` is not valid: {source}")]
    Filter {
        /// As given.
        filter: String,
        /// What the parser says.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Traces cannot be sent there.
    #[error("traces cannot be sent to `{endpoint}`: {message}")]
    Export {
        /// As given.
        endpoint: String,
        /// What is wrong.
        message: String,
    },
    /// A subscriber is installed already.
    #[error("logging was started twice")]
    Twice(#[from] TryInitError),
}

/// Installs the process-wide subscriber.
///
/// # Errors
/// On a filter or endpoint that does not parse, or when a subscriber is installed already.
pub fn init(args: &LogArgs) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&args.log)
        .map_err(|source| TelemetryError::Filter { filter: args.log.clone(), source })?;
    let export = args
        .otlp_endpoint
        .as_deref()
        .map(|endpoint| Export::start(endpoint, args.otlp_sample_ratio))
        .transpose()?;

    let terminal = stderr().is_terminal();
    let json = match args.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    let lines = fmt::layer().with_writer(stderr);
    let lines = if json {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    } else {
        lines.with_ansi(terminal).boxed()
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(export.as_ref().map(Export::layer))
        // Only to be found by `flush`; it listens to nothing.
        .with(export.map(|export| export.with_filter(LevelFilter::OFF)))
        .try_init()?;
    Ok(())
}

/// Sends the traces that wait to be sent; blocks for up to some seconds. [`crate::Server::serve`]
/// does it at its end.
pub fn flush() {
    tracing::dispatcher::get_default(|subscriber| {
        if let Some(export) = subscriber.downcast_ref::<Export>() {
            export.flush();
        }
    });
}
