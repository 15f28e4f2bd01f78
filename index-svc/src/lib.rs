//! Feature vector in, nearest tracks out: builds, checks, queries and serves an index.
//!
//! What an index is, is in the crate `index`; how its engines find rows, in `engine`.
//!
//! # Layout
//! - [`search`]: the story of a query, one line per stage
//! - [`query`]: what may be asked, checked once at the edge; [`filter`], [`groups`] and [`pages`] are
//!   parts of it
//! - [`recommend`]: examples into one target; `list`: from a target to rows in order; [`diversity`]:
//!   another order; [`explain`]: why two vectors are apart
//! - [`planner`]: which engine answers, with how much effort; [`calibration`] measured what it knows
//! - [`card`]: what the neighbourhoods of an index are like, measured when it is built
//! - [`searcher`]: an open index that answers
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
pub mod builder;
pub mod calibration;
pub mod card;
pub mod distribution;
pub mod diversity;
pub mod error;
pub mod explain;
pub mod filter;
pub mod gate;
pub mod groups;
pub mod import;
mod info;
mod list;
pub mod live;
pub mod pages;
mod passing;
pub mod planner;
mod plans;
pub mod printable;
pub mod query;
pub mod recall;
pub mod recommend;
pub mod reply;
pub mod report;
mod results;
pub mod search;
pub mod searcher;
pub mod service;
pub mod sources;
pub mod status;
pub mod table;
mod target;
pub mod validation;
pub mod verify;
pub mod versions;
mod warm;
pub mod work;

pub use error::Error;
pub use searcher::Searcher;
