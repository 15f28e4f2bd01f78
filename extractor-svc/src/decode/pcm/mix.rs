//! From interleaved samples to mono, at full scale.

use super::encoding::Encoding;
use crate::decode::codecs::g711;
use crate::decode::mono;
use crate::limits::CHANNEL_CEILING;

/// Full scale of 32-bit samples: 2^31.
const FULL_SCALE_32: f32 = (1_u32 << 31) as f32;

/// Appends the mean over `channels` of interleaved samples in `bytes`.
pub(super) fn mix(bytes: &[u8], encoding: Encoding, channels: usize, out: &mut Vec<f32>) {
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
pub(in crate::decode) fn sixteen(sample: i16) -> f32 {
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
pub(in crate::decode) fn mix_frames<T: Copy>(
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
