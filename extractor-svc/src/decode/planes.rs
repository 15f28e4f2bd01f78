//! Decoded planar audio of any sample format to mono f32.

use std::ops::Range;

use symphonia::core::audio::conv::IntoSample;
use symphonia::core::audio::sample::Sample;
use symphonia::core::audio::{Audio, AudioBuffer, GenericAudioBufferRef};

use crate::limits::CHANNEL_CEILING;
use crate::mono;

/// Appends the mean over channels of the frames `keep` of `audio` to `out`.
pub(super) fn downmix(audio: &GenericAudioBufferRef<'_>, keep: Range<usize>, out: &mut Vec<f32>) {
    match audio {
        GenericAudioBufferRef::U8(audio) => mix(audio, keep, out),
        GenericAudioBufferRef::U16(audio) => mix(audio, keep, out),
        GenericAudioBufferRef::U24(audio) => mix(audio, keep, out),
        GenericAudioBufferRef::U32(audio) => mix(audio, keep, out),
        GenericAudioBufferRef::S8(audio) => mix(audio, keep, out),
        GenericAudioBufferRef::S16(audio) => mix(audio, keep, out),
        GenericAudioBufferRef::S24(audio) => mix(audio, keep, out),
        GenericAudioBufferRef::S32(audio) => mix(audio, keep, out),
        GenericAudioBufferRef::F32(audio) => mix(audio, keep, out),
        GenericAudioBufferRef::F64(audio) => mix(audio, keep, out),
    }
}

fn mix<S>(audio: &AudioBuffer<S>, keep: Range<usize>, out: &mut Vec<f32>)
where
    S: Sample + IntoSample<f32>,
{
    let channels = audio.num_planes().min(CHANNEL_CEILING);
    let plane = |channel| audio.plane(channel).and_then(|plane| plane.get(keep.clone()));
    match (channels, plane(0)) {
        (_, None) => {}
        (1, Some(only)) => out.extend(only.iter().map(|&x| -> f32 { x.into_sample() })),
        (2, Some(left)) => {
            let right = plane(1).unwrap_or_default();
            let mean = |(l, r): (&S, &S)| -> f32 {
                let (l, r): (f32, f32) = ((*l).into_sample(), (*r).into_sample());
                (l + r) / 2.0
            };
            out.extend(left.iter().zip(right).map(mean));
        }
        _ => {
            let mut all: [&[S]; CHANNEL_CEILING] = [&[]; CHANNEL_CEILING];
            for (channel, slot) in all[..channels].iter_mut().enumerate() {
                *slot = plane(channel).unwrap_or_default();
            }
            let mut frame = [0.0_f32; CHANNEL_CEILING];
            out.extend((0..keep.len()).map(|i| {
                for (to, plane) in frame.iter_mut().zip(&all[..channels]) {
                    *to = plane[i].into_sample();
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

    use super::downmix;

    fn check(channels: u16, expected: &[f32]) {
        let map = Channels::Positioned(Position::from_count(channels.into()).unwrap());
        let mut audio = AudioBuffer::<i16>::new(AudioSpec::new(8000, map), 8);
        audio.render_silence(Some(4));
        for channel in 0..usize::from(channels) {
            let plane = audio.plane_mut(channel).unwrap();
            plane.copy_from_slice(&[0, 8192, 16384, channel as i16 * 64]);
        }
        let mut out = vec![9.0];
        downmix(&audio.as_generic_audio_buffer_ref(), 1..4, &mut out);
        let expected = [&[9.0], expected].concat();
        assert_eq!(out, expected);
    }

    #[test]
    fn the_kept_frames_of_all_planes_are_averaged() {
        check(1, &[0.25, 0.5, 0.0]);
        check(2, &[0.25, 0.5, 32.0 / 32_768.0]);
        check(5, &[0.25, 0.5, 128.0 / 32_768.0]);
    }
}
