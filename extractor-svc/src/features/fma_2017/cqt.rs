//! The constant-Q transform of librosa 0.5: 84 bins from C1, 12 per octave.
//!
//! One set of twelve filters, made for the highest octave, serves all seven while the signal is halved;
//! their Q is `1 / (2^(1/12) - 1)`, 16.8, where later releases have 17.3.

use std::borrow::Cow;
use std::f64::consts::{SQRT_2, TAU};

use super::facts::Fma2017Error;
use super::spectrum::Spectrum;
use crate::dsp::fft::{Complex64, forward_f64_in_place};
use crate::dsp::resample::Decimation;
use crate::dsp::simd::Level;
use crate::dsp::window::hann;

/// Octaves of the transform.
const OCTAVES: usize = 7;

/// Bins of an octave.
pub(super) const BINS: usize = 12;

/// Hz of C1, the lowest bin: 45 semitones below A440.
fn lowest() -> f64 {
    440.0 * (-45.0_f64 / 12.0).exp2()
}

fn q() -> f64 {
    1.0 / ((1.0 / BINS as f64).exp2() - 1.0)
}

/// Hz of a bin, tuning aside.
fn hertz(bin: usize) -> f64 {
    lowest() * (bin as f64 / BINS as f64).exp2()
}

/// Bandwidth of the Hann window, in bins: librosa's constant.
const BANDWIDTH: f64 = 1.500_183_105_468_75;

/// Hz up to which the highest filter reaches.
fn cutoff() -> f64 {
    hertz(OCTAVES * BINS - 1) * (1.0 + 0.5 * BANDWIDTH / q())
}

/// Share of the Nyquist frequency that the fast resampler passes.
const PASSED: f64 = 0.85;

/// Magnitudes `[84][t]` of `y` at `sample_rate` Hz, with filters at a tuning in
/// semitones.
pub(super) fn cqt(
    y: &[f32],
    sample_rate: f64,
    tuning: f64,
    hop_length: usize,
    level: Level,
    cancel: &dyn Fn() -> bool,
) -> Result<Vec<Vec<f64>>, Fma2017Error> {
    let octaves_over = (PASSED * sample_rate / 2.0 / cutoff()).log2().ceil() as i32;
    let early = (octaves_over - 2).clamp(0, 9 - OCTAVES as i32 + 1) as u32;
    let (mut hop_length, mut rate) = (hop_length, sample_rate);
    let mut y = Cow::Borrowed(y);
    if early > 0 {
        y = Decimation::new(early, 1.0).apply(&y, level).into();
        rate /= f64::from(1_u32 << early);
        hop_length >>= early;
    }
    let correction = (tuning / BINS as f64).exp2();
    let top: Vec<f64> = ((OCTAVES - 1) * BINS..OCTAVES * BINS).map(hertz).collect();
    let (n_fft, filters) = basis(&top, correction, rate);
    let halving = Decimation::new(1, SQRT_2);
    let mut octaves = Vec::new();
    for octave in 0..OCTAVES {
        if octave > 0 {
            y = halving.apply(&y, level).into();
            hop_length /= 2;
        }
        octaves.push(responses(&y, n_fft, hop_length, &filters, cancel)?);
    }
    let frames = octaves.iter().map(|rows| rows[0].len()).min().unwrap_or(0);
    let mut rows: Vec<Vec<f64>> = octaves.into_iter().rev().flatten().collect();
    for (bin, row) in rows.iter_mut().enumerate() {
        row.truncate(frames);
        let root = (q() * rate / (correction * hertz(bin))).sqrt();
        row.iter_mut().for_each(|value| *value /= root);
    }
    Ok(rows)
}

/// The parts of a filter's spectrum that are kept: bin and value.
type Filter = Vec<(usize, Complex64)>;

/// The filters of the highest octave, and the length of their transform.
fn basis(top: &[f64], correction: f64, rate: f64) -> (usize, Vec<Filter>) {
    let lengths = top.iter().map(|hertz| q() * rate / (correction * hertz));
    let longest = lengths.clone().fold(0.0, f64::max);
    let n_fft = (longest.ceil() as usize).next_power_of_two();
    let filter = |(hertz, length): (&f64, f64)| {
        let (taps, whole) = (length.ceil() as usize, length.floor() as usize);
        // The window is a sample shorter than the filter, whose last tap is 0.
        let mut window: Vec<f64> = hann(whole).collect();
        window.resize(taps, 0.0);
        let sum: f64 = window.iter().sum();
        let mut buffer = vec![Complex64::default(); n_fft];
        let first = (n_fft - taps) / 2;
        for (i, weight) in window.iter().enumerate() {
            let angle = TAU * correction * hertz / rate * i as f64;
            buffer[first + i] = Complex64::from_polar(weight / sum * length / n_fft as f64, angle);
        }
        forward_f64_in_place(&mut buffer);
        buffer.truncate(n_fft / 2 + 1);
        sparse(&buffer)
    };
    (n_fft, top.iter().zip(lengths).map(filter).collect())
}

/// Drops the smallest values of a filter, which together make less than a hundredth of its L1 norm.
fn sparse(filter: &[Complex64]) -> Filter {
    let mut sizes: Vec<f64> = filter.iter().map(|value| value.norm()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let total: f64 = sizes.iter().sum();
    let mut sum = 0.0;
    let least = sizes.iter().copied().find(|size| {
        sum += size / total;
        sum >= 0.01
    });
    let kept = filter.iter().copied().enumerate();
    kept.filter(|(_, value)| least.is_none_or(|least| value.norm() >= least)).collect()
}

/// Magnitudes of an octave's filters, `[bin][t]`.
fn responses(
    y: &[f32],
    n_fft: usize,
    hop_length: usize,
    filters: &[Filter],
    cancel: &dyn Fn() -> bool,
) -> Result<Vec<Vec<f64>>, Fma2017Error> {
    let mut spectrum = Spectrum::new(n_fft, hop_length, None);
    let (mut rows, mut pair) = (vec![Vec::new(); filters.len()], Default::default());
    for t in (0..spectrum.frames(y.len())).step_by(2) {
        if cancel() {
            return Err(Fma2017Error::Cancelled);
        }
        let count = spectrum.pair(y, t, &mut pair);
        for values in &pair[..count] {
            for (row, filter) in rows.iter_mut().zip(filters) {
                // librosa 0.5 conjugates its spectra.
                let sum: Complex64 = filter
                    .iter()
                    .map(|(bin, weight)| {
                        let [re, im] = values[*bin].map(f64::from);
                        weight * Complex64::new(re, -im)
                    })
                    .sum();
                row.push(sum.norm());
            }
        }
    }
    Ok(rows)
}
