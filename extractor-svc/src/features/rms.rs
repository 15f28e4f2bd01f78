//! `librosa.feature.rms(y=y)`, `[1, t]`: root-mean-square energy of centred frames of samples,
//! `sqrt(mean(y²))`, n_fft 2048, zeros beyond the signal's ends. In units of full scale.

use ndarray::{Array1, Axis};

use super::feature::{Feature, Frames, Matrix};
use crate::dsp::frame::{Energy, frame};
use crate::dsp::observer::Observer;

/// One value per frame.
#[derive(Debug)]
pub(super) struct Rms {
    n_fft: usize,
    values: Vec<f32>,
    /// Work space for frames that reach past an end.
    edge: Vec<f32>,
}

impl Rms {
    /// For frames of `n_fft` samples.
    pub(super) fn new(n_fft: usize) -> Self {
        Self { n_fft, values: Vec::new(), edge: Vec::new() }
    }
}

impl Feature for Rms {
    fn add(&mut self, frames: &Frames<'_>, observer: &mut dyn Observer) {
        for t in frames.first..frames.first + frames.count {
            let frame = frame(frames.y, t, frames.hop_length, self.n_fft, &mut self.edge);
            let energy = frames.level.run(Energy(frame));
            self.values.push((energy / frame.len() as f32).sqrt());
        }
        observer.lap("rms");
    }

    fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }

    fn finish(self: Box<Self>, _observer: &mut dyn Observer) -> Matrix {
        Matrix::Single(Array1::from(self.values).insert_axis(Axis(0)))
    }
}
