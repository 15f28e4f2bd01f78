//! Which program made a vector.

/// Build of the decoder and of the extractor, as vectors, tables and indexes have it.
pub const BUILD: &str = concat!("symphonia/0.6 extractor/", env!("CARGO_PKG_VERSION"));
