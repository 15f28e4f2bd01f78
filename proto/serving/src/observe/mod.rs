//! What a server shows of itself: log lines, metrics, traces.

pub(crate) mod access;
pub(crate) mod causes;
pub(crate) mod export;
mod lost_lines;
pub mod metrics;
pub mod telemetry;
pub(crate) mod trace;
