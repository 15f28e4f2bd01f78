//! How long a block is, in bytes and in frames.

use crate::decode::codecs::ima::{self, CHUNK_BYTES, CHUNK_FRAMES};
use crate::decode::codecs::ms_adpcm;

/// Form of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Form {
    /// An IMA block of a WAVE file, of so many bytes: a head and groups of eight frames.
    Wave { bytes: usize },
    /// Microsoft's block, of so many bytes.
    Microsoft { bytes: usize },
    /// A QuickTime packet: a chunk for each channel.
    QuickTime {
        /// The predictor is carried from packet to packet, as ffmpeg does and libsndfile does not.
        carries: bool,
    },
}

impl Form {
    /// Bytes of a block of `channels`.
    pub(in crate::decode) fn bytes(self, channels: usize) -> usize {
        match self {
            Self::Wave { bytes } | Self::Microsoft { bytes } => bytes,
            Self::QuickTime { .. } => CHUNK_BYTES * channels,
        }
    }

    /// Frames of a block of `channels`.
    pub(in crate::decode) fn frames(self, channels: usize) -> usize {
        match self {
            Self::Wave { bytes } => ima::wave_block_frames(bytes, channels),
            Self::Microsoft { bytes } => ms_adpcm::block_frames(bytes, channels),
            Self::QuickTime { .. } => CHUNK_FRAMES,
        }
    }

    pub(in crate::decode) fn codec(self) -> &'static str {
        match self {
            Self::Wave { .. } => "adpcm_ima_wav",
            Self::Microsoft { .. } => "adpcm_ms",
            Self::QuickTime { .. } => "adpcm_ima_qt",
        }
    }
}
