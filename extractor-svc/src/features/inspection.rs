//! Looking at the stages of an analysis while it runs.
//!
//! The analysis calls an [`Inspection`] at every stage. [`Unobserved`] looks away at no cost;
//! [`Recorder`] keeps every matrix.

use ndarray::Array2;

use super::tables::{N_FFT, N_MELS};
use super::{Matrices, Stages};
use crate::simd::Lanes;
use crate::spectrum::cqt::OctaveGroup;
use crate::spectrum::octaves::{BINS_PER_OCTAVE, OCTAVES};

/// Hooks at the stages; frames `first..first + count` are in the first lanes.
pub(crate) trait Inspection {
    /// STFT magnitudes; true values are those times `scale`.
    fn magnitudes(&mut self, first: usize, count: usize, magnitudes: &[Lanes], scale: &Lanes);

    /// Mel power.
    fn mel(&mut self, first: usize, count: usize, mel: &[Lanes]);

    /// Mel power in dB, to be raised to `floor`.
    fn log_mel(&mut self, first: usize, count: usize, log_mel: &[Lanes], floor: f32);

    /// Constant-Q magnitudes of a signal that has `frames` of them.
    fn cqt(&mut self, frames: usize, group: OctaveGroup<'_>);
}

/// Looks away.
#[derive(Debug)]
pub(crate) struct Unobserved;

impl Inspection for Unobserved {
    fn magnitudes(&mut self, _: usize, _: usize, _: &[Lanes], _: &Lanes) {}

    fn mel(&mut self, _: usize, _: usize, _: &[Lanes]) {}

    fn log_mel(&mut self, _: usize, _: usize, _: &[Lanes], _: f32) {}

    fn cqt(&mut self, _: usize, _: OctaveGroup<'_>) {}
}

/// Keeps everything.
#[derive(Debug)]
pub(crate) struct Recorder {
    stft_magnitude: Array2<f32>,
    mel_power: Array2<f32>,
    log_mel: Array2<f32>,
    cqt_magnitude: Array2<f32>,
}

impl Recorder {
    pub(crate) fn new(frames: usize) -> Self {
        Self {
            stft_magnitude: Array2::zeros((N_FFT / 2 + 1, frames)),
            mel_power: Array2::zeros((N_MELS, frames)),
            log_mel: Array2::zeros((N_MELS, frames)),
            cqt_magnitude: Array2::zeros((0, 0)),
        }
    }

    pub(crate) fn into_stages(self, matrices: Matrices, tuning: f64) -> Stages {
        Stages {
            stft_magnitude: self.stft_magnitude,
            mel_power: self.mel_power,
            log_mel: self.log_mel,
            tuning,
            cqt_magnitude: self.cqt_magnitude,
            matrices,
        }
    }
}

/// Copies `[d][lane]` to the columns `first..first + count` of `into`, from row `row` on.
fn copy(
    into: &mut Array2<f32>,
    row: usize,
    first: usize,
    count: usize,
    from: &[Lanes],
    value: impl Fn(f32, usize) -> f32,
) {
    for (d, lanes) in from.iter().enumerate() {
        for lane in 0..count {
            into[(row + d, first + lane)] = value(lanes[lane], lane);
        }
    }
}

impl Inspection for Recorder {
    fn magnitudes(&mut self, first: usize, count: usize, magnitudes: &[Lanes], scale: &Lanes) {
        let scaled = |value, lane: usize| value * scale[lane];
        copy(&mut self.stft_magnitude, 0, first, count, magnitudes, scaled);
    }

    fn mel(&mut self, first: usize, count: usize, mel: &[Lanes]) {
        copy(&mut self.mel_power, 0, first, count, mel, |value, _| value);
    }

    fn log_mel(&mut self, first: usize, count: usize, log_mel: &[Lanes], floor: f32) {
        copy(&mut self.log_mel, 0, first, count, log_mel, |value, _| value.max(floor));
    }

    fn cqt(&mut self, frames: usize, group: OctaveGroup<'_>) {
        if self.cqt_magnitude.ncols() != frames {
            self.cqt_magnitude = Array2::zeros((OCTAVES * BINS_PER_OCTAVE, frames));
        }
        let row = (OCTAVES - 1 - group.octave) * BINS_PER_OCTAVE;
        let OctaveGroup { first, count, magnitudes, .. } = group;
        copy(&mut self.cqt_magnitude, row, first, count, magnitudes, |value, _| value);
    }
}
