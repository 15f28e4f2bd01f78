//! `librosa.feature.spectral_bandwidth(y=y, sr=sr)`, `[1, t]`, Hz: root of the mean squared distance from
//! the spectral centroid c, weighted by magnitude, `sqrt(Σ S(f) (f - c)² / Σ S(f))`, normalised as the
//! centroid is.
//!
//! Klapuri and Davy (eds.), "Signal Processing Methods for Music Transcription", chapter 5 (2007).

use super::feature::{Feature, Frames, Matrix};
use crate::dsp::observer::Observer;

/// One value per frame, in Hz.
#[derive(Debug, Default)]
pub(super) struct SpectralBandwidth {
    hertz: Vec<f64>,
}

impl Feature for SpectralBandwidth {
    fn add(&mut self, frames: &Frames<'_>, observer: &mut dyn Observer) {
        let second = frames.moments.second(&frames.centroid, frames.level);
        let variance = second.iter().zip(&frames.weights).map(|(second, weight)| second * weight);
        let hertz = variance.map(|variance| variance.sqrt() * frames.bin_hz);
        self.hertz.extend(hertz.take(frames.count));
        observer.lap("bandwidth");
    }

    fn bytes(&self) -> usize {
        size_of_val(self.hertz.as_slice())
    }

    fn finish(self: Box<Self>, _observer: &mut dyn Observer) -> Matrix {
        Matrix::row(self.hertz)
    }
}
