//! Every quantity of an extraction that a stranger controls, with its bound.

use std::time::Duration;

/// Most channels any configuration may allow; the downmix works on a frame of this size.
pub const CHANNEL_CEILING: usize = 64;

/// Bounds of one extraction. All are finite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Encoded bytes of one source.
    pub max_stream_bytes: u64,
    /// Decoded audio of one source, counted from its first sample to the end of the window.
    pub max_audio: Duration,
    /// Lowest sample rate of a source in hertz. It also bounds how much resampling can inflate.
    pub min_sample_rate: u32,
    /// Highest sample rate of a source in hertz.
    pub max_sample_rate: u32,
    /// Most channels of a source; never more than [`CHANNEL_CEILING`].
    pub max_channels: usize,
    /// Bytes of one text tag that are kept in memory while a header is read.
    pub max_tag_bytes: usize,
    /// Bytes of one picture that are kept in memory while a header is read; larger ones are skipped.
    pub max_artwork_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_stream_bytes: 256 << 20,
            max_audio: Duration::from_secs(20 * 60),
            min_sample_rate: 4_000,
            max_sample_rate: 384_000,
            max_channels: CHANNEL_CEILING,
            max_tag_bytes: 1 << 20,
            max_artwork_bytes: 16 << 20,
        }
    }
}
