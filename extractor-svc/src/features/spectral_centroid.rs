//! `librosa.feature.spectral_centroid`: mean frequency, weighted by magnitude.

use std::array;

use crate::dsp::moments::Moments;
use crate::dsp::simd::{LANES, Lanes, Level};

/// The centroids of a group of frames, in bins. True magnitudes are those of `moments` times
/// `scale`; the centroid does not depend on it, except that frames whose true sum is below the
/// least normal `f32` are left without normalisation, as librosa does.
pub(crate) fn spectral_centroid(moments: &Moments, scale: &Lanes, level: Level) -> [f64; LANES] {
    let (weight, first) = (moments.weights(scale, level), moments.first(level));
    array::from_fn(|lane| first[lane] * weight[lane])
}
