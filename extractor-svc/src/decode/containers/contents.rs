//! What a container's header says of the sound behind it.

use super::layout::Layout;
use crate::decode::blocks::Form;
use crate::decode::pcm::Encoding;

/// What a header says of the sound behind it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::decode) struct Contents {
    pub(in crate::decode) payload: Payload,
    pub(in crate::decode) channels: u32,
    pub(in crate::decode) sample_rate: u32,
    /// First byte of the payload.
    pub(in crate::decode) start: u64,
    /// Its length in bytes, if the header states one.
    pub(in crate::decode) len: Option<u64>,
    /// How chunks behind it are written.
    pub(in crate::decode) behind: Layout,
}

/// A length of 32 bits; `None` if it is what a writer leaves that could not go back: 0x7fffffff or
/// 0xffffffff, less the bytes of its header perhaps.
pub(in crate::decode) fn stated(len: u32) -> Option<u64> {
    let is_placeholder = matches!(len, 0x7fff_0000..=0x8000_0000 | 0xffff_0000..);
    (!is_placeholder).then(|| len.into())
}

/// The same of 64 bits, where only the largest number is left, less the bytes of a header.
pub(in crate::decode) fn stated_long(len: u64) -> Option<u64> {
    (len < i64::MAX as u64 - 0xffff).then_some(len)
}

/// What the payload is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::decode) enum Payload {
    /// Uncompressed samples.
    Pcm(Encoding),
    /// Blocks of fixed size.
    Blocks(Form),
    /// An MPEG audio stream.
    Mpeg,
}
