//! Mel-frequency cepstral coefficients in double precision, of power spectra at the signal's own rate.

use std::f64::consts::PI;

use super::contrast::{clip, decibels};
use crate::dsp::mel::double_filters;
use crate::dsp::simd::Level;
use crate::dsp::sums::{add, dot};

/// Bands of the mel spectrogram.
const MELS: usize = 128;

/// The mel spectrogram in decibels.
#[derive(Debug)]
pub(super) struct Cepstrum {
    /// First bin and weights of each band.
    filters: Vec<(usize, Vec<f64>)>,
    rows: Vec<Vec<f64>>,
    level: Level,
}

impl Cepstrum {
    /// For spectra of `n_fft` samples at `sample_rate` Hz.
    pub(super) fn new(sample_rate: f64, n_fft: usize, level: Level) -> Self {
        let filters = double_filters(sample_rate, n_fft, MELS);
        let rows = vec![Vec::new(); filters.len()];
        Self { filters, rows, level }
    }

    /// Takes the power of one frame.
    pub(super) fn add(&mut self, power: &[f32]) {
        for ((first, weights), row) in self.filters.iter().zip(&mut self.rows) {
            row.push(decibels(dot(weights, &power[*first..], self.level)));
        }
    }

    /// The first `count` coefficients, `[count][t]`.
    pub(super) fn finish(mut self, count: usize) -> Vec<Vec<f64>> {
        clip(&mut self.rows);
        let frames = self.rows.first().map_or(0, Vec::len);
        let coefficient = |at: usize| {
            let norm = if at == 0 { 1.0 } else { 2.0 } / MELS as f64;
            let mut row = vec![0.0; frames];
            for (band, values) in self.rows.iter().enumerate() {
                let angle = PI * at as f64 * (2 * band + 1) as f64 / (2 * MELS) as f64;
                let weight = norm.sqrt() * angle.cos();
                add(weight, values, &mut row);
            }
            row
        };
        (0..count).map(coefficient).collect()
    }
}
