//! `librosa.feature.spectral_bandwidth`: root of the mean squared distance from the centroid,
//! weighted by magnitude, in Hz.

use crate::spectrum::moments::Moments;

/// The bandwidth of one frame about `centroid`, in Hz.
pub(crate) fn spectral_bandwidth(
    moments: &Moments,
    lane: usize,
    norm: f64,
    centroid: f64,
    bin_hz: f64,
) -> f64 {
    (moments.second_moment(lane, centroid / bin_hz) / norm).sqrt() * bin_hz
}
