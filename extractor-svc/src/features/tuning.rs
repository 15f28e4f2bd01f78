//! `librosa.estimate_tuning(y, bins_per_octave=36)`: how far the pitches of a signal lie from the
//! equally tempered grid of A440.
//!
//! Pitches are the peaks of the magnitude spectrum between 150 and 4000 Hz, at least a tenth as
//! high as the frame's largest bin, with parabolic interpolation (`librosa.piptrack`). The estimate
//! is the fullest of 100 histogram bins, so it jumps: all arithmetic is therefore in the precision
//! that librosa uses, and an estimate says whether rounding decided it ([`rounding`]).

mod rounding;

use std::mem;

use crate::dsp::cqt::octaves::BINS_PER_OCTAVE;
use crate::dsp::moments::Moments;
use crate::dsp::simd::{Isa, Kernel, LANES, Lanes, Level, each_lane};
use rounding::Evidence;

/// Number of different estimates.
pub(crate) const TUNINGS: usize = 100;

/// Hop of the spectra that pitches come from, in samples: a quarter of a frame, whatever the hop
/// of the profile.
pub(crate) const PITCH_HOP_LENGTH: usize = 512;

/// Range of pitches in Hz, lower end included.
const PITCH_HZ: [f64; 2] = [150.0, 4000.0];

/// Least height of a peak, relative to the frame's largest magnitude.
const THRESHOLD: f32 = 0.1;

/// An estimate: `-0.5 + index / 100` of a constant-Q bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuning(u8);

impl Tuning {
    /// Position among the [`TUNINGS`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The estimate in fractions of a bin, as `numpy.linspace(-0.5, 0.5, 101)` has it.
    pub(crate) fn value(self) -> f64 {
        edge(self.0)
    }
}

/// An estimate, and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// The estimate.
    pub(crate) tuning: Tuning,
    /// Whether rounding decided between it and another.
    pub(crate) is_ambiguous: bool,
}

fn edge(index: u8) -> f64 {
    f64::from(index) * (1.0 / TUNINGS as f64) - 0.5
}

/// The peaks found so far.
#[derive(Clone, Debug)]
pub(crate) struct Pitches {
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
    pub(crate) fn new(bin_hz: f64, bins: usize) -> Self {
        let in_range = |&bin: &usize| {
            let hz = bin as f64 * bin_hz;
            PITCH_HZ[0] <= hz && hz < PITCH_HZ[1].min((bins - 1) as f64 * bin_hz)
        };
        let mut range = (1..bins - 1).filter(in_range);
        let first = range.next().unwrap_or(1);
        let end = range.next_back().map_or(first + 1, |bin| bin + 1);
        Self {
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
        let Some(median) = median(&mut self.magnitudes.clone()) else {
            return Estimate { tuning: Tuning(TUNINGS as u8 / 2), is_ambiguous: false };
        };
        let mut histogram = [0_u32; TUNINGS];
        for (&magnitude, &hz) in self.magnitudes.iter().zip(&self.hertz) {
            if magnitude >= median {
                histogram[usize::from(residual_bin(residual(hz)))] += 1;
            }
        }
        let evidence = Evidence {
            magnitudes: &self.magnitudes,
            hertz: &self.hertz,
            median,
            histogram: &histogram,
            largest: self.largest,
            silent_frames: self.silent_frames,
            bins: self.bins[1] - self.bins[0],
        };
        let is_ambiguous = evidence.is_ambiguous();
        Estimate { tuning: Tuning(fullest(&histogram) as u8), is_ambiguous }
    }
}

/// The first of the bins with the most peaks.
fn fullest(histogram: &[u32; TUNINGS]) -> usize {
    let most = histogram.iter().copied().max().unwrap_or(0);
    histogram.iter().position(|&count| count == most).unwrap_or(0)
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

/// Distance of a pitch from the grid, in bins, -0.5 up to 0.5.
fn residual(hz: f32) -> f64 {
    // librosa.hz_to_octs: octaves above 27.5 Hz.
    let octaves = f64::from(hz / 27.5).log2() as f32;
    let bins = BINS_PER_OCTAVE as f32 * octaves;
    // Pitches lie far above the reference, so that this is the remainder.
    let residual = bins - bins.floor();
    f64::from(if residual >= 0.5 { residual - 1.0 } else { residual })
}

/// Histogram bin of such a distance.
fn residual_bin(residual: f64) -> u8 {
    // The guess is right or one off; the edges decide.
    let last = TUNINGS as u8 - 1;
    let guess = (((residual + 0.5) * TUNINGS as f64) as u8).min(last);
    if residual < edge(guess) {
        guess.saturating_sub(1)
    } else if guess < last && residual >= edge(guess + 1) {
        guess + 1
    } else {
        guess
    }
}

/// `numpy.median`; reorders the values.
fn median(values: &mut [f32]) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    let upper = *upper;
    if even {
        let lower = below.iter().copied().fold(f32::MIN, f32::max);
        Some((lower + upper) / 2.0)
    } else {
        Some(upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_numpys() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut [5.0, 1.0, 3.0]), Some(3.0));
    }

    #[test]
    fn residuals_fall_into_their_bins() {
        for (bins_above_a, expected) in
            [(0.004, 50), (-0.004, 49), (0.494, 99), (-0.494, 0), (0.255, 75)]
        {
            let hz = 440.0 * 2.0_f64.powf((72.0 + bins_above_a) / 36.0);
            assert_eq!(residual_bin(residual(hz as f32)), expected, "{bins_above_a}");
        }
    }

    #[test]
    fn no_pitch_is_tuning_zero() {
        let pitches = Pitches::new(22050.0 / 2048.0, 1025);
        assert_eq!(pitches.bins, [14, 372]);
        let Estimate { tuning, is_ambiguous } = pitches.estimate();
        assert!(tuning.value().abs() < 1e-300 && tuning.index() == 50 && !is_ambiguous);
    }
}
