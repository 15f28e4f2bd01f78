//! Pitch classes: folded from constant-Q bins, weighted from a spectrum, smoothed, and as centroids of
//! tones.

use std::f64::consts::PI;

use super::cqt::BINS;
use crate::dsp::sums::add;
use crate::dsp::window::hann;

/// How a column is brought to size.
#[derive(Clone, Copy, Debug)]
pub(super) enum Norm {
    /// By the sum of its magnitudes.
    One,
    /// By the root of the sum of their squares.
    Two,
    /// By the largest.
    Largest,
}

/// Divides every column of `rows` by its norm; columns of zeros stay.
pub(super) fn normalise(rows: &mut [Vec<f64>], norm: Norm) {
    for t in 0..rows.first().map_or(0, Vec::len) {
        let values = rows.iter().map(|row| row[t].abs());
        let size = match norm {
            Norm::One => values.sum(),
            Norm::Two => values.map(|value| value * value).sum::<f64>().sqrt(),
            Norm::Largest => values.fold(0.0, f64::max),
        };
        if size >= f64::MIN_POSITIVE {
            rows.iter_mut().for_each(|row| row[t] /= size);
        }
    }
}

/// Constant-Q bins of all octaves folded onto twelve pitch classes, C first.
pub(super) fn fold(cqt: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let frames = cqt.first().map_or(0, Vec::len);
    let mut rows = vec![vec![0.0; frames]; BINS];
    for (bin, values) in cqt.iter().enumerate() {
        rows[bin % BINS].iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    rows
}

/// Length of the window that smooths CENS, in frames: 41 and two.
const SMOOTHING: usize = 43;

/// CENS of folded bins: each column by its L1 norm, in five steps, smoothed over time, by its L2 norm.
/// The window is periodic, which makes it asymmetric; later releases have a symmetric one.
pub(super) fn cens(folded: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut rows = folded.to_vec();
    normalise(&mut rows, Norm::One);
    let window: Vec<f64> = hann(SMOOTHING).collect();
    let sum: f64 = window.iter().sum();
    let smoothed = |row: &Vec<f64>| -> Vec<f64> {
        let step = |&value: &f64| [0.4, 0.2, 0.1, 0.05].iter().filter(|&&at| value > at).count();
        let steps: Vec<f64> = row.iter().map(|value| 0.25 * step(value) as f64).collect();
        let around = |t: usize| {
            let within = |(i, weight): (usize, &f64)| {
                let at = (t + SMOOTHING / 2).checked_sub(i)?;
                Some(weight / sum * steps.get(at)?)
            };
            window.iter().enumerate().filter_map(within).sum()
        };
        (0..steps.len()).map(around).collect()
    };
    let mut rows: Vec<Vec<f64>> = rows.iter().map(smoothed).collect();
    normalise(&mut rows, Norm::Two);
    rows
}

/// Tonal centroids of pitch classes: the circles of fifths, minor thirds and major thirds.
pub(super) fn tonnetz(chroma: &[Vec<f64>]) -> Vec<Vec<f64>> {
    const CIRCLES: [(f64, f64); 3] = [(7.0 / 6.0, 1.0), (1.5, 1.0), (2.0 / 3.0, 0.5)];
    let mut chroma = chroma.to_vec();
    normalise(&mut chroma, Norm::One);
    let frames = chroma.first().map_or(0, Vec::len);
    let mut rows = Vec::new();
    for (turns, radius) in CIRCLES {
        for shift in [0.5, 0.0] {
            let mut row = vec![0.0; frames];
            for (class, values) in chroma.iter().enumerate() {
                let angle = PI * (turns * class as f64 - shift);
                let weight = radius * angle.cos();
                add(weight, values, &mut row);
            }
            rows.push(row);
        }
    }
    rows
}

/// Weights of the bins of a spectrum, taken to be at `sample_rate` Hz, for each pitch class:
/// `librosa.filters.chroma` with its defaults, at a tuning in semitones.
pub(super) fn weights(sample_rate: f64, n_fft: usize, tuning: f64) -> Vec<Vec<f64>> {
    let a0 = 440.0 * (tuning / BINS as f64).exp2() / 16.0;
    let semitone = |bin: usize| {
        let hertz = bin as f64 * sample_rate / n_fft as f64;
        BINS as f64 * (hertz / a0).log2()
    };
    // The bin of 0 Hz lies an octave and a half below the first.
    let mut places: Vec<f64> = (1..n_fft).map(semitone).collect();
    places.insert(0, places[0] - 1.5 * BINS as f64);
    let mut rows = vec![Vec::new(); BINS];
    for (bin, place) in places.iter().enumerate().take(n_fft / 2 + 1) {
        let width = (places[bin + 1] - place).max(1.0);
        let bump = |class: usize| {
            let half = BINS as f64 / 2.0;
            let apart = (place - class as f64 + half).rem_euclid(BINS as f64) - half;
            (-0.5 * (2.0 * apart / width).powi(2)).exp()
        };
        let size = (0..BINS).map(|class| bump(class).powi(2)).sum::<f64>().sqrt();
        let octave = (-0.5 * ((place / BINS as f64 - 5.0) / 2.0).powi(2)).exp();
        for (class, row) in rows.iter_mut().enumerate() {
            // Places count from A; the classes from C.
            row.push(bump((class + 3) % BINS) / size * octave);
        }
    }
    rows
}
