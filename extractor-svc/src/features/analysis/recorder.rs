//! Keeps every matrix that an analysis goes through.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::matrices::{Matrices, Stages};
use crate::dsp::observer::{Intermediate, Observer, Seen};
use crate::features::tuning::Estimate;

/// The rows of each matrix.
#[derive(Debug, Default)]
pub(super) struct Recorder(BTreeMap<Intermediate, Vec<Vec<f32>>>);

impl Recorder {
    pub(super) fn into_stages(
        mut self,
        y: Vec<f32>,
        matrices: Matrices,
        estimate: Estimate,
    ) -> Stages {
        let mut matrix = |which| {
            let rows = self.0.remove(&which).unwrap_or_default();
            let frames = rows.iter().map(Vec::len).min().unwrap_or(0);
            Array2::from_shape_fn((rows.len(), frames), |(d, t)| rows[d][t])
        };
        Stages {
            y,
            stft_magnitude: matrix(Intermediate::StftMagnitude),
            mel_power: matrix(Intermediate::MelPower),
            log_mel: matrix(Intermediate::LogMel),
            tuning: estimate.tuning.value(),
            is_tuning_ambiguous: estimate.is_ambiguous,
            cqt_magnitude: matrix(Intermediate::CqtMagnitude),
            matrices,
        }
    }
}

impl Observer for Recorder {
    fn see(&mut self, Seen { matrix, row, count, values, scale }: Seen<'_>) {
        let rows = self.0.entry(matrix).or_default();
        if rows.len() < row + values.len() {
            rows.resize(row + values.len(), Vec::new());
        }
        for (row, lanes) in rows[row..].iter_mut().zip(values) {
            let scaled = |(lane, &value): (usize, &f32)| scale.map_or(value, |by| value * by[lane]);
            row.extend(lanes[..count].iter().enumerate().map(scaled));
        }
    }
}
