//! Clients of both Soundalike services, for programs that must not notice when a replica comes,
//! goes, stalls or dies.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use client::{Deadline, ExtractorClient, IndexClient, Options, Target, Upload};
//! use proto::v1::{QueryByFeaturesRequest, QueryOptions};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::default();
//! let extractor = ExtractorClient::new(Target::dns("extractor.music.svc:7071")?, options.clone())?;
//! let index = IndexClient::new(Target::dns("index.music.svc:7072")?, options)?;
//!
//! let extraction = extractor
//!     .extract(Upload::file("song.flac"), Deadline::after(Duration::from_secs(60)))
//!     .await?;
//! for warning in &extraction.warnings {
//!     eprintln!("{}: {}", warning.code().as_str_name(), warning.message);
//! }
//! let request = QueryByFeaturesRequest {
//!     feature_vector: Some(extraction.vector),
//!     options: Some(QueryOptions { page_size: 5, ..QueryOptions::default() }),
//! };
//! let answer = index.query_by_features(request, Deadline::after(Duration::from_secs(2))).await?;
//! for neighbor in answer.neighbors {
//!     println!("{:8.3}  {:?}", neighbor.distance, neighbor.track);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What a call does
//! - It has a [`Deadline`], which is sent to the server and kept here too.
//! - It goes to the endpoint with the fewest calls in flight (or the next in turn) among those that
//!   are *ready*: connected, and SERVING by `grpc.health.v1`. A dead, silent or draining endpoint
//!   is taken out, and let in again when its health says so.
//! - A query is idempotent: it is sent again after UNAVAILABLE or a broken connection, to another
//!   endpoint if there is one, after the server's own `RetryInfo` or else a jittered pause, as long
//!   as the [`Retries`] allow. One that is not answered after half of its time is sent to a second
//!   endpoint as well; the first answer counts.
//! - An [`Upload`] is sent again only when its source can be read from the start once more and the
//!   server has not answered: only connections broke.
//!
//! # Layout
//! - [`extractor`](ExtractorClient), [`index`](IndexClient): the typed clients, a line per RPC
//! - `call`: the story of a call: pick, send, judge, again
//! - `endpoints`: from a name to addresses, again and again (`target`, `names`, `resolve`); which endpoints there
//!   are and which of them are ready (`balance`, `endpoint`); TLS and tokens (`security`)
//! - `options`, `deadline`, `backoff`, `error`: values

#![forbid(unsafe_code)]

mod backoff;
mod call;
mod deadline;
mod endpoints;
mod error;
mod extractor;
mod index;
mod options;
mod upload;

pub use deadline::Deadline;
pub use endpoints::{
    balance::{Activity, EndpointView},
    names::{Resolve, Resolved, SystemResolver},
    security::{BearerToken, Tls},
    target::Target,
};
pub use error::{CallError, OptionsError};
pub use extractor::{Extraction, ExtractorClient};
pub use index::IndexClient;
pub use options::{Balance, Liveness, Options, Resolution, Retries};
pub use upload::{Reader, Upload};
