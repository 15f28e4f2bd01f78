//! Feature vector in, nearest tracks out: builds, checks, queries and serves an index.
//!
//! An index is a directory that never changes: `manifest.json` says what it is, `vectors.bin` holds the
//! raw vectors, `scaled.bin` the scaled ones, `tracks.bin` the metadata, `data.mdb` (LMDB) the scaler, the
//! forest and the track ids, `blocks.bin` the image of the blocks engine.
//!
//! # Layout
//! - [`search`]: the story of a query, one line per stage
//! - [`query`]: what may be asked, checked once at the edge; [`filter`], [`groups`] and [`pages`] are
//!   parts of it
//! - [`recommend`]: examples into one target; `list`: from a target to rows in order; [`diversity`]:
//!   another order; [`explain`]: why two vectors are apart
//! - [`scaler`], the crate [`engine`], [`metadata`]: the stages
//! - [`planner`]: which engine answers, with how much effort; [`calibration`] measured what it knows
//! - [`card`]: what the neighbourhoods of an index are like, measured when it is built
//! - [`lineage`]: what a version was grown from; [`seal`]: has a file changed
//! - [`index`]: an opened index; [`store`], [`manifest`], [`build_record`] and [`engine::blocks`] are its
//!   files
//! - [`versions`]: which version is served, and the swap to the next
//! - [`distribution`]: versions in an object store: published, fetched, rolled back
//! - [`table`]: feature tables as they are found in the wild
//! - [`import`]: the model folder of the Python system
//! - [`builder`]: tables to a new index directory, and from one version to the next; [`validation`]: the
//!   story of `validate`; [`verify`]: is it what it says it is; [`gate`]: is it good enough; [`report`]:
//!   what was found
//! - [`printable`]: foreign texts on a terminal
//! - [`service`], [`status`]: the RPCs and the form of their errors

mod answer;
mod batch;
pub mod build_record;
pub mod builder;
pub mod calibration;
pub mod card;
pub mod curve;
pub mod distances;
pub mod distribution;
pub mod diversity;
pub mod error;
pub mod explain;
pub mod filter;
pub mod gate;
pub mod groups;
pub mod import;
pub mod index;
mod info;
pub mod lineage;
mod list;
pub mod live;
pub mod manifest;
pub mod metadata;
pub mod pages;
mod passing;
pub mod planner;
mod plans;
pub mod printable;
pub mod provenance;
pub mod query;
pub mod recall;
pub mod recommend;
pub mod reply;
pub mod report;
mod results;
pub mod scaler;
pub mod seal;
pub mod search;
pub mod service;
pub mod sources;
pub mod status;
pub mod store;
pub mod table;
mod target;
pub mod validation;
pub mod verify;
pub mod versions;
mod warm;
pub mod work;

pub use error::Error;
pub use index::Index;
