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
use crate::decode::detect::trailing::Layout;

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
    /// How chunks behind it are written.
    pub(super) behind: Layout,
}

/// A length of 32 bits; `None` if it is what a writer leaves that could not go back: 0x7fffffff or
/// 0xffffffff, less the bytes of its header perhaps.
pub(super) fn stated(len: u32) -> Option<u64> {
    let is_placeholder = matches!(len, 0x7fff_0000..=0x8000_0000 | 0xffff_0000..);
    (!is_placeholder).then(|| len.into())
}

/// The same of 64 bits, where only the largest number is left, less the bytes of a header.
pub(super) fn stated_long(len: u64) -> Option<u64> {
    (len < i64::MAX as u64 - 0xffff).then_some(len)
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
