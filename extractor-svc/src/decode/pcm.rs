//! Interleaved little-endian PCM, headerless or behind a WAVE header: bytes to mono f32.
//!
//! Scaling is libsndfile's: signed integers by 2^-(bits-1), unsigned 8-bit as (x - 128) / 128,
//! floats as they are (64-bit ones rounded to 32).

use std::io::Read;

use super::source::SourceView;
use crate::error::ExtractError;
use crate::findings::{DeclaredLength, Findings, WarningCode};
use crate::limits::CHANNEL_CEILING;
use crate::mono;

/// Frames of one block.
const BLOCK_FRAMES: usize = 4096;

/// Full scale of 32-bit samples: 2^31.
const FULL_SCALE_32: f32 = (1_u32 << 31) as f32;

/// Form of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    U8,
    S16,
    S24,
    S32,
    F32,
    F64,
}

impl Encoding {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::S16 => 2,
            Self::S24 => 3,
            Self::S32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    pub(super) fn codec(self) -> &'static str {
        match self {
            Self::U8 => "pcm_u8",
            Self::S16 => "pcm_s16le",
            Self::S24 => "pcm_s24le",
            Self::S32 => "pcm_s32le",
            Self::F32 => "pcm_f32le",
            Self::F64 => "pcm_f64le",
        }
    }
}

/// Reads PCM blocks.
pub(super) struct PcmReader {
    source: SourceView,
    encoding: Encoding,
    channels: usize,
    bytes: Vec<u8>,
    frames: u64,
    /// Frames that a header declares.
    declared: Option<u64>,
    done: bool,
}

impl PcmReader {
    pub(super) fn new(
        source: SourceView,
        encoding: Encoding,
        channels: usize,
        declared: Option<u64>,
    ) -> Self {
        debug_assert!((1..=CHANNEL_CEILING).contains(&channels));
        let bytes = vec![0; BLOCK_FRAMES * channels * encoding.bytes()];
        source.fault().header_ends();
        Self { source, encoding, channels, bytes, frames: 0, declared, done: false }
    }

    /// Frames that the header declares.
    pub(super) fn declared(&self) -> Option<DeclaredLength> {
        self.declared.map(|frames| DeclaredLength { frames, slack: 0 })
    }

    /// Appends one block of mono samples; `false` at the end.
    pub(super) fn next_block(
        &mut self,
        out: &mut Vec<f32>,
        findings: &mut Findings,
    ) -> Result<bool, ExtractError> {
        if self.done {
            return Ok(false);
        }
        let mut filled = 0;
        while filled < self.bytes.len() {
            match self.source.read(&mut self.bytes[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.source.fault().check()?;
                    return Err(ExtractError::SourceFailed { detail: error.to_string() });
                }
            }
        }
        let frame_bytes = self.channels * self.encoding.bytes();
        self.done = filled < self.bytes.len();
        filled -= filled % frame_bytes;
        self.frames += (filled / frame_bytes) as u64;
        mix(&self.bytes[..filled], self.encoding, self.channels, out);
        if self.done
            && let Some(declared) = self.declared
            && self.frames < declared
        {
            let text = format!("{} of {declared} declared frames are there", self.frames);
            findings.warn(WarningCode::TruncatedStream, text);
        }
        Ok(filled > 0)
    }
}

fn mix(bytes: &[u8], encoding: Encoding, channels: usize, out: &mut Vec<f32>) {
    match encoding {
        Encoding::U8 => mix_as(bytes, channels, out, |[x]| (f32::from(x) - 128.0) / 128.0),
        Encoding::S16 => {
            mix_as(bytes, channels, out, |x| f32::from(i16::from_le_bytes(x)) / 32_768.0);
        }
        // Into the upper three bytes, so that the sign is right; exact, as 24 bits fit an f32.
        Encoding::S24 => mix_as(bytes, channels, out, |[a, b, c]| {
            i32::from_le_bytes([0, a, b, c]) as f32 / FULL_SCALE_32
        }),
        Encoding::S32 => {
            mix_as(bytes, channels, out, |x| i32::from_le_bytes(x) as f32 / FULL_SCALE_32);
        }
        Encoding::F32 => mix_as(bytes, channels, out, f32::from_le_bytes),
        Encoding::F64 => mix_as(bytes, channels, out, |x| f64::from_le_bytes(x) as f32),
    }
}

fn mix_as<const BYTES: usize>(
    bytes: &[u8],
    channels: usize,
    out: &mut Vec<f32>,
    sample: impl Fn([u8; BYTES]) -> f32,
) {
    let samples = bytes.as_chunks::<BYTES>().0;
    match channels {
        1 => out.extend(samples.iter().map(|&x| sample(x))),
        2 => out
            .extend(samples.as_chunks::<2>().0.iter().map(|&[l, r]| (sample(l) + sample(r)) / 2.0)),
        _ => {
            let mut frame = [0.0; CHANNEL_CEILING];
            out.extend(samples.chunks_exact(channels).map(|samples| {
                for (to, &from) in frame.iter_mut().zip(samples) {
                    *to = sample(from);
                }
                mono::mean(&frame[..channels])
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, mix};

    fn check(encoding: Encoding, channels: usize, bytes: &[u8], expected: &[f32]) {
        let mut out = Vec::new();
        mix(bytes, encoding, channels, &mut out);
        assert_eq!(out, expected, "{encoding:?}");
    }

    #[test]
    fn samples_are_scaled_as_libsndfile_scales_them() {
        check(Encoding::U8, 1, &[0, 128, 255], &[-1.0, 0.0, 127.0 / 128.0]);
        check(Encoding::S16, 1, &[0, 0x80, 0xff, 0x7f], &[-1.0, 32_767.0 / 32_768.0]);
        check(Encoding::S24, 1, &[0, 0, 0x80, 1, 0, 0], &[-1.0, 1.0 / 8_388_608.0]);
        check(Encoding::S32, 1, &[0, 0, 0, 0x80, 0, 0, 0, 0x40], &[-1.0, 0.5]);
        check(Encoding::F32, 1, &1.5_f32.to_le_bytes(), &[1.5]);
        check(Encoding::F64, 1, &(-2.5_f64).to_le_bytes(), &[-2.5]);
    }

    #[test]
    fn frames_are_averaged() {
        check(Encoding::S16, 2, &[0, 0x40, 0, 0], &[0.25]);
        check(Encoding::S16, 4, &[0, 0x40, 0, 0x40, 0, 0, 0, 0], &[0.25]);
    }
}
