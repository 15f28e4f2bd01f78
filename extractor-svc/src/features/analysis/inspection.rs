//! Looking at the stages of an analysis while it runs.
//!
//! The analysis calls an [`Inspection`] at every stage. [`Unobserved`] looks away at no cost,
//! [`Recorder`] keeps every matrix, [`Stopwatch`] the time of every stage.

use ndarray::Array2;

use super::matrices::{Matrices, Stages};
use super::tables::{N_FFT, N_MELS};
use crate::dsp::cqt::OctaveGroup;
use crate::dsp::cqt::octaves::{BINS_PER_OCTAVE, OCTAVES};
use crate::dsp::simd::Lanes;
use crate::dsp::stopwatch::{Laps, Stopwatch};
use crate::features::tuning::Estimate;

/// Hooks at the stages; frames `first..first + count` are in the first lanes.
pub(crate) trait Inspection: Laps {
    /// STFT magnitudes; true values are those times `scale`.
    fn magnitudes(&mut self, _first: usize, _count: usize, _magnitudes: &[Lanes], _scale: &Lanes) {}

    /// Mel power.
    fn mel(&mut self, _first: usize, _count: usize, _mel: &[Lanes]) {}

    /// Mel power in dB, clipped.
    fn log_mel(&mut self, _first: usize, _count: usize, _log_mel: &[Lanes]) {}

    /// Constant-Q magnitudes of a signal that has `frames` of them.
    fn cqt(&mut self, _frames: usize, _group: OctaveGroup<'_>) {}
}

/// Looks away.
#[derive(Debug)]
pub(crate) struct Unobserved;

impl Inspection for Unobserved {}

impl Laps for Unobserved {
    fn lap(&mut self, _stage: &'static str) {}
}

impl Inspection for Stopwatch {}

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

    pub(crate) fn into_stages(self, matrices: Matrices, estimate: Estimate) -> Stages {
        Stages {
            stft_magnitude: self.stft_magnitude,
            mel_power: self.mel_power,
            log_mel: self.log_mel,
            tuning: estimate.tuning.value(),
            is_tuning_ambiguous: estimate.is_ambiguous,
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

impl Laps for Recorder {
    fn lap(&mut self, _stage: &'static str) {}
}

impl Inspection for Recorder {
    fn magnitudes(&mut self, first: usize, count: usize, magnitudes: &[Lanes], scale: &Lanes) {
        let scaled = |value, lane: usize| value * scale[lane];
        copy(&mut self.stft_magnitude, 0, first, count, magnitudes, scaled);
    }

    fn mel(&mut self, first: usize, count: usize, mel: &[Lanes]) {
        copy(&mut self.mel_power, 0, first, count, mel, |value, _| value);
    }

    fn log_mel(&mut self, first: usize, count: usize, log_mel: &[Lanes]) {
        copy(&mut self.log_mel, 0, first, count, log_mel, |value, _| value);
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
