//! Interleaved PCM, headerless or behind a header that is read here: bytes to mono f32.
//!
//! Scaling is libsndfile's: signed integers by 2^-(bits-1), unsigned 8-bit as (x - 128) / 128,
//! A-law and mu-law as 16-bit integers, floats as they are (64-bit ones rounded to 32).

mod carried;

use std::io::Read;

use super::codecs::g711;
use super::source::SourceView;
use crate::decode::detect::mismatch::OrderWatch;
use crate::decode::detect::trailing::End;
use crate::decode::mono;
use crate::decode::pcm::carried::Watch;
use crate::error::ExtractError;
use crate::findings::{DeclaredLength, Findings, WarningCode};
use crate::limits::CHANNEL_CEILING;

/// Frames of one block.
const BLOCK_FRAMES: usize = 4096;

/// Full scale of 32-bit samples: 2^31.
const FULL_SCALE_32: f32 = (1_u32 << 31) as f32;

/// Order of the bytes of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

/// Form of one sample. Those of several bytes are little-endian unless their name ends in `Be`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    U8,
    S8,
    S16,
    S16Be,
    S24,
    S24Be,
    S32,
    S32Be,
    F32,
    F32Be,
    F64,
    F64Be,
    ALaw,
    MuLaw,
}

impl Encoding {
    /// Signed integers of 1 to 4 bytes.
    pub(super) fn signed(bytes: usize, order: Order) -> Option<Self> {
        Some(match (bytes, order) {
            (1, _) => Self::S8,
            (2, Order::Little) => Self::S16,
            (2, Order::Big) => Self::S16Be,
            (3, Order::Little) => Self::S24,
            (3, Order::Big) => Self::S24Be,
            (4, Order::Little) => Self::S32,
            (4, Order::Big) => Self::S32Be,
            _ => return None,
        })
    }

    /// Floats of 4 or 8 bytes.
    pub(super) fn float(bytes: usize, order: Order) -> Option<Self> {
        Some(match (bytes, order) {
            (4, Order::Little) => Self::F32,
            (4, Order::Big) => Self::F32Be,
            (8, Order::Little) => Self::F64,
            (8, Order::Big) => Self::F64Be,
            _ => return None,
        })
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::S8 | Self::ALaw | Self::MuLaw => 1,
            Self::S16 | Self::S16Be => 2,
            Self::S24 | Self::S24Be => 3,
            Self::S32 | Self::S32Be | Self::F32 | Self::F32Be => 4,
            Self::F64 | Self::F64Be => 8,
        }
    }

    pub(super) fn codec(self) -> &'static str {
        match self {
            Self::U8 => "pcm_u8",
            Self::S8 => "pcm_s8",
            Self::S16 => "pcm_s16le",
            Self::S16Be => "pcm_s16be",
            Self::S24 => "pcm_s24le",
            Self::S24Be => "pcm_s24be",
            Self::S32 => "pcm_s32le",
            Self::S32Be => "pcm_s32be",
            Self::F32 => "pcm_f32le",
            Self::F32Be => "pcm_f32be",
            Self::F64 => "pcm_f64le",
            Self::F64Be => "pcm_f64be",
            Self::ALaw => "pcm_alaw",
            Self::MuLaw => "pcm_mulaw",
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
    /// For samples of 16 bits, which may be another codec's bytes.
    watch: Option<Watch>,
    /// For floats whose order of bytes is said by nothing but the sender.
    order: Option<OrderWatch>,
    /// Where the samples end, if that is stated.
    end: Option<End>,
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
        let watch = matches!(encoding, Encoding::S16 | Encoding::S16Be).then(Watch::default);
        Self {
            source,
            encoding,
            channels,
            bytes,
            frames: 0,
            declared,
            watch,
            order: None,
            end: None,
            done: false,
        }
    }

    /// The same, with a place behind which another recording is looked for.
    pub(super) fn ending(self, end: Option<End>) -> Self {
        Self { end, ..self }
    }

    /// The same, of samples without a header.
    pub(super) fn headerless(self) -> Self {
        let order = (self.encoding == Encoding::F32).then(OrderWatch::default);
        Self { order, ..self }
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
        let mut filled = fill(&mut self.source, &mut self.bytes)?;
        let frame_bytes = self.channels * self.encoding.bytes();
        self.done = filled < self.bytes.len();
        let odd = filled % frame_bytes;
        filled -= odd;
        if let Some(watch) = &mut self.watch {
            watch.see(&self.bytes[..filled], self.done)?;
        }
        if let Some(order) = &mut self.order {
            order.see(&self.bytes[..filled], self.done)?;
        }
        self.frames += (filled / frame_bytes) as u64;
        mix(&self.bytes[..filled], self.encoding, self.channels, out);
        if self.done {
            if let Some(end) = self.end.take() {
                end.look(&mut self.source, findings)?;
            }
            let declared = self.declared.filter(|&declared| self.frames < declared);
            let text = match declared {
                Some(declared) => {
                    format!("{} of {declared} declared frames are there", self.frames)
                }
                None if odd > 0 && self.declared.is_none() => {
                    format!("{odd} bytes of a frame of {frame_bytes} after {} frames", self.frames)
                }
                None => return Ok(filled > 0),
            };
            findings.warn(WarningCode::TruncatedStream, text);
        }
        Ok(filled > 0)
    }
}

/// Reads until `bytes` are full or the source ends; returns how many there are.
pub(super) fn fill(source: &mut SourceView, bytes: &mut [u8]) -> Result<usize, ExtractError> {
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                source.fault().check()?;
                return Err(ExtractError::SourceFailed { detail: error.to_string() });
            }
        }
    }
    Ok(filled)
}

fn mix(bytes: &[u8], encoding: Encoding, channels: usize, out: &mut Vec<f32>) {
    // Of 24 bits the upper three bytes are made, so that the sign is right; exact, as 24 bits fit
    // an f32.
    match encoding {
        Encoding::U8 => mix_bytes(bytes, channels, out, |[x]| (f32::from(x) - 128.0) / 128.0),
        Encoding::S8 => {
            mix_bytes(bytes, channels, out, |x| f32::from(i8::from_le_bytes(x)) / 128.0);
        }
        Encoding::S16 => mix_bytes(bytes, channels, out, |x| sixteen(i16::from_le_bytes(x))),
        Encoding::S16Be => mix_bytes(bytes, channels, out, |x| sixteen(i16::from_be_bytes(x))),
        Encoding::S24 => {
            mix_bytes(bytes, channels, out, |[a, b, c]| wide(i32::from_le_bytes([0, a, b, c])));
        }
        Encoding::S24Be => {
            mix_bytes(bytes, channels, out, |[a, b, c]| wide(i32::from_be_bytes([a, b, c, 0])));
        }
        Encoding::S32 => mix_bytes(bytes, channels, out, |x| wide(i32::from_le_bytes(x))),
        Encoding::S32Be => mix_bytes(bytes, channels, out, |x| wide(i32::from_be_bytes(x))),
        Encoding::F32 => mix_bytes(bytes, channels, out, f32::from_le_bytes),
        Encoding::F32Be => mix_bytes(bytes, channels, out, f32::from_be_bytes),
        Encoding::F64 => mix_bytes(bytes, channels, out, |x| f64::from_le_bytes(x) as f32),
        Encoding::F64Be => mix_bytes(bytes, channels, out, |x| f64::from_be_bytes(x) as f32),
        Encoding::ALaw => {
            mix_bytes(bytes, channels, out, |[x]| sixteen(g711::A_LAW[usize::from(x)]));
        }
        Encoding::MuLaw => {
            mix_bytes(bytes, channels, out, |[x]| sixteen(g711::MU_LAW[usize::from(x)]));
        }
    }
}

/// A 16-bit sample in units of full scale.
pub(super) fn sixteen(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

fn wide(sample: i32) -> f32 {
    sample as f32 / FULL_SCALE_32
}

fn mix_bytes<const BYTES: usize>(
    bytes: &[u8],
    channels: usize,
    out: &mut Vec<f32>,
    sample: impl Fn([u8; BYTES]) -> f32,
) {
    mix_frames(bytes.as_chunks::<BYTES>().0, channels, out, sample);
}

/// Appends the mean over `channels` of interleaved samples, each as `sample` scales it.
pub(super) fn mix_frames<T: Copy>(
    samples: &[T],
    channels: usize,
    out: &mut Vec<f32>,
    sample: impl Fn(T) -> f32,
) {
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
        check(Encoding::S8, 1, &[0x80, 0, 0x7f], &[-1.0, 0.0, 127.0 / 128.0]);
        check(Encoding::S16, 1, &[0, 0x80, 0xff, 0x7f], &[-1.0, 32_767.0 / 32_768.0]);
        check(Encoding::S16Be, 1, &[0x80, 0, 0x7f, 0xff], &[-1.0, 32_767.0 / 32_768.0]);
        check(Encoding::S24, 1, &[0, 0, 0x80, 1, 0, 0], &[-1.0, 1.0 / 8_388_608.0]);
        check(Encoding::S24Be, 1, &[0x80, 0, 0, 0, 0, 1], &[-1.0, 1.0 / 8_388_608.0]);
        check(Encoding::S32, 1, &[0, 0, 0, 0x80, 0, 0, 0, 0x40], &[-1.0, 0.5]);
        check(Encoding::S32Be, 1, &[0x80, 0, 0, 0, 0x40, 0, 0, 0], &[-1.0, 0.5]);
        check(Encoding::F32, 1, &1.5_f32.to_le_bytes(), &[1.5]);
        check(Encoding::F32Be, 1, &1.5_f32.to_be_bytes(), &[1.5]);
        check(Encoding::F64, 1, &(-2.5_f64).to_le_bytes(), &[-2.5]);
        check(Encoding::F64Be, 1, &(-2.5_f64).to_be_bytes(), &[-2.5]);
        check(Encoding::ALaw, 1, &[0x10, 0x80], &[-0.083_984_375, 0.167_968_75]);
        check(Encoding::MuLaw, 1, &[0x10, 0x80], &[-0.488_159_18, 0.980_346_7]);
    }

    #[test]
    fn frames_are_averaged() {
        check(Encoding::S16, 2, &[0, 0x40, 0, 0], &[0.25]);
        check(Encoding::S16, 4, &[0, 0x40, 0, 0x40, 0, 0, 0, 0], &[0.25]);
    }
}
