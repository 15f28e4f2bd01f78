//! Audio in, librosa's feature vector out: 74 numbers for each recording, equal to librosa 0.11.
//!
//! # Layout
//! - [`pipeline`]: the story, bytes to vector in one line per stage
//! - [`recipe`]: what a profile is, as data
//! - [`decode`]: encoded bytes to the mono samples of the analysed window
//! - `dsp`: resampling, Fourier transforms, mel bands, constant-Q: signal processing that knows no
//!   feature
//! - [`features`]: one file per librosa feature, and their statistics
//! - [`serve`]: the gRPC edge
//! - [`batch`], [`table`], [`shards`]: files and folders to feature tables, by one worker or many
//! - [`inspect`]: all that is known of one file
//! - [`error`], [`findings`], [`limits`], [`stages`], [`version`]: what all of them speak of
//! - [`cli`], [`config`], [`commands`]: what is typed, what is valid, what is wired together

pub mod batch;
pub mod cli;
pub mod commands;
pub mod config;
pub mod decode;
pub mod dsp;
pub mod error;
pub mod features;
pub mod findings;
pub mod inspect;
pub mod limits;
pub mod pipeline;
pub mod recipe;
pub mod serve;
pub mod shards;
pub mod stages;
pub mod table;
pub mod version;
