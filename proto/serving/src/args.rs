//! Flags both services share. Each has an environment variable; nothing else reads the environment.
//! What was typed becomes a [`ServingConfig`], which [`crate::Server::open`] checks.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use ipnet::IpNet;

use crate::config::{CallLimits, ConnectionLimits, QueueLimits, Security, ServingConfig, TlsFiles};

/// Where and how log lines are written (always to standard error), and where traces go.
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
    /// OTLP/gRPC collector that traces are sent to, such as `http://collector:4317`. By default none.
    #[arg(long, env = "SOUNDALIKE_OTLP_ENDPOINT", value_name = "URL", global = true)]
    pub otlp_endpoint: Option<String>,
    /// Share of calls without a sampled parent that are traced, from 0 to 1.
    #[arg(
        long,
        env = "SOUNDALIKE_OTLP_SAMPLE_RATIO",
        default_value_t = 1.0,
        value_name = "RATIO",
        global = true
    )]
    pub otlp_sample_ratio: f64,
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
    /// Longest wait for a free worker; a call that would wait longer is refused with UNAVAILABLE.
    #[arg(long, env = "SOUNDALIKE_MAX_QUEUE_TIME", default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_queue_time: Duration,
    /// Time for which calls have had to wait without a break, from which on load is overload: one call
    /// for each worker may wait then, others are refused with UNAVAILABLE, until less is asked for than
    /// the workers can do. Shorter bursts queue.
    #[arg(long, env = "SOUNDALIKE_OVERLOAD_AFTER", default_value = "2s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub overload_after: Duration,
    /// Calls in flight at a time, health checks aside; one more is refused with UNAVAILABLE.
    #[arg(long, env = "SOUNDALIKE_MAX_CONCURRENT_CALLS", default_value_t = 1024, value_name = "N")]
    pub max_concurrent_calls: usize,
    /// Calls in flight of one peer: a client certificate's identity, a token's name, or else an
    /// address.
    #[arg(
        long,
        env = "SOUNDALIKE_MAX_CONCURRENT_CALLS_PER_PEER",
        default_value_t = 512,
        value_name = "N"
    )]
    pub max_concurrent_calls_per_peer: usize,
    /// Longest a call may take, whatever deadline it brings; health checks aside.
    #[arg(long, env = "SOUNDALIKE_MAX_CALL_TIME", default_value = "15m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_call_time: Duration,
    /// Share of calls that ended well, 0 to 1, whose line is logged; all others always are.
    #[arg(long, env = "SOUNDALIKE_LOG_SAMPLE", default_value_t = 1.0, value_name = "SHARE")]
    pub log_sample: f64,
    /// Open connections; one more is closed at once. One address may have a quarter of them. Where the
    /// operating system allows fewer open files, that is the limit.
    #[arg(long, env = "SOUNDALIKE_MAX_CONNECTIONS", default_value_t = 10_000, value_name = "N")]
    pub max_connections: usize,
    /// Networks, such as `10.1.0.0/16`, whose addresses stand for many callers (a gateway, a mesh): one
    /// of them may have all connections.
    #[arg(long, env = "SOUNDALIKE_TRUSTED_PEERS", value_delimiter = ',', value_name = "CIDR")]
    pub trusted_peers: Vec<IpNet>,
    /// Time without a call after which a connection is asked to end (GOAWAY); clients open it again
    /// when they need it.
    #[arg(long, env = "SOUNDALIKE_MAX_CONNECTION_IDLE", default_value = "5m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_connection_idle: Duration,
    /// Streams that one connection may have open at a time. An address with more than 4 connections
    /// has fewer on each further one, the streams of 4 shared out, and 4 at least; trusted peers have all.
    #[arg(long, env = "SOUNDALIKE_MAX_STREAMS_PER_CONNECTION", default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub max_streams_per_connection: u32,
    /// Age at which a connection is asked to end (GOAWAY), so that callers spread again over new
    /// servers; each connection's is drawn within 10 % of it.
    #[arg(long, env = "SOUNDALIKE_MAX_CONNECTION_AGE", default_value = "30m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_connection_age: Duration,
    /// Time that the calls of such a connection have to finish.
    #[arg(long, env = "SOUNDALIKE_MAX_CONNECTION_AGE_GRACE", default_value = "15m", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub max_connection_age_grace: Duration,
    /// Silence on a connection after which it is pinged; an unanswered ping closes it.
    #[arg(long, env = "SOUNDALIKE_KEEPALIVE", default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub keepalive: Duration,
    /// Whether server reflection (`v1` and `v1alpha`) is served.
    #[arg(long, env = "SOUNDALIKE_REFLECTION", default_value_t = true, action = ArgAction::Set, value_name = "BOOL")]
    pub reflection: bool,
    /// Address of the HTTP port for `/metrics`, `/livez` and `/readyz`. By default none.
    #[arg(long, env = "SOUNDALIKE_METRICS_LISTEN", value_name = "HOST:PORT")]
    pub metrics_listen: Option<String>,
    /// Flags about who may call.
    #[command(flatten)]
    pub security: SecurityArgs,
}

/// Flags about who may call, and how the wire is kept private.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Security options")]
pub struct SecurityArgs {
    /// Certificate chain of this server, PEM. With it the port speaks TLS only.
    #[arg(long, env = "SOUNDALIKE_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM.
    #[arg(long, env = "SOUNDALIKE_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Authorities of client certificates, PEM. With it every client needs a certificate.
    #[arg(long, env = "SOUNDALIKE_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
    /// Identity (URI of the certificate, such as `spiffe://house/ns/music/sa/player`) that may
    /// call; may be repeated. By default every client whose certificate is valid.
    #[arg(
        long = "allow-identity",
        env = "SOUNDALIKE_ALLOW_IDENTITY",
        value_delimiter = ',',
        value_name = "URI",
        requires = "tls_client_ca"
    )]
    pub allow_identities: Vec<String>,
    /// Bearer tokens that may call, one per line, each `TOKEN` or `NAME:TOKEN`; `#` starts a
    /// comment. By default calls need no token.
    #[arg(long, env = "SOUNDALIKE_AUTH_TOKENS", value_name = "FILE")]
    pub auth_tokens: Option<PathBuf>,
    /// Time between two looks at the files above; changed ones are taken without a restart.
    #[arg(long, env = "SOUNDALIKE_RELOAD_INTERVAL", default_value = "10s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub reload_interval: Duration,
}

impl ServingArgs {
    /// The same, as values; [`crate::Server::open`] checks them.
    #[must_use]
    pub fn to_config(&self) -> ServingConfig {
        ServingConfig {
            drain: self.drain,
            grace: self.grace,
            connections: ConnectionLimits {
                max_connections: self.max_connections,
                trusted_peers: self.trusted_peers.clone(),
                max_idle: self.max_connection_idle,
                max_streams: self.max_streams_per_connection,
                max_age: self.max_connection_age,
                max_age_grace: self.max_connection_age_grace,
                keepalive: self.keepalive,
            },
            calls: CallLimits {
                max_calls: self.max_concurrent_calls,
                max_calls_per_peer: self.max_concurrent_calls_per_peer,
                max_call_time: self.max_call_time,
                log_sample: self.log_sample,
            },
            queue: QueueLimits {
                workers: self.worker_count(),
                max_queue: self.max_queue,
                max_queue_time: self.max_queue_time,
                overload_after: self.overload_after,
            },
            security: self.security.to_config(),
            reflection: self.reflection,
            metrics_listen: self.metrics_listen.clone(),
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

impl SecurityArgs {
    fn to_config(&self) -> Security {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone()).map(|(cert, key)| TlsFiles {
            cert,
            key,
            client_ca: self.tls_client_ca.clone(),
        });
        Security {
            tls,
            allow_identities: self.allow_identities.clone(),
            auth_tokens: self.auth_tokens.clone(),
            reload_interval: self.reload_interval,
        }
    }
}
