//! Flags both services share. Each has an environment variable; nothing else reads the environment.

use std::{num::NonZeroUsize, time::Duration};

use clap::{Args, ValueEnum};

use crate::server::ServingConfig;

/// Where and how log lines are written (always to standard error).
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// Which log lines are written: a level, or directives such as `info,extractor_svc=debug`.
    #[arg(
        long,
        env = "SOUNDALIKE_LOG",
        default_value = "info",
        value_name = "FILTER",
        global = true
    )]
    pub log: String,
    /// Form of the log lines; `auto` is text on a terminal and JSON otherwise.
    #[arg(long, env = "SOUNDALIKE_LOG_FORMAT", default_value = "auto", global = true)]
    pub log_format: LogFormat,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// One readable line per event.
    Text,
    /// One JSON object per event.
    Json,
}

/// Flags of `serve` that do not depend on the service.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server options")]
pub struct ServingArgs {
    /// Time between the first SIGTERM and the end of accepting: health says NOT_SERVING, calls are
    /// still answered, so that load balancers look away first.
    #[arg(long, env = "SOUNDALIKE_DRAIN", default_value = "0s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub drain: Duration,
    /// Time that calls in flight have to finish after the drain; then they are cut.
    #[arg(long, env = "SOUNDALIKE_GRACE", default_value = "20s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub grace: Duration,
    /// Threads that compute. By default one per core.
    #[arg(long, env = "SOUNDALIKE_WORKERS", value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Calls that may wait for a free worker; one more is refused with UNAVAILABLE.
    #[arg(long, env = "SOUNDALIKE_MAX_QUEUE", default_value_t = 256, value_name = "N")]
    pub max_queue: usize,
    /// Streams that one connection may have open at a time.
    #[arg(long, env = "SOUNDALIKE_MAX_STREAMS_PER_CONNECTION", default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub max_streams_per_connection: u32,
    /// Silence on a connection after which it is pinged; an unanswered ping closes it.
    #[arg(long, env = "SOUNDALIKE_KEEPALIVE", default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub keepalive: Duration,
}

impl ServingArgs {
    /// The validated form.
    #[must_use]
    pub fn to_config(&self) -> ServingConfig {
        ServingConfig {
            drain: self.drain,
            grace: self.grace,
            max_streams_per_connection: self.max_streams_per_connection,
            keepalive: self.keepalive,
        }
    }

    /// Number of computing threads: as asked, else one per core.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        self.workers.map_or_else(
            || std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            NonZeroUsize::get,
        )
    }
}
