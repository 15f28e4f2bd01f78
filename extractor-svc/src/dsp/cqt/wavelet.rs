//! Constant-Q filters of one octave, in the frequency domain: `librosa.filters.wavelet` followed
//! by the transform, length scaling and sparsification of `librosa.vqt`.
//!
//! librosa's filters have an odd number of samples and stand, but for a constant phase, mirrored
//! about the middle of their frame, so that with time 0 there their spectra are real. Here filters
//! are turned to that, and lose the phase, which no magnitude shows; the frames they are applied to
//! are to be turned the other way, by [`WaveletBasis::turns`]. A real filter takes half the work.

use std::f64::consts::PI;
use std::ops::Range;

use crate::dsp::fft::radix4::RealFft;
use crate::dsp::fft::{Complex64, forward_f64_in_place};
use crate::dsp::window::hann;

/// Share of a filter's summed magnitude whose smallest bins are dropped.
const SPARSITY: f64 = 0.01;

/// Largest imaginary part, as a share of a filter's largest value, that is rounding.
const ROUNDING: f64 = 1e-9;

/// The non-zero values of a filter's spectrum, and the few zeros among them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    /// First bin, counted from the basis' first.
    pub(crate) first: usize,
    /// Real parts, bin by bin.
    pub(crate) re: Vec<f32>,
    /// Imaginary parts; none where all are zero.
    pub(crate) im: Vec<f32>,
}

/// The filters of one octave, lowest first.
#[derive(Clone, Debug)]
pub(crate) struct WaveletBasis {
    /// Transform of the frames that the filters apply to.
    pub(crate) transform: RealFft,
    /// Bins that any filter uses.
    pub(crate) bins: Range<usize>,
    /// The filters, as long as their non-zero values reach.
    pub(crate) filters: Vec<Filter>,
    /// What each of `bins` of a frame is to be multiplied by, real and imaginary part.
    pub(crate) turns: Vec<[f32; 2]>,
}

/// Frame length for filters of which the longest has `longest` samples.
pub(crate) fn frame_length(longest: f64) -> usize {
    1 << (longest.log2().ceil().max(1.0) as u32)
}

impl WaveletBasis {
    /// Filters for `frequencies`, relative to the sample rate, ascending; `q` cycles long each.
    /// Every filter is multiplied by its `gain`.
    pub(crate) fn new(frequencies: &[f64], q: f64, gain: impl Fn(usize) -> f64) -> Self {
        let longest = frequencies.iter().map(|frequency| q / frequency).fold(0.0, f64::max);
        let n_fft = frame_length(longest);
        let mut spectrum = Vec::with_capacity(n_fft);
        let mut filters: Vec<Filter> = Vec::with_capacity(frequencies.len());
        for (index, &frequency) in frequencies.iter().enumerate() {
            let length = q / frequency;
            wavelet(frequency, length, n_fft, &mut spectrum);
            forward_f64_in_place(&mut spectrum);
            set_upright(&mut spectrum);
            let gain = gain(index) * length / n_fft as f64;
            filters.push(sparsify(&spectrum[..=n_fft / 2], gain));
        }
        let start = filters.iter().map(|filter| filter.first).min().unwrap_or(0);
        let end = filters.iter().map(|filter| filter.first + filter.re.len()).max().unwrap_or(0);
        filters.iter_mut().for_each(|filter| filter.first -= start);
        let turns = (start..end).map(|bin| turn_back(bin, n_fft - 1, n_fft)).collect();
        Self { transform: RealFft::new(n_fft), bins: start..end, filters, turns }
    }
}

/// What takes time 0 of a bin of `n_fft` to `halves` half samples before where it is.
pub(crate) fn turn_back(bin: usize, halves: usize, n_fft: usize) -> [f32; 2] {
    let turn = turn(bin, halves, n_fft);
    [turn.re as f32, -turn.im as f32]
}

/// What takes time 0 of a bin of `n_fft` to `halves` half samples after where it is.
fn turn(bin: usize, halves: usize, n_fft: usize) -> Complex64 {
    // From exact integers.
    Complex64::from_polar(1.0, PI * ((bin * halves) % (2 * n_fft)) as f64 / n_fft as f64)
}

/// Turns a filter's spectrum, and drops its phase.
fn set_upright(spectrum: &mut [Complex64]) {
    let n_fft = spectrum.len();
    for (bin, value) in spectrum.iter_mut().enumerate() {
        *value *= turn(bin, n_fft - 1, n_fft);
    }
    let largest = spectrum.iter().copied().max_by(|a, b| a.norm().total_cmp(&b.norm()));
    let Some(largest) = largest.filter(|largest| largest.norm() > 0.0) else { return };
    let phase = largest.conj() / largest.norm();
    spectrum.iter_mut().for_each(|value| *value *= phase);
    if spectrum.iter().all(|value| value.im.abs() <= ROUNDING * largest.norm()) {
        spectrum.iter_mut().for_each(|value| value.im = 0.0);
    }
}

/// A complex sinusoid under a Hann window, unit sum of magnitudes, in the middle of `n_fft` zeros.
fn wavelet(frequency: f64, length: f64, n_fft: usize, into: &mut Vec<Complex64>) {
    let first = (-length / 2.0).floor();
    let count = ((length / 2.0).floor() - first) as usize;
    let total: f64 = hann(count).sum();
    let padding = (n_fft - count.min(n_fft)) / 2;
    into.clear();
    into.resize(padding, Complex64::default());
    into.extend(hann(count).enumerate().map(|(i, window)| {
        let angle = 2.0 * PI * frequency * (first + i as f64);
        Complex64::from_polar(window / total, angle)
    }));
    into.resize(n_fft, Complex64::default());
}

/// `librosa.util.sparsify_rows` for one row.
fn sparsify(row: &[Complex64], gain: f64) -> Filter {
    let magnitudes: Vec<f64> = row.iter().map(|value| value.norm()).collect();
    let total: f64 = magnitudes.iter().sum();
    let mut sorted = magnitudes.clone();
    sorted.sort_by(f64::total_cmp);
    let mut share = 0.0;
    let least = sorted.iter().copied().find(|magnitude| {
        share += magnitude / total;
        share >= SPARSITY
    });
    let least = least.unwrap_or(0.0);
    let is_kept = |bin: usize| magnitudes[bin] >= least;
    let first = (0..row.len()).find(|&bin| is_kept(bin)).unwrap_or(0);
    let last = (0..row.len()).rfind(|&bin| is_kept(bin)).unwrap_or(0);
    let values = |part: fn(&Complex64) -> f64| -> Vec<f32> {
        let value = |bin| if is_kept(bin) { (part(&row[bin]) * gain) as f32 } else { 0.0 };
        (first..=last).map(value).collect()
    };
    let mut im = values(|value| value.im);
    if im.iter().all(|value| value.abs() <= 0.0) {
        im.clear();
    }
    Filter { first, re: values(|value| value.re), im }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_real_whatever_the_tuning() {
        let quality = 51.4;
        for tuning in -50..50 {
            let lowest = 0.0949 * 2.0_f64.powf(f64::from(tuning) / 3600.0);
            let frequencies: Vec<f64> =
                (0..36).map(|bin| lowest * 2.0_f64.powf(f64::from(bin) / 36.0)).collect();
            let basis = WaveletBasis::new(&frequencies, quality, |_| 1.0);
            assert!(basis.filters.iter().all(|filter| filter.im.is_empty()), "{tuning}");
        }
    }

    #[test]
    fn a_filter_of_even_length_keeps_its_imaginary_part() {
        // 64 samples: mirrored about one of them, not about the middle of the frame.
        let basis = WaveletBasis::new(&[0.25], 16.0, |_| 1.0);
        assert_eq!(basis.filters[0].im.len(), basis.filters[0].re.len());
    }
}
