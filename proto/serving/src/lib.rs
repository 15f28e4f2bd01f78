//! What a Soundalike server does that is not its RPCs: its life from bind to exit, health and
//! reflection, TLS and tokens, limits, the bounded worker pool, logs, metrics, traces, and the form
//! of errors.
//!
//! Both services share this crate; it knows no message and no domain noun of either.
//!
//! # A service's `serve` command
//! ```no_run
//! use clap::Parser as _;
//! use serving::{Contract, LogArgs, LogWriting, Server, ServingArgs, Signals, bind, metrics::DURATION_BUCKETS};
//! use tonic::service::RoutesBuilder;
//!
//! #[derive(clap::Parser)]
//! struct Cli {
//!     #[arg(long, env = "SOUNDALIKE_LISTEN", default_value = "127.0.0.1:7071")]
//!     listen: String,
//!     #[command(flatten)]
//!     log: LogArgs,
//!     #[command(flatten)]
//!     serving: ServingArgs,
//! }
//!
//! # const DESCRIPTORS: &[u8] = &[];
//! const CONTRACT: Contract = Contract {
//!     service: "soundalike.v1.ExtractorService",
//!     descriptors: DESCRIPTORS, // proto::DESCRIPTORS
//!     error_domain: "soundalike",
//!     max_unary_bytes: 64 << 10,
//! };
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let cli = Cli::parse();
//!     let _log = serving::telemetry::init(&cli.log, LogWriting::Behind)?;
//!     let signals = Signals::install()?;
//!     let server = Server::open(cli.serving.to_config(), CONTRACT).await?;
//!     let pool = server.pool("extract")?;
//!     let stages = server.registry().histogram(
//!         "extractor_stage_seconds",
//!         "Time of one stage of an extraction.",
//!         &["stage"],
//!         DURATION_BUCKETS,
//!     )?;
//!     let (listener, address) = bind(&cli.listen).await?;
//!
//!     let mut routes = RoutesBuilder::default();
//!     # let _ = (pool, stages);
//!     // routes.add_service(ExtractorServiceServer::new(Extractor::new(pool, stages)));
//!     let readiness = server.register(&mut routes).await?;
//!
//!     println!("listening on {address}");
//!     let (shutdown, abort) = (signals.clone().nth(1), signals.nth(2));
//!     server.serve(listener, routes.routes(), readiness, shutdown, abort).await?;
//!     Ok(())
//! }
//! ```
//! Inside a call, `pool.run(|cancel| …)` refuses, queues and cancels by the call's deadline and
//! peer; a span opened there is a child of the call's; [`CallContext::current`] names the call.
//!
//! # Layout
//! - [`args`]: the command-line fragment both services flatten into theirs; [`config`]: its values
//! - [`telemetry`]: the log subscriber, and the export of traces
//! - [`server`]: the whole life of a server, in order
//! - [`metrics`]: the registry services add theirs to
//! - [`health`]: `grpc.health.v1` and both reflection services
//! - [`shutdown`]: the first signal drains, the second ends
//! - [`pool`]: CPU workers with a bounded, fair queue
//! - [`call`], [`peer`]: what is known of a call and its caller
//! - [`status`]: rich errors, `google.rpc.Status` with details
//! - private: `connection` (accept, TLS, age), `calls` (the way of a call), `auth`, `admission`,
//!   `access` (log line, counts, span), `files` (how many may be open), `reasons` (what the transport itself
//!   refuses), `reload` (files that change), `startup` (what
//!   `/readyz` tells), `tls`, `trace`, `export`,
//!   `web` (gRPC-Web)

#![forbid(unsafe_code)]

mod access;
mod admission;
pub mod args;
mod auth;
mod body;
mod buffers;
pub mod call;
mod calls;
mod causes;
pub mod config;
mod connection;
mod export;
mod files;
pub mod health;
pub mod metrics;
pub mod peer;
pub mod pool;
mod reasons;
mod reload;
pub mod server;
pub mod shutdown;
mod startup;
pub mod status;
pub mod telemetry;
mod tls;
mod trace;
mod web;

pub use args::{LogArgs, LogFormat, SecurityArgs, ServingArgs};
pub use call::CallContext;
pub use causes::told_once;
pub use config::ServingConfig;
pub use health::{Readiness, register_reflection};
pub use peer::Peer;
pub use pool::{Cancel, CpuPool, PoolError, Turn};
pub use reasons::explained;
pub use reload::ReloadError;
pub use server::{Contract, ServeError, Server, bind, serve};
pub use shutdown::Signals;
pub use startup::Startup;
pub use status::{Refusal, loggable, reason_of};
pub use telemetry::{LogGuard, LogWriting};
