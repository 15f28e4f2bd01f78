//! `librosa.feature.spectral_centroid`: mean frequency, weighted by magnitude, in Hz.

use crate::spectrum::moments::Moments;

/// The divisor that makes magnitudes weights, in the frames' own scale: their sum, unless the true
/// sum (that times `scale`) is below the least normal `f32`; librosa then leaves them as they are.
pub(crate) fn norm(moments: &Moments, lane: usize, scale: f32) -> f64 {
    let (sum, scale) = (moments.sum(lane), f64::from(scale));
    if sum * scale >= f64::from(f32::MIN_POSITIVE) { sum } else { 1.0 / scale.max(1e-300) }
}

/// The centroid of one frame.
pub(crate) fn spectral_centroid(moments: &Moments, lane: usize, norm: f64, bin_hz: f64) -> f64 {
    moments.first_moment(lane) / norm * bin_hz
}
