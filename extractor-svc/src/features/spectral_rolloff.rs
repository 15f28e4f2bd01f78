//! `librosa.feature.spectral_rolloff(y=y, sr=sr, roll_percent=0.85)`, `[1, t]`, Hz: centre of the first bin
//! at which the running sum of the magnitudes reaches its share of their total, summed in `f32` as numpy
//! does. 0 for silence.

use super::feature::{Feature, Frames, Matrix};
use crate::dsp::observer::Observer;

/// One value per frame, in Hz.
#[derive(Debug)]
pub(super) struct SpectralRolloff {
    /// Share of the summed magnitude, 0 to 1.
    roll_percent: f32,
    hertz: Vec<f64>,
}

impl SpectralRolloff {
    /// `roll_percent` is the share of the summed magnitude, 0 to 1.
    pub(super) fn new(roll_percent: f32) -> Self {
        Self { roll_percent, hertz: Vec::new() }
    }
}

impl Feature for SpectralRolloff {
    fn add(&mut self, frames: &Frames<'_>, observer: &mut dyn Observer) {
        let bins = frames.moments.bin_reaching(self.roll_percent, frames.level);
        let hertz = bins.iter().map(|&bin| f64::from(bin) * frames.bin_hz);
        self.hertz.extend(hertz.take(frames.count));
        observer.lap("rolloff");
    }

    fn bytes(&self) -> usize {
        size_of_val(self.hertz.as_slice())
    }

    fn finish(self: Box<Self>, _observer: &mut dyn Observer) -> Matrix {
        Matrix::row(self.hertz)
    }
}
