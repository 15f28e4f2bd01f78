//! What connections and their certificates show.

use prometheus::{IntCounterVec, IntGauge};

use super::registry::{MetricError, Registry};

/// Files that are followed, by the names they are logged with.
const RELOADED: [&str; 2] = ["tls", "tokens"];
/// What becomes of a changed file.
const OUTCOMES: [&str; 2] = ["taken", "refused"];

/// The connection metrics of one server.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionMetrics {
    open: IntGauge,
    closed: IntCounterVec,
    reloads: IntCounterVec,
}

/// Counts a connection as open until dropped.
#[derive(Debug)]
pub(crate) struct Open(IntGauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl ConnectionMetrics {
    pub(crate) fn new(registry: &Registry) -> Result<Self, MetricError> {
        let reloads = registry.counter(
            "grpc_server_reloads_total",
            "Changed certificate and token files, by whether they were taken.",
            &["what", "outcome"],
        )?;
        // A counter that begins with its first event has no increase to alert on.
        for what in RELOADED {
            for outcome in OUTCOMES {
                reloads.with_label_values(&[what, outcome]).inc_by(0);
            }
        }
        Ok(Self {
            open: registry
                .gauge("grpc_server_connections", "Open connections.", &[])?
                .with_label_values::<&str>(&[]),
            closed: registry.counter(
                "grpc_server_connections_ended_total",
                "Connections that ended, by what ended them.",
                &["cause"],
            )?,
            reloads,
        })
    }

    pub(crate) fn opened(&self) -> Open {
        self.open.inc();
        Open(self.open.clone())
    }

    pub(crate) fn ended(&self, cause: &'static str) {
        self.closed.with_label_values(&[cause]).inc();
    }

    pub(crate) fn reloaded(&self, what: &'static str, taken: bool) {
        let [yes, no] = OUTCOMES;
        let outcome = if taken { yes } else { no };
        self.reloads.with_label_values(&[what, outcome]).inc();
    }
}
