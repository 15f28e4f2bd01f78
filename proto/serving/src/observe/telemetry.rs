//! The subscriber: log lines always, traces where a collector is named.
//!
//! Logs are text on a terminal, JSON otherwise, on standard error, so that standard output stays
//! data. Traces hold the spans of calls and of what the services open below them; the transport's
//! own spans are left out.

use std::{
    io::{self, BufWriter, IsTerminal as _, Write, stderr},
    thread,
    time::Duration,
};

use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    fmt::{self, writer::BoxMakeWriter},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
    util::TryInitError,
};

use crate::{
    args::{LogArgs, LogFormat},
    observe::{
        export::{Export, ExportError},
        lost_lines,
    },
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
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A subscriber is installed already.
    #[error("logging was started twice")]
    Twice(#[from] TryInitError),
}

/// Lines that may wait to be written while nobody reads standard error; what comes on top is lost
/// and counted.
const MAX_WAITING_LINES: usize = 16_384;

/// Bytes of lines that are written at once, where so many wait.
const MAX_WRITTEN_BYTES: usize = 64 * 1024;

/// How long the writing thread lets lines gather after it wrote: to be woken for each line took 14 %
/// of a query's processor time.
const GATHERING: Duration = Duration::from_millis(5);

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogWriting {
    /// By whoever logs, who waits until the line is written: for commands.
    Direct,
    /// By a thread of its own, so that a server goes on when nobody reads its log.
    Behind,
}

/// Writes what is left of the log when it is dropped, at the end of the process.
#[derive(Debug)]
#[must_use = "lines that wait are written when this is dropped"]
pub struct LogGuard {
    _writer: Option<WorkerGuard>,
}

/// Standard error for the writing thread, which flushes it when no line waits any more. The first line
/// after a pause is written at once; those of the next milliseconds are written together.
struct Gathered<W: Write>(BufWriter<W>);

impl<W: Write> Write for Gathered<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(GATHERING);
        Ok(())
    }
}

/// Installs the process-wide subscriber.
///
/// # Errors
/// On a filter or endpoint that does not parse, or when a subscriber is installed already.
pub fn init(args: &LogArgs, writing: LogWriting) -> Result<LogGuard, TelemetryError> {
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
    let (writer, guard) = match writing {
        LogWriting::Direct => (BoxMakeWriter::new(stderr), None),
        LogWriting::Behind => {
            let (writer, guard) = NonBlockingBuilder::default()
                .buffered_lines_limit(MAX_WAITING_LINES)
                .lossy(true)
                .thread_name("log")
                // It writes what it found waiting, and then flushes.
                .finish(Gathered(BufWriter::with_capacity(MAX_WRITTEN_BYTES, stderr())));
            lost_lines::count_by(writer.error_counter());
            (BoxMakeWriter::new(writer), Some(guard))
        }
    };
    let lines = fmt::layer().with_writer(writer);
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
    Ok(LogGuard { _writer: guard })
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
