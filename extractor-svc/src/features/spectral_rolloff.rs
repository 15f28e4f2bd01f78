//! `librosa.feature.spectral_rolloff`: the frequency below which 85 % of the magnitude lies.

use crate::dsp::moments::Moments;
use crate::dsp::simd::{LANES, Level};

/// Share of the summed magnitude.
const ROLL_PERCENT: f32 = 0.85;

/// The roll-offs of a group of frames, in bins.
pub(crate) fn spectral_rolloff(moments: &Moments, level: Level) -> [u32; LANES] {
    moments.bin_reaching(ROLL_PERCENT, level)
}
