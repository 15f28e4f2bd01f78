//! What a Soundalike server does that is not its RPCs: its life from bind to exit, health and
//! reflection, limits on connections, the bounded worker pool, logging, and the form of errors.
//!
//! Both services share this crate; it knows no message and no domain noun of either.
//!
//! # Layout
//! - [`args`]: the command-line fragment both services flatten into theirs
//! - [`telemetry`]: the log subscriber
//! - [`server`]: the whole life of a server, in order
//! - [`health`]: `grpc.health.v1` and both reflection services
//! - [`shutdown`]: the first signal drains, the second ends
//! - [`pool`]: CPU workers with a bounded queue
//! - [`status`]: rich errors, `google.rpc.Status` with details

pub mod args;
pub mod health;
pub mod pool;
pub mod server;
pub mod shutdown;
pub mod status;
pub mod telemetry;

pub use args::{LogArgs, LogFormat, ServingArgs};
pub use health::Readiness;
pub use pool::{Cancel, CpuPool, PoolError};
pub use server::{ServeError, ServingConfig, bind, serve};
pub use status::Refusal;
