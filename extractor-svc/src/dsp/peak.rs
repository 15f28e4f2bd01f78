//! Largest magnitudes, by which signals are equalised and silence is found.

use std::ops::Range;

use crate::dsp::simd::{Isa, Kernel, LANES, Level, ZERO, each_lane};

/// Samples per chunk of a [`PeakMap`].
const CHUNK: usize = 64;

/// The largest magnitude of every aligned chunk of a signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeakMap {
    chunks: Vec<f32>,
}

impl PeakMap {
    /// Samples in the whole chunks of a signal of `len` samples.
    pub(crate) fn complete(len: usize) -> usize {
        len / CHUNK * CHUNK
    }

    /// Takes the peaks of `y` in place of earlier ones.
    pub(crate) fn fill(&mut self, y: &[f32], level: Level) {
        self.chunks.clear();
        self.extend(y, level);
    }

    /// Takes the peaks of what `y` has more than when it was last seen, which was then a
    /// [`complete`](Self::complete) part of it.
    pub(crate) fn extend(&mut self, y: &[f32], level: Level) {
        let seen = self.chunks.len() * CHUNK;
        self.chunks.extend(y[seen..].chunks(CHUNK).map(|chunk| level.run(Peak(chunk))));
    }

    /// A bound on the magnitudes in `range` of the `y` that the map is of: their largest, or that
    /// of a little more. It is 0 exactly where all samples are.
    pub(crate) fn bound(&self, y: &[f32], range: Range<usize>) -> f32 {
        let range = range.start..range.end.min(y.len());
        if range.is_empty() {
            return 0.0;
        }
        let outer = range.start / CHUNK..range.end.div_ceil(CHUNK);
        let inner = range.start.div_ceil(CHUNK)..range.end / CHUNK;
        let largest = |chunks: &[f32]| chunks.iter().fold(0.0, |peak, &x| larger(peak, x));
        let bound = largest(&self.chunks[outer]);
        let silent_inside = inner.is_empty() || largest(&self.chunks[inner]) <= 0.0;
        // Only samples that share a chunk with their neighbours outside can deceive.
        if bound > 0.0 && silent_inside {
            y[range].iter().fold(0.0, |peak, x| larger(peak, x.abs()))
        } else {
            bound
        }
    }
}

/// Largest magnitude of a signal.
pub(crate) struct Peak<'a>(pub(crate) &'a [f32]);

impl Kernel for Peak<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<I: Isa>(self) -> f32 {
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        let mut peaks = ZERO;
        for chunk in chunks {
            peaks = each_lane(|lane| larger(peaks[lane], chunk[lane].abs()));
        }
        peaks.iter().chain(rest).fold(0.0, |peak, x| larger(peak, x.abs()))
    }
}

/// `f32::max` in one instruction; a NaN in `b` is passed over.
#[inline(always)]
pub(crate) fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_is_zero_exactly_where_the_signal_is() {
        let mut y = vec![0.0_f32; 1000];
        y[300] = -2.0;
        y[701] = 1e-30;
        let mut map = PeakMap::default();
        map.fill(&y, Level::detect());
        for start in 0..1000 {
            for len in [0, 1, 5, 64, 130, 400] {
                let range = start..(start + len).min(1000);
                let peak = y[range.clone()].iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
                let bound = map.bound(&y, start..start + len);
                assert!(bound >= peak, "{range:?}");
                assert_eq!(bound > 0.0, peak > 0.0, "{range:?}");
            }
        }
    }
}
