//! `librosa.feature.spectral_centroid(y=y, sr=sr)`, `[1, t]`, Hz: mean frequency of a frame, weighted by
//! magnitude, `Σ f S(f) / Σ S(f)`, from the centred STFT (n_fft 2048, zeros beyond the ends).
//!
//! Frames whose magnitudes sum to less than the least normal `f32` are not normalised, as in librosa.
//!
//! Klapuri and Davy (eds.), "Signal Processing Methods for Music Transcription", chapter 5 (2007).

use super::feature::{Feature, Frames, Matrix};
use crate::dsp::observer::Observer;

/// One value per frame, in Hz.
#[derive(Debug, Default)]
pub(super) struct SpectralCentroid {
    hertz: Vec<f64>,
}

impl Feature for SpectralCentroid {
    fn add(&mut self, frames: &Frames<'_>, observer: &mut dyn Observer) {
        let hertz = frames.centroid.iter().map(|centroid| centroid * frames.bin_hz);
        self.hertz.extend(hertz.take(frames.count));
        observer.lap("centroid");
    }

    fn bytes(&self) -> usize {
        size_of_val(self.hertz.as_slice())
    }

    fn finish(self: Box<Self>, _observer: &mut dyn Observer) -> Matrix {
        Matrix::row(self.hertz)
    }
}
