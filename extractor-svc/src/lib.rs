//! Audio in, librosa's feature vector out: 74 numbers for each recording, equal to librosa 0.11.
//!
//! # Layout
//! - [`pipeline`]: the story, bytes to vector in one line per stage
//! - [`decode`], [`mono`], [`window`]: encoded bytes to the analysed mono samples
//! - [`findings`]: what is noticed on the way, and how much is damaged
//! - [`resample`], [`features`], [`stats`]: samples to the vector, as a [`profile`] says
//! - [`batch`], [`table`]: files and folders to feature tables
//! - [`shards`]: a batch that many workers share
//! - [`version`]: which program made a vector
//! - [`service`], [`upload`], [`memory`], [`wire`], [`status`],
//!   [`metrics`]: the gRPC edge
//! - [`cli`], [`config`], [`commands`]: what is typed, what is valid, what is wired together

pub mod batch;
mod caller;
pub mod cli;
pub mod commands;
pub mod config;
pub mod decode;
pub mod error;
pub mod features;
mod fft;
pub mod findings;
pub mod limits;
pub mod memory;
pub mod metrics;
pub mod mono;
mod peak;
pub mod pipeline;
mod places;
pub mod profile;
mod quarters;
pub mod resample;
mod rows;
pub mod service;
pub mod shards;
pub mod simd;
mod spectrum;
pub mod stages;
pub mod stats;
pub mod status;
mod stopwatch;
pub mod table;
pub mod upload;
pub mod version;
pub mod window;
pub mod wire;
