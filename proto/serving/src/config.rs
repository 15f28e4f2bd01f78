//! What a server is held to, as values. Every limit is finite; paths lead to secrets, no secret is
//! in here, so the whole can be printed at the start.

use std::{path::PathBuf, time::Duration};

use ipnet::IpNet;

/// Longest time any setting may name; longer ones are typing errors.
const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// Most of anything that is counted.
const MAX_COUNT: usize = 1 << 20;

/// Everything about a server that is not its RPCs.
#[derive(Clone, Debug)]
pub struct ServingConfig {
    /// From the first signal to the end of accepting.
    pub drain: Duration,
    /// From the end of accepting to cutting what still runs.
    pub grace: Duration,
    /// Limits on connections.
    pub connections: ConnectionLimits,
    /// Limits on calls.
    pub calls: CallLimits,
    /// Limits on waiting for a worker.
    pub queue: QueueLimits,
    /// Who may call.
    pub security: Security,
    /// Whether reflection is served.
    pub reflection: bool,
    /// Where `/metrics`, `/livez` and `/readyz` are served; nowhere by default.
    pub metrics_listen: Option<String>,
}

/// Limits on connections.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Open connections; one address may have a quarter of them.
    pub max_connections: usize,
    /// Networks whose addresses may have all of them.
    pub trusted_peers: Vec<IpNet>,
    /// Time without a call after which a connection gets GOAWAY.
    pub max_idle: Duration,
    /// Open streams of one connection.
    pub max_streams: u32,
    /// Age at which a connection gets GOAWAY, before jitter.
    pub max_age: Duration,
    /// From that GOAWAY to the cut.
    pub max_age_grace: Duration,
    /// Silence before a ping, and the wait for its answer.
    pub keepalive: Duration,
}

/// Limits on calls; health checks are outside them.
#[derive(Clone, Debug)]
pub struct CallLimits {
    /// Calls in flight.
    pub max_calls: usize,
    /// Calls in flight of one peer.
    pub max_calls_per_peer: usize,
    /// Longest call.
    pub max_call_time: Duration,
    /// Share of calls that ended well whose line is logged, 0 to 1.
    pub log_sample: f64,
}

/// Limits on waiting for a worker.
#[derive(Clone, Debug)]
pub struct QueueLimits {
    /// Threads that compute.
    pub workers: usize,
    /// Jobs that may wait.
    pub max_queue: usize,
    /// Longest wait of a job.
    pub max_queue_time: Duration,
    /// Time for which jobs have had to wait without a break, from which on hardly any may while more is
    /// asked for than the workers can do.
    pub overload_after: Duration,
}

/// Who may call.
#[derive(Clone, Debug)]
pub struct Security {
    /// With it the port speaks TLS only.
    pub tls: Option<TlsFiles>,
    /// URI names of client certificates that may call; all when empty.
    pub allow_identities: Vec<String>,
    /// File of bearer tokens.
    pub auth_tokens: Option<PathBuf>,
    /// Time between two looks at the files.
    pub reload_interval: Duration,
}

/// The PEM files of TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain of this server.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities of client certificates; with it every client needs one.
    pub client_ca: Option<PathBuf>,
}

impl ServingConfig {
    /// All that is wrong with these values, in the words of the flags; empty when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut duration = |flag: &str, value: Duration, least: Duration| {
            if value < least || value > MAX_DURATION {
                problems.push(format!(
                    "{flag} is {}, expected {} to {}",
                    humantime::format_duration(value),
                    humantime::format_duration(least),
                    humantime::format_duration(MAX_DURATION),
                ));
            }
        };
        let (zero, moment, second) =
            (Duration::ZERO, Duration::from_millis(10), Duration::from_secs(1));
        duration("--drain", self.drain, zero);
        duration("--grace", self.grace, zero);
        duration("--max-queue-time", self.queue.max_queue_time, moment);
        duration("--overload-after", self.queue.overload_after, zero);
        duration("--max-call-time", self.calls.max_call_time, moment);
        duration("--max-connection-age", self.connections.max_age, moment);
        duration("--max-connection-age-grace", self.connections.max_age_grace, zero);
        duration("--max-connection-idle", self.connections.max_idle, moment);
        duration("--keepalive", self.connections.keepalive, second);
        duration("--reload-interval", self.security.reload_interval, moment);
        let mut count = |flag: &str, value: usize, least: usize| {
            if value < least || value > MAX_COUNT {
                problems.push(format!("{flag} is {value}, expected {least} to {MAX_COUNT}"));
            }
        };
        count("--workers", self.queue.workers, 1);
        count("--max-queue", self.queue.max_queue, 0);
        count("--max-concurrent-calls", self.calls.max_calls, 1);
        count("--max-concurrent-calls-per-peer", self.calls.max_calls_per_peer, 1);
        count("--max-connections", self.connections.max_connections, 1);
        if !(0.0..=1.0).contains(&self.calls.log_sample) {
            problems.push(format!("--log-sample is {}, expected 0 to 1", self.calls.log_sample));
        }
        for identity in &self.security.allow_identities {
            if !identity.contains("://") {
                problems.push(format!("--allow-identity is `{identity}`, expected a URI"));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::ServingArgs;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        serving: ServingArgs,
    }

    fn config(flags: &[&str]) -> ServingConfig {
        let typed = std::iter::once(&"test").chain(flags);
        Cli::try_parse_from(typed).expect("valid flags").serving.to_config()
    }

    #[test]
    fn defaults_have_no_problems() {
        assert_eq!(config(&[]).problems(), Vec::<String>::new());
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let problems = config(&[
            "--keepalive=0s",
            "--max-connections=0",
            "--grace=9000days",
            "--tls-cert=a",
            "--tls-key=b",
            "--tls-client-ca=c",
            "--allow-identity=player",
        ])
        .problems();
        let flags: Vec<_> = problems.iter().filter_map(|text| text.split(' ').next()).collect();
        assert_eq!(flags, ["--grace", "--keepalive", "--max-connections", "--allow-identity"]);
    }
}
