//! An index: a directory that never changes. `manifest.json` says what it is, `vectors.bin` holds the
//! raw vectors, `scaled.bin` the scaled ones, `tracks.bin` the metadata, `data.mdb` (LMDB) the scaler, the
//! forest and the track ids, `blocks.bin` the image of the blocks engine.
//!
//! - [`manifest`], with its parts [`curve`], [`card`], [`lineage`] and [`provenance`]; [`build_record`]
//!   beside it; [`seal`]: has a file changed
//! - [`store`]: the databases and the files of rows; [`metadata`] and [`scaler`]: what is in them;
//!   [`distances`]: what a distance means here
//! - [`Index`]: all of it, opened and checked to fit together
//!
//! The crate knows the engines below it. It knows neither queries nor how an index is built or measured,
//! nor which of several versions is wanted.

pub mod build_record;
pub mod card;
pub mod curve;
pub mod distances;
mod error;
pub mod lineage;
pub mod manifest;
pub mod metadata;
mod open;
pub mod provenance;
pub mod scaler;
pub mod seal;
pub mod store;

pub use self::{
    error::IndexError,
    open::{EngineChoice, Index},
};
