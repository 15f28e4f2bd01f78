//! What connections and their certificates show.

use prometheus::{IntCounterVec, IntGauge};

use super::{MetricError, Registry};

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
        Ok(Self {
            open: registry
                .gauge("grpc_server_connections", "Open connections.", &[])?
                .with_label_values::<&str>(&[]),
            closed: registry.counter(
                "grpc_server_connections_ended_total",
                "Connections that ended, by what ended them.",
                &["cause"],
            )?,
            reloads: registry.counter(
                "grpc_server_reloads_total",
                "Changed certificate and token files, by whether they were taken.",
                &["what", "outcome"],
            )?,
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
        let outcome = if taken { "taken" } else { "refused" };
        self.reloads.with_label_values(&[what, outcome]).inc();
    }
}
