//! The log subscriber: text on a terminal, JSON otherwise, always on standard error, so that
//! standard output stays data.

use std::io::{IsTerminal, stderr};

use thiserror::Error;
use tracing_subscriber::{EnvFilter, fmt, util::TryInitError};

use crate::args::{LogArgs, LogFormat};

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
    /// A subscriber is installed already.
    #[error("logging was started twice")]
    Twice(#[from] TryInitError),
}

/// Installs the process-wide subscriber.
///
/// # Errors
/// On a filter that does not parse, or when a subscriber is installed already.
pub fn init(args: &LogArgs) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt as _;

    let filter = EnvFilter::try_new(&args.log)
        .map_err(|source| TelemetryError::Filter { filter: args.log.clone(), source })?;
    let terminal = stderr().is_terminal();
    let json = match args.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    let builder = fmt().with_env_filter(filter).with_writer(stderr).with_ansi(terminal && !json);
    if json {
        builder.json().flatten_event(true).finish().try_init()?;
    } else {
        builder.finish().try_init()?;
    }
    Ok(())
}
