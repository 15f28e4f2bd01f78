//! The gRPC edge: an upload's limits, its life beside others, and its answer.

mod caller;
mod concurrency;
pub mod memory;
pub mod metrics;
pub mod service;
pub mod status;
pub mod upload;
pub mod wire;
