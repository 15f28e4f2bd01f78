//! `librosa.feature.rms`: root of the mean square of a frame of samples.

use crate::dsp::frame::Energy;
use crate::dsp::simd::Level;

/// The root mean square of one frame.
pub(crate) fn rms(frame: &[f32], level: Level) -> f32 {
    (level.run(Energy(frame)) / frame.len() as f32).sqrt()
}
