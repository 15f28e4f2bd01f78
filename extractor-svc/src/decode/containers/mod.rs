//! Container headers that are read here, before or in place of symphonia's readers.
//!
//! Each file walks one family of containers up to its audio and says where that lies, or reads its
//! packets; none of them decodes a sample.

pub(super) mod adts;
pub(super) mod aiff;
pub(super) mod au;
pub(super) mod caf;
pub(super) mod flac;
pub(super) mod matroska;
pub(super) mod mp4;
pub(super) mod riff;

use super::blocks;
use super::pcm::Encoding;

/// What a header says of the sound behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) payload: Payload,
    pub(super) channels: u32,
    pub(super) sample_rate: u32,
    /// First byte of the payload.
    pub(super) start: u64,
    /// Its length in bytes, if the header states one.
    pub(super) len: Option<u64>,
}

/// What the payload is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Payload {
    /// Uncompressed samples.
    Pcm(Encoding),
    /// Blocks of fixed size.
    Blocks(blocks::Form),
    /// An MPEG audio stream.
    Mpeg,
}
