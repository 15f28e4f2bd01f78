//! `librosa.feature.spectral_bandwidth`: root of the mean squared distance from the centroid,
//! weighted by magnitude.

use std::array;

use crate::dsp::moments::Moments;
use crate::dsp::simd::{LANES, Lanes, Level};

/// The bandwidths of a group of frames about their centroids, both in bins; normalised as the
/// centroid is.
pub(crate) fn spectral_bandwidth(
    moments: &Moments,
    scale: &Lanes,
    centroid: &[f64; LANES],
    level: Level,
) -> [f64; LANES] {
    let (weight, second) = (moments.weights(scale, level), moments.second(centroid, level));
    array::from_fn(|lane| (second[lane] * weight[lane]).sqrt())
}
