//! Prometheus metrics: the registry both services add theirs to.
//!
//! What every call and connection shows is counted in here; the services add what only they know
//! (stage times, audio seconds, rows) through [`Registry`]. Labels must come from closed lists:
//! never a path, an id or a message of a caller.

mod calls;
mod connections;
mod endpoint;
mod lost;
mod methods;
mod registry;
mod series;
mod workers;

pub use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

pub use self::registry::{DURATION_BUCKETS, MetricError, Registry};
pub(crate) use self::{
    calls::{CallMetrics, Ending, code_name},
    connections::ConnectionMetrics,
    endpoint::Endpoint,
    methods::{Method, Methods},
    workers::WorkerMetrics,
};
