//! Every quantity of an extraction that a stranger controls, with its bound.

use std::time::Duration;

use crate::findings::WarningCode;

/// Most channels any configuration may allow; the downmix works on a frame of this size.
pub const CHANNEL_CEILING: usize = 64;

/// Bounds of one extraction. All are finite.
#[derive(Debug, Clone, PartialEq)]
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
    /// Bytes that a container's reader may take before the audio: tags, pictures and tables. What
    /// can be skipped without reading (tags in front of a container, chunks of WAVE, metadata of
    /// FLAC) does not count.
    pub max_header_bytes: u64,
    /// Largest share of the analysed window that may be missing or replaced, 0 to 1.
    pub max_damage: f64,
    /// Findings that are refusals.
    pub refused: Vec<WarningCode>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_stream_bytes: 256 << 20,
            max_audio: Duration::from_secs(20 * 60),
            min_sample_rate: 4_000,
            max_sample_rate: 384_000,
            max_channels: CHANNEL_CEILING,
            max_header_bytes: 64 << 20,
            max_damage: 0.05,
            refused: Vec::new(),
        }
    }
}
