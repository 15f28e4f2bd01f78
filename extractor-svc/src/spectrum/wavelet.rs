//! Constant-Q filters of one octave, in the frequency domain: `librosa.filters.wavelet` followed
//! by the transform, length scaling and sparsification of `librosa.vqt`.

use std::f64::consts::PI;
use std::ops::Range;

use super::window::hann;
use crate::fft::{Complex64, forward_f64_in_place};

/// Share of a filter's summed magnitude whose smallest bins are dropped.
const SPARSITY: f64 = 0.01;

/// One non-zero value of a filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tap {
    /// Bin, counted from the basis' first.
    pub(crate) bin: usize,
    /// Real part.
    pub(crate) re: f32,
    /// Imaginary part.
    pub(crate) im: f32,
}

/// The filters of one octave, lowest first.
#[derive(Clone, Debug)]
pub(crate) struct WaveletBasis {
    /// Length of the frames that the filters apply to.
    pub(crate) n_fft: usize,
    /// Bins that any filter uses.
    pub(crate) bins: Range<usize>,
    /// The taps of each filter.
    pub(crate) filters: Vec<Vec<Tap>>,
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
        let mut filters: Vec<Vec<Tap>> = Vec::with_capacity(frequencies.len());
        for (index, &frequency) in frequencies.iter().enumerate() {
            let length = q / frequency;
            wavelet(frequency, length, n_fft, &mut spectrum);
            forward_f64_in_place(&mut spectrum);
            let gain = gain(index) * length / n_fft as f64;
            filters.push(sparsify(&spectrum[..=n_fft / 2], gain));
        }
        let used = || filters.iter().flatten().map(|tap| tap.bin);
        let bins = used().min().unwrap_or(0)..used().max().map_or(0, |bin| bin + 1);
        filters.iter_mut().flatten().for_each(|tap| tap.bin -= bins.start);
        Self { n_fft, bins, filters }
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
fn sparsify(row: &[Complex64], gain: f64) -> Vec<Tap> {
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
    let kept = row.iter().enumerate().filter(|(bin, _)| magnitudes[*bin] >= least);
    kept.map(|(bin, value)| {
        let value = value * gain;
        Tap { bin, re: value.re as f32, im: value.im as f32 }
    })
    .collect()
}
