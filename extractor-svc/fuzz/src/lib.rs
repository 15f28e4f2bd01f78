//! What the fuzz targets share: the bodies of the targets, and a hard cap on memory.
//!
//! The bodies are plain functions of bytes, without anything of a fuzzer, so that an ordinary test
//! of the extractor can replay the inputs that once broke something (`regressions/`).

pub mod capped;
pub mod decode;
pub mod known;
pub mod messages;
pub mod pipeline;
