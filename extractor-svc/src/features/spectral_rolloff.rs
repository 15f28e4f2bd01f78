//! `librosa.feature.spectral_rolloff`: the frequency below which 85 % of the magnitude lies, in Hz.

/// Share of the summed magnitude.
pub(crate) const ROLL_PERCENT: f32 = 0.85;

/// The roll-off of a frame, from the first bin that reaches [`ROLL_PERCENT`].
pub(crate) fn spectral_rolloff(bin: u32, bin_hz: f64) -> f64 {
    f64::from(bin) * bin_hz
}
