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
//! - `life`: the whole life of a server, in order (`server`); health and reflection, `/readyz`, signals
//! - `edge`: connections (accept, TLS, age), certificates and tokens that change, who may call, how
//!   many are let in, gRPC-Web
//! - `call`: what is known of a call and its caller, the layers around its service (`stack`), rich
//!   errors ([`status`])
//! - `work`: CPU workers with a bounded, fair queue
//! - `observe`: the log ([`telemetry`]), the registry services add theirs to ([`metrics`]), traces, the
//!   line, count and span of a call (`access`)

#![forbid(unsafe_code)]

pub mod args;
mod call;
pub mod config;
mod edge;
mod life;
mod observe;
mod work;

pub use args::{LogArgs, LogFormat, SecurityArgs, ServingArgs};
pub use call::{
    context::CallContext,
    peer::{Peer, PeerKey},
    reasons::explained,
    status::{self, Refusal, loggable, reason_of},
};
pub use config::ServingConfig;
pub use edge::reload::ReloadError;
pub use life::{
    health::{Readiness, register_reflection},
    server::{Contract, ServeError, Server, bind, serve},
    shutdown::Signals,
    startup::Startup,
};
pub use observe::{
    causes::told_once,
    export::ExportError,
    metrics,
    telemetry::{self, LogGuard, LogWriting},
};
pub use work::{Cancel, CpuPool, PoolError, Turn};
