//! Whether rounding decides a tuning estimate.
//!
//! The estimate is the fullest of 100 counts, so that two counts can be so near that another Fourier
//! transform, resampler or decoder, right to the last bit but one, finds the other. What rounding
//! can change, and what is counted here as able to change all at once:
//! - **a pitch beside the edge of a bin**: rounding of the spectrum moves a pitch by about 2e-6 Hz,
//!   which is less than a step of `f32` at any pitch (1.5e-5 Hz and more), so that it comes out as
//!   it is or as one of its two neighbours in `f32`
//! - **a peak beside the median** of the magnitudes, which must be as high to count; a magnitude is
//!   uncertain by [`MAGNITUDE_NOISE`], and the number of peaks that count is not, so that peaks
//!   change places across the median
//! - **frames of digital silence**: whether they hold zeros, or 1e-9 of full scale that a resampler or
//!   a decoder left, is up to each of them. A frame of noise has 20 times the peaks of a frame of
//!   music, all far below the median, so that a few frames move the median, and with it what counts
//!
//! Left out, because it changes a pitch in several recordings: peaks at exactly a tenth of the frame's
//! largest magnitude, and the logarithm, which numpy gets wrong by one step of `f32` for 1.4 % of the
//! pitches (0.2 pitches in 10,000 change their bin by that).
//!
//! In 143 recordings, noise of 1e-9 of full scale changed librosa's estimate of 8, and of none without
//! frames of silence or of such noise alone.

use super::histogram::{fullest, residual, residual_bin};
use crate::recipe::TuningGrid;

/// Relative uncertainty of a magnitude: some steps of `f32`, of which the transform of a frame
/// adds up a dozen.
const MAGNITUDE_NOISE: f32 = 1e-6;

/// Distance from an edge within which a neighbour in `f32` may be beyond it: a step of a pitch moves the
/// residual by `36 / ln(2) * 2^-23 = 6e-6`, to a multiple of the step of `f32` at 252 bins (1.5e-5).
const NEAR_EDGE: f64 = 4e-5;

/// Magnitude below which a peak is one of rounding noise, relative to the largest magnitude of the
/// recording: noise of 1e-9 of full scale has 7e-8, a recording's loudest note some hundreds.
const NOISE_FLOOR: f32 = 7.5e-9;

/// Peaks that a frame of white noise has for each bin: 98.7 in 358 bins, measured.
const NOISE_PEAKS: f64 = 0.276;

/// The peaks of a recording and the estimate from them.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// The grid of the estimate.
    pub(super) grid: TuningGrid,
    /// Interpolated magnitude of every peak.
    pub(super) magnitudes: &'a [f32],
    /// Frequency of every peak, in Hz.
    pub(super) hertz: &'a [f32],
    /// Least magnitude that counts.
    pub(super) median: f32,
    /// Peaks that count, by bin.
    pub(super) histogram: &'a [u32],
    /// Largest magnitude of all frames.
    pub(super) largest: f32,
    /// Frames whose magnitudes are all 0.
    pub(super) silent_frames: usize,
    /// Bins of a frame in which a pitch may be.
    pub(super) bins: usize,
}

impl Evidence<'_> {
    /// Whether rounding can make another bin the fullest.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.hangs_on_a_step() || self.hangs_on_silence()
    }

    /// Whether peaks beside edges and beside the median can.
    fn hangs_on_a_step(&self) -> bool {
        let grid = self.grid;
        let bin_of = |hz: f32| residual_bin(grid, residual(grid, hz));
        let best = fullest(self.histogram);
        let mut loss = 0;
        let mut gains = vec![0; grid.bins];
        let near = MAGNITUDE_NOISE * self.median;
        let (mut above, mut below) = (vec![0_u32; grid.bins], vec![0_u32; grid.bins]);
        for (&magnitude, &hz) in self.magnitudes.iter().zip(self.hertz) {
            if (magnitude - self.median).abs() <= near {
                let side = if magnitude >= self.median { &mut above } else { &mut below };
                side[usize::from(bin_of(hz))] += 1;
            }
            if magnitude < self.median {
                continue;
            }
            let at = residual(grid, hz);
            if !is_near_edge(grid, at) {
                continue;
            }
            let bin = residual_bin(grid, at);
            let beside = [hz.next_down(), hz.next_up()].map(bin_of);
            for &other in beside.iter().filter(|&&other| other != bin) {
                gains[usize::from(other)] += 1;
            }
            loss += u32::from(usize::from(bin) == best && beside != [bin; 2]);
        }
        // One changes places with another, and what has the same bin changes nothing.
        let [all_above, all_below] = [&above, &below].map(|side| side.iter().sum::<u32>());
        loss += above[best].min(all_below - below[best]);
        for (bin, gain) in gains.iter_mut().enumerate() {
            *gain += below[bin].min(all_above - above[bin]);
        }
        let least = self.histogram[best].saturating_sub(loss);
        (0..grid.bins).filter(|&bin| bin != best).any(|bin| {
            let most = self.histogram[bin] + gains[bin];
            // Of two that are alike, the lower one is taken.
            most > least || (most == least && bin < best)
        })
    }

    /// Whether the estimate is another with noise in the silent frames, or with none in any.
    fn hangs_on_silence(&self) -> bool {
        let floor = NOISE_FLOOR * self.largest;
        let peaks = self.magnitudes.iter().copied().zip(self.hertz.iter().copied());
        let noise = self.magnitudes.iter().filter(|&&magnitude| magnitude < floor).count();
        if noise == 0 && self.silent_frames == 0 {
            return false;
        }
        let mut sound: Vec<(f32, f32)> =
            peaks.filter(|(magnitude, _)| *magnitude >= floor).collect();
        let per_frame = NOISE_PEAKS * self.bins as f64;
        // Where there is noise, there may be as much again.
        let most_noise = 2 * noise + (per_frame * self.silent_frames as f64) as usize;
        let fewest = sound.len().div_ceil(2);
        let most = (sound.len() + most_noise).div_ceil(2);
        if fewest == 0 {
            return noise > 0;
        }

        // The loudest half of the sound counts in any case, then one peak after the other.
        sound.select_nth_unstable_by(fewest - 1, |a, b| b.0.total_cmp(&a.0));
        let (loudest, others) = sound.split_at_mut(fewest);
        others.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let estimate = fullest(self.histogram);
        let bin_of = |hz: f32| usize::from(residual_bin(self.grid, residual(self.grid, hz)));
        let mut counts = vec![0_u32; self.grid.bins];
        loudest.iter().for_each(|&(_, hz)| counts[bin_of(hz)] += 1);
        if fullest(&counts) != estimate {
            return true;
        }
        for &(_, hz) in others.iter().take(most - fewest) {
            let bin = bin_of(hz);
            counts[bin] += 1;
            let lead = counts[estimate];
            if counts[bin] > lead || (counts[bin] == lead && bin < estimate) {
                return true;
            }
        }
        // Beyond the sound it is noise that counts: as much in every bin, but for its deviation, of
        // which twice that of a difference of two is allowed for.
        let each = most.saturating_sub(loudest.len() + others.len()) as f64 / self.grid.bins as f64;
        let second =
            (0..self.grid.bins).filter(|&bin| bin != estimate).map(|bin| counts[bin]).max();
        let ahead = counts[estimate] - second.unwrap_or(0);
        each > 0.0 && f64::from(ahead) <= 2.0 * (2.0 * each).sqrt()
    }
}

fn is_near_edge(grid: TuningGrid, residual: f64) -> bool {
    let position = (residual + 0.5) * grid.bins as f64;
    (position - position.round()).abs() <= NEAR_EDGE * grid.bins as f64
}

#[cfg(test)]
mod tests {
    use super::super::histogram::median;
    use super::*;
    use crate::recipe::LIBROSA_0_11;

    const GRID: TuningGrid = LIBROSA_0_11.tuning;

    /// A pitch so many bins of a third of a semitone above A440.
    fn pitch(bins_above_a: f64) -> f32 {
        (440.0 * 2.0_f64.powf(bins_above_a / 36.0)) as f32
    }

    fn is_ambiguous(peaks: &[(f32, f32)], silent_frames: usize) -> bool {
        let (magnitudes, hertz): (Vec<f32>, Vec<f32>) = peaks.iter().copied().unzip();
        let median = median(&mut magnitudes.clone()).unwrap();
        let mut histogram = [0; GRID.bins];
        for (&magnitude, &hz) in magnitudes.iter().zip(&hertz) {
            histogram[usize::from(residual_bin(GRID, residual(GRID, hz)))] +=
                u32::from(magnitude >= median);
        }
        let (median, histogram) = (median, &histogram);
        let (magnitudes, hertz) = (&magnitudes[..], &hertz[..]);
        let (largest, bins) = (100.0, 358);
        let grid = GRID;
        Evidence { grid, magnitudes, hertz, median, histogram, largest, silent_frames, bins }
            .is_ambiguous()
    }

    /// Loud peaks of one bin, as many quiet ones of another.
    fn two_bins(loud: usize, quiet: usize) -> Vec<(f32, f32)> {
        let loud = (0..loud).map(|i| (10.0 + i as f32, pitch(0.105)));
        loud.chain((0..quiet).map(|i| (1.0 + i as f32 * 1e-3, pitch(0.305)))).collect()
    }

    #[test]
    fn counts_that_are_apart_are_clear() {
        assert!(!is_ambiguous(&two_bins(20, 20), 0));
        // A steady tone: all peaks are beside the median, and all are of one bin.
        assert!(!is_ambiguous(&[(1.0, pitch(0.105)), (1.0_f32.next_up(), pitch(0.105))], 0));
        // Alike, with nothing near an edge: the lower bin on every machine.
        let alike: Vec<_> = (0..20)
            .map(|i| (1.0 + i as f32, pitch(if i % 2 == 0 { 0.105 } else { 0.305 })))
            .chain((0..20).map(|i| (0.1 + i as f32 * 1e-3, pitch(-0.205))))
            .collect();
        assert!(!is_ambiguous(&alike, 0));
    }

    #[test]
    fn a_pitch_at_an_edge_between_two_counts_alike_decides() {
        let edge = (0..2000)
            .map(|i| pitch(0.11 + f64::from(i - 1000) * 1e-6))
            .find(|hz| {
                residual_bin(GRID, residual(GRID, *hz))
                    != residual_bin(GRID, residual(GRID, hz.next_up()))
            })
            .unwrap();
        let mut peaks = two_bins(5, 0);
        peaks.extend((0..5).map(|i| (20.0 + i as f32, pitch(0.115))));
        peaks.extend((0..11).map(|i| (0.1 + i as f32 * 1e-3, pitch(-0.205))));
        peaks.push((15.0, edge));
        assert!(is_ambiguous(&peaks, 0));
        *peaks.last_mut().unwrap() = (15.0, pitch(0.105));
        assert!(!is_ambiguous(&peaks, 0));
    }

    #[test]
    fn peaks_that_change_places_across_the_median_decide() {
        // Three of one bin count and two of the other, whose third is a step below the median.
        let at = |magnitude, above| (magnitude, pitch(above));
        let mut peaks = vec![at(9.0, 0.105), at(8.0, 0.105), at(7.0, 0.305), at(6.0, 0.305)];
        peaks.extend([at(1.0, 0.105), at(1.0_f32.next_down(), 0.305)]);
        peaks.extend([at(0.5, 0.5), at(0.4, 0.5), at(0.3, 0.5)]);
        assert!(is_ambiguous(&peaks, 0));
        peaks[5].0 = 0.9;
        assert!(!is_ambiguous(&peaks, 0));
    }

    #[test]
    fn silence_decides_where_quiet_peaks_are_of_another_bin() {
        // The quiet half has more of its bin: it wins once noise draws the median down.
        let peaks = two_bins(100, 130);
        assert!(!is_ambiguous(&peaks, 0));
        assert!(is_ambiguous(&peaks, 3));
        assert!(!is_ambiguous(&two_bins(100, 90), 1));
        // So much noise hides any lead.
        assert!(is_ambiguous(&two_bins(100, 90), 200));
        // A recording without a pitch but those of its noise.
        assert!(is_ambiguous(&[(1e-8, 500.0), (2e-8, 800.0)], 0));
    }
}
