//! Decoded planar audio of any sample format to mono f32.

use std::ops::Range;

use symphonia::core::audio::conv::IntoSample;
use symphonia::core::audio::sample::Sample;
use symphonia::core::audio::{Audio, AudioBuffer, GenericAudioBufferRef};
use symphonia::core::formats::FormatId;
use symphonia::core::formats::well_known::{
    FORMAT_ID_ADTS, FORMAT_ID_CAF, FORMAT_ID_ISOMP4, FORMAT_ID_MKV,
};

use crate::decode::mono;
use crate::limits::CHANNEL_CEILING;

/// Precision in which librosa sees the samples of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    /// As they are decoded: libsndfile reads the source.
    Decoded,
    /// 16-bit integers, rounded per channel: libsndfile cannot read the source, and
    /// `librosa.load` has it from ffmpeg (`audioread`, which asks for `s16le`).
    Sixteen,
}

impl Precision {
    /// The precision of `codec` in a container.
    pub(super) fn of(container: FormatId, codec: &str) -> Self {
        let by_ffmpeg = match container {
            FORMAT_ID_ISOMP4 | FORMAT_ID_MKV | FORMAT_ID_ADTS => true,
            FORMAT_ID_CAF => codec == "aac" || codec == "mp3" || codec == "opus",
            _ => false,
        };
        if by_ffmpeg { Self::Sixteen } else { Self::Decoded }
    }
}

/// Appends the mean over channels of the frames `keep` of `audio` to `out`.
pub(super) fn downmix(
    audio: &GenericAudioBufferRef<'_>,
    keep: Range<usize>,
    precision: Precision,
    out: &mut Vec<f32>,
) {
    use GenericAudioBufferRef as Any;
    match (precision, audio) {
        (Precision::Decoded, Any::U8(audio)) => mix(audio, keep, out, IntoSample::into_sample),
        (Precision::Decoded, Any::U16(audio)) => mix(audio, keep, out, IntoSample::into_sample),
        (Precision::Decoded, Any::U24(audio)) => mix(audio, keep, out, IntoSample::into_sample),
        (Precision::Decoded, Any::U32(audio)) => mix(audio, keep, out, IntoSample::into_sample),
        (Precision::Decoded, Any::S8(audio)) => mix(audio, keep, out, IntoSample::into_sample),
        (Precision::Decoded, Any::S16(audio)) => mix(audio, keep, out, IntoSample::into_sample),
        (Precision::Decoded, Any::S24(audio)) => mix(audio, keep, out, IntoSample::into_sample),
        (Precision::Decoded, Any::S32(audio)) => mix(audio, keep, out, IntoSample::into_sample),
        (Precision::Decoded, Any::F32(audio)) => mix(audio, keep, out, |x| x),
        (Precision::Decoded, Any::F64(audio)) => mix(audio, keep, out, IntoSample::into_sample),
        (Precision::Sixteen, Any::F32(audio)) => mix(audio, keep, out, round_to_sixteen),
        (Precision::Sixteen, Any::F64(audio)) => {
            mix(audio, keep, out, wide_to_sixteen);
        }
        (Precision::Sixteen, Any::U8(audio)) => mix(audio, keep, out, cut_to_sixteen),
        (Precision::Sixteen, Any::U16(audio)) => mix(audio, keep, out, cut_to_sixteen),
        (Precision::Sixteen, Any::U24(audio)) => mix(audio, keep, out, cut_to_sixteen),
        (Precision::Sixteen, Any::U32(audio)) => mix(audio, keep, out, cut_to_sixteen),
        (Precision::Sixteen, Any::S8(audio)) => mix(audio, keep, out, cut_to_sixteen),
        (Precision::Sixteen, Any::S16(audio)) => mix(audio, keep, out, cut_to_sixteen),
        (Precision::Sixteen, Any::S24(audio)) => mix(audio, keep, out, cut_to_sixteen),
        (Precision::Sixteen, Any::S32(audio)) => mix(audio, keep, out, cut_to_sixteen),
    }
}

/// A float as ffmpeg's `swresample` makes 16 bits of it: rounded to the nearest, halves to even,
/// and clipped.
fn round_to_sixteen(x: f32) -> f32 {
    (x * 32_768.0).round_ties_even().clamp(-32_768.0, 32_767.0) / 32_768.0
}

/// The same of a double, which is not rounded to a float before.
fn wide_to_sixteen(x: f64) -> f32 {
    let rounded = (x * 32_768.0).round_ties_even().clamp(-32_768.0, 32_767.0);
    (rounded / 32_768.0) as f32
}

/// An integer as `swresample` makes 16 bits of it: the low bits are cut off.
fn cut_to_sixteen<S: IntoSample<i32>>(x: S) -> f32 {
    let wide: i32 = x.into_sample();
    (wide >> 16) as f32 / 32_768.0
}

fn mix<S: Sample>(
    audio: &AudioBuffer<S>,
    keep: Range<usize>,
    out: &mut Vec<f32>,
    sample: impl Fn(S) -> f32,
) {
    let channels = audio.num_planes().min(CHANNEL_CEILING);
    let plane = |channel| audio.plane(channel).and_then(|plane| plane.get(keep.clone()));
    match (channels, plane(0)) {
        (_, None) => {}
        (1, Some(only)) => out.extend(only.iter().map(|&x| sample(x))),
        (2, Some(left)) => {
            let right = plane(1).unwrap_or_default();
            out.extend(left.iter().zip(right).map(|(&l, &r)| (sample(l) + sample(r)) / 2.0));
        }
        _ => {
            let mut all: [&[S]; CHANNEL_CEILING] = [&[]; CHANNEL_CEILING];
            for (channel, slot) in all[..channels].iter_mut().enumerate() {
                *slot = plane(channel).unwrap_or_default();
            }
            let mut frame = [0.0_f32; CHANNEL_CEILING];
            out.extend((0..keep.len()).map(|i| {
                for (to, plane) in frame.iter_mut().zip(&all[..channels]) {
                    *to = sample(plane[i]);
                }
                mono::mean(&frame[..channels])
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::audio::{
        AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, Channels, Position,
    };

    use super::{Precision, downmix};

    fn check(channels: u16, expected: &[f32]) {
        let map = Channels::Positioned(Position::from_count(channels.into()).unwrap());
        let mut audio = AudioBuffer::<i16>::new(AudioSpec::new(8000, map), 8);
        audio.render_silence(Some(4));
        for channel in 0..usize::from(channels) {
            let plane = audio.plane_mut(channel).unwrap();
            plane.copy_from_slice(&[0, 8192, 16384, channel as i16 * 64]);
        }
        let mut out = vec![9.0];
        downmix(&audio.as_generic_audio_buffer_ref(), 1..4, Precision::Decoded, &mut out);
        let expected = [&[9.0], expected].concat();
        assert_eq!(out, expected);
    }

    #[test]
    fn the_kept_frames_of_all_planes_are_averaged() {
        check(1, &[0.25, 0.5, 0.0]);
        check(2, &[0.25, 0.5, 32.0 / 32_768.0]);
        check(5, &[0.25, 0.5, 128.0 / 32_768.0]);
    }

    #[test]
    fn sixteen_bits_are_those_of_swresample() {
        let map = Channels::Positioned(Position::from_count(2).unwrap());
        let mut audio = AudioBuffer::<f32>::new(AudioSpec::new(8000, map.clone()), 8);
        audio.render_silence(Some(3));
        let unit = 1.0 / 32_768.0;
        audio.plane_mut(0).unwrap().copy_from_slice(&[0.5 * unit, 1.5 * unit, 2.0]);
        audio.plane_mut(1).unwrap().copy_from_slice(&[0.6 * unit, -0.4 * unit, -2.0]);
        let mut out = Vec::new();
        downmix(&audio.as_generic_audio_buffer_ref(), 0..3, Precision::Sixteen, &mut out);
        assert_eq!(out, [0.5 * unit, unit, -0.5 * unit]);

        let mut audio = AudioBuffer::<i32>::new(AudioSpec::new(8000, map), 8);
        audio.render_silence(Some(2));
        audio.plane_mut(0).unwrap().copy_from_slice(&[0x1_ffff, -1]);
        audio.plane_mut(1).unwrap().copy_from_slice(&[0x1_0000, -1]);
        out.clear();
        downmix(&audio.as_generic_audio_buffer_ref(), 0..2, Precision::Sixteen, &mut out);
        assert_eq!(out, [unit, -unit]);
    }
}
