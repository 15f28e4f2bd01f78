//! `librosa.estimate_tuning(y, bins_per_octave=36)`: how far the pitches of a signal lie from the
//! equally tempered grid of A440.
//!
//! Pitches are the peaks of the magnitude spectrum between 150 and 4000 Hz, at least a tenth as
//! high as the frame's largest bin, with parabolic interpolation (`librosa.piptrack`). The estimate
//! is the fullest of 100 histogram bins, so it jumps: all arithmetic is therefore in the precision
//! that librosa uses.

use crate::simd::{LANES, Lanes};
use crate::spectrum::octaves::BINS_PER_OCTAVE;

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
    /// Histogram bin of every peak.
    residuals: Vec<u8>,
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
        let end = range.last().map_or(first + 1, |bin| bin + 1);
        Self { bin_hz, bins: [first, end], magnitudes: Vec::new(), residuals: Vec::new() }
    }

    /// Adds the peaks of `count` frames with the given magnitudes, `[bin][lane]`. True magnitudes
    /// are those times `scale`.
    pub(crate) fn add(
        &mut self,
        magnitudes: &[Lanes],
        largest: &Lanes,
        scale: &Lanes,
        count: usize,
    ) {
        let least = largest.map(|largest| THRESHOLD * largest);
        let [first, end] = self.bins;
        for (index, around) in magnitudes[first - 1..=end].windows(3).enumerate() {
            let (left, here, right) = (&around[0], &around[1], &around[2]);
            let peak = |lane: usize| {
                (here[lane] > left[lane]) & (here[lane] >= right[lane]) & (here[lane] > least[lane])
            };
            let any: u32 = (0..LANES).map(|lane| u32::from(peak(lane))).sum();
            if any == 0 {
                continue;
            }
            for lane in (0..count).filter(|&lane| peak(lane)) {
                let (left, here, right) = (left[lane], here[lane], right[lane]);
                let shift = parabolic_shift(left, here, right);
                let skew = 0.5 * ((right - left) / 2.0) * shift;
                self.magnitudes.push((here + skew) * scale[lane]);
                let hz = (((first + index) as f64 + f64::from(shift)) * self.bin_hz) as f32;
                self.residuals.push(residual_bin(hz));
            }
        }
    }

    /// The estimate: 0 without any peak.
    pub(crate) fn tuning(mut self) -> Tuning {
        let Some(median) = median(&mut self.magnitudes.clone()) else {
            return Tuning(TUNINGS as u8 / 2);
        };
        let mut histogram = [0_u32; TUNINGS];
        for (magnitude, residual) in self.magnitudes.drain(..).zip(self.residuals.drain(..)) {
            if magnitude >= median {
                histogram[usize::from(residual)] += 1;
            }
        }
        let fullest = histogram.iter().copied().max().unwrap_or(0);
        let index = histogram.iter().position(|&count| count == fullest).unwrap_or(0);
        Tuning(index as u8)
    }
}

/// `librosa.core.pitch._parabolic_interpolation` at one bin.
fn parabolic_shift(left: f32, here: f32, right: f32) -> f32 {
    let a = right + left - 2.0 * here;
    let b = (right - left) / 2.0;
    if b.abs() >= a.abs() { 0.0 } else { -b / a }
}

/// Histogram bin of a pitch's distance from the grid.
fn residual_bin(hz: f32) -> u8 {
    // librosa.hz_to_octs: octaves above 27.5 Hz.
    let octaves = f64::from(hz / 27.5).log2() as f32;
    let bins = BINS_PER_OCTAVE as f32 * octaves;
    let residual = bins.rem_euclid(1.0);
    let residual = f64::from(if residual >= 0.5 { residual - 1.0 } else { residual });
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
            assert_eq!(residual_bin(hz as f32), expected, "{bins_above_a}");
        }
    }

    #[test]
    fn no_pitch_is_tuning_zero() {
        let pitches = Pitches::new(22050.0 / 2048.0, 1025);
        assert_eq!(pitches.bins, [14, 372]);
        let tuning = pitches.tuning();
        assert!(tuning.value().abs() < 1e-300 && tuning.index() == 50);
    }
}
