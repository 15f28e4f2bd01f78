//! What a feature is: an object that takes the frames of a signal, sixteen at a time, and yields a
//! matrix once the signal is whole.

use std::fmt;

use ndarray::Array2;

use crate::dsp::moments::Moments;
use crate::dsp::observer::Observer;
use crate::dsp::simd::{LANES, Lanes, Level};
use crate::recipe::Statistic;

/// A feature that is computed while the signal comes.
pub(super) trait Feature: fmt::Debug + Send {
    /// Takes the next frames. They come in order, [`LANES`] at a time but for the last.
    fn add(&mut self, frames: &Frames<'_>, observer: &mut dyn Observer);

    /// Bytes that grow with the signal.
    fn bytes(&self) -> usize;

    /// The matrix `[d, t]`, once all frames are in.
    fn finish(self: Box<Self>, observer: &mut dyn Observer) -> Matrix;
}

/// A group of frames and their spectra, one frame per lane.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    /// The signal, which may be still growing. All samples of these frames are there.
    pub(super) y: &'a [f32],
    /// Samples from frame to frame.
    pub(super) hop_length: usize,
    /// First frame.
    pub(super) first: usize,
    /// Number of frames, in the first lanes.
    pub(super) count: usize,
    /// Power spectra, `[1 + n_fft/2][lane]`. True values are these times the square of `scale`.
    pub(super) power: &'a [Lanes],
    /// Magnitudes and their moments. True magnitudes are those times `scale`.
    pub(super) moments: &'a Moments,
    /// By lane.
    pub(super) scale: &'a Lanes,
    /// What the magnitudes of a lane are divided by to sum to 1, inverted.
    pub(super) weights: [f64; LANES],
    /// Mean frequency by lane, weighted by magnitude, in bins.
    pub(super) centroid: [f64; LANES],
    /// Width of a bin, in Hz.
    pub(super) bin_hz: f64,
    /// Instruction set.
    pub(super) level: Level,
}

/// A matrix `[d, t]` in librosa's precision.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Matrix {
    Single(Array2<f32>),
    Double(Array2<f64>),
}

impl Matrix {
    /// One row.
    pub(super) fn row(values: Vec<f64>) -> Self {
        Self::Double(ndarray::Array1::from(values).insert_axis(ndarray::Axis(0)))
    }

    /// Appends the statistics of its rows.
    pub(super) fn append_statistics(&self, statistics: &[Statistic], values: &mut Vec<f64>) {
        match self {
            Self::Single(matrix) => super::statistics::append(matrix, statistics, values),
            Self::Double(matrix) => super::statistics::append(matrix, statistics, values),
        }
    }

    /// In double precision, which changes no value.
    pub(super) fn widened(&self) -> Array2<f64> {
        match self {
            Self::Single(matrix) => matrix.mapv(f64::from),
            Self::Double(matrix) => matrix.clone(),
        }
    }
}
