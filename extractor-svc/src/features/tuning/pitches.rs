//! `librosa.piptrack`: peaks of the magnitude spectrum, with parabolic interpolation.

use std::mem;

use super::histogram::{Estimate, Tuning, fullest, median, residual, residual_bin};
use super::rounding::Evidence;
use crate::dsp::moments::Moments;
use crate::dsp::simd::{Isa, Kernel, LANES, Lanes, Level, each_lane};
use crate::recipe::TuningGrid;

/// Range of pitches in Hz, lower end included.
const PITCH_HZ: [f64; 2] = [150.0, 4000.0];

/// Least height of a peak, relative to the frame's largest magnitude.
const THRESHOLD: f32 = 0.1;

/// The peaks found so far.
#[derive(Clone, Debug)]
pub(crate) struct Pitches {
    grid: TuningGrid,
    bin_hz: f64,
    /// Candidate bins: first, and one past the last.
    bins: [usize; 2],
    /// Interpolated magnitude of every peak.
    magnitudes: Vec<f32>,
    /// Frequency of every peak, in Hz.
    hertz: Vec<f32>,
    /// Largest magnitude of all frames, up to rounding.
    largest: f32,
    /// Frames whose magnitudes are all 0.
    silent_frames: usize,
    /// Bins at which a frame of the group may have a peak.
    candidates: Vec<usize>,
}

impl Pitches {
    /// No peaks yet, for spectra of `bins` bins `bin_hz` apart.
    pub(crate) fn new(grid: TuningGrid, bin_hz: f64, bins: usize) -> Self {
        let in_range = |&bin: &usize| {
            let hz = bin as f64 * bin_hz;
            PITCH_HZ[0] <= hz && hz < PITCH_HZ[1].min((bins - 1) as f64 * bin_hz)
        };
        let mut range = (1..bins - 1).filter(in_range);
        let first = range.next().unwrap_or(1);
        let end = range.next_back().map_or(first + 1, |bin| bin + 1);
        Self {
            grid,
            bin_hz,
            bins: [first, end],
            magnitudes: Vec::new(),
            hertz: Vec::new(),
            largest: 0.0,
            silent_frames: 0,
            candidates: Vec::new(),
        }
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.magnitudes.as_slice()) + size_of_val(self.hertz.as_slice())
    }

    /// Adds the peaks of `count` frames. True magnitudes are those of `moments` times `scale`.
    pub(crate) fn add(&mut self, moments: &Moments, scale: &Lanes, count: usize, level: Level) {
        let least = each_lane(|lane| THRESHOLD * moments.largest[lane]);
        for (largest, scale) in moments.largest.iter().zip(scale).take(count) {
            self.largest = self.largest.max(largest * scale);
            self.silent_frames += usize::from(*largest <= 0.0);
        }
        let [first, end] = self.bins;
        let magnitudes = &moments.magnitudes[first - 1..=end];
        let mut candidates = mem::take(&mut self.candidates);
        candidates.clear();
        level.run(FindPeaks { magnitudes, least: &least, candidates: &mut candidates });
        for &bin in &candidates {
            let [left, here, right] = [0, 1, 2].map(|offset| &magnitudes[bin + offset]);
            for lane in (0..count).filter(|&lane| is_peak(left, here, right, &least, lane)) {
                let (left, here, right) = (left[lane], here[lane], right[lane]);
                let shift = parabolic_shift(left, here, right);
                let skew = 0.5 * ((right - left) / 2.0) * shift;
                self.magnitudes.push((here + skew) * scale[lane]);
                let hz = (((first + bin) as f64 + f64::from(shift)) * self.bin_hz) as f32;
                self.hertz.push(hz);
            }
        }
        self.candidates = candidates;
    }

    /// The estimate: 0 without any peak.
    pub(crate) fn estimate(self) -> Estimate {
        let grid = self.grid;
        let Some(median) = median(&mut self.magnitudes.clone()) else {
            return Estimate { tuning: Tuning::of(grid, grid.bins / 2), is_ambiguous: false };
        };
        let mut histogram = vec![0_u32; grid.bins];
        for (&magnitude, &hz) in self.magnitudes.iter().zip(&self.hertz) {
            if magnitude >= median {
                histogram[usize::from(residual_bin(grid, residual(grid, hz)))] += 1;
            }
        }
        let evidence = Evidence {
            grid,
            magnitudes: &self.magnitudes,
            hertz: &self.hertz,
            median,
            histogram: &histogram,
            largest: self.largest,
            silent_frames: self.silent_frames,
            bins: self.bins[1] - self.bins[0],
        };
        let is_ambiguous = evidence.is_ambiguous();
        Estimate { tuning: Tuning::of(grid, fullest(&histogram)), is_ambiguous }
    }
}

/// Whether a lane has a peak at the middle one of three bins.
#[inline(always)]
fn is_peak(left: &Lanes, here: &Lanes, right: &Lanes, least: &Lanes, lane: usize) -> bool {
    (here[lane] > left[lane]) & (here[lane] >= right[lane]) & (here[lane] > least[lane])
}

/// Collects the bins at which any lane has a peak.
struct FindPeaks<'a> {
    /// One bin more on both sides of the candidates.
    magnitudes: &'a [Lanes],
    least: &'a Lanes,
    candidates: &'a mut Vec<usize>,
}

impl Kernel for FindPeaks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (bin, around) in self.magnitudes.windows(3).enumerate() {
            let (left, here, right) = (&around[0], &around[1], &around[2]);
            let mut found = 0;
            for lane in 0..LANES {
                found |= u32::from(is_peak(left, here, right, self.least, lane));
            }
            if found != 0 {
                self.candidates.push(bin);
            }
        }
    }
}

/// `librosa.core.pitch._parabolic_interpolation` at one bin.
fn parabolic_shift(left: f32, here: f32, right: f32) -> f32 {
    let a = right + left - 2.0 * here;
    let b = (right - left) / 2.0;
    if b.abs() >= a.abs() { 0.0 } else { -b / a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pitch_is_tuning_zero() {
        let pitches = Pitches::new(crate::recipe::LIBROSA_0_11.tuning, 22050.0 / 2048.0, 1025);
        assert_eq!(pitches.bins, [14, 372]);
        let Estimate { tuning, is_ambiguous } = pitches.estimate();
        assert!(tuning.value().abs() < 1e-300 && tuning.index() == 50 && !is_ambiguous);
    }
}
