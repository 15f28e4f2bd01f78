//! Short-time Fourier transform of librosa 0.5: frames of the signal reflected at its ends, in double
//! precision, rounded to single precision at the end.
//!
//! Contrast and cepstrum hang on the quietest bins of a frame, which a transform in single precision
//! drowns in the rounding of the loudest; so this is not the transform of the other recipes.

use crate::dsp::fft::{Complex64, Double};

/// A transform of centred frames.
#[derive(Debug)]
pub(super) struct Spectrum {
    transform: Double,
    window: Vec<f64>,
    hop_length: usize,
    buffer: Vec<Complex64>,
    scratch: Vec<Complex64>,
    /// A frame that reaches beyond the signal.
    edge: Vec<f32>,
}

impl Spectrum {
    /// Frames of `n_fft` samples under `window`, all ones if there is none.
    pub(super) fn new(n_fft: usize, hop_length: usize, window: Option<Vec<f64>>) -> Self {
        let window = window.unwrap_or_else(|| vec![1.0; n_fft]);
        let transform = Double::new(n_fft);
        let (buffer, scratch) = (Vec::new(), transform.scratch());
        Self { transform, window, hop_length, buffer, scratch, edge: Vec::new() }
    }

    /// Number of frames of `len` samples.
    pub(super) fn frames(&self, len: usize) -> usize {
        1 + len / self.hop_length
    }

    /// Real and imaginary parts of frame `t` and, if there is one, the next: two frames share one
    /// transform, as its real and its imaginary part. Frames of zeros give zeros.
    pub(super) fn pair(&mut self, y: &[f32], t: usize, spectra: &mut [Vec<[f32; 2]>; 2]) -> usize {
        let (n_fft, count) = (self.transform.len(), 2.min(self.frames(y.len()) - t));
        self.buffer.clear();
        self.buffer.resize(n_fft, Complex64::default());
        let mut sounds = [false; 2];
        for (frame, sounds) in sounds.iter_mut().enumerate().take(count) {
            let start = ((t + frame) * self.hop_length) as isize - (n_fft / 2) as isize;
            let inside = usize::try_from(start).ok().and_then(|at| y.get(at..at + n_fft));
            let samples = match inside {
                Some(samples) => samples,
                None => {
                    self.edge.clear();
                    let at = |i: usize| y[reflected(start + i as isize, y.len())];
                    self.edge.extend((0..n_fft).map(at));
                    &self.edge
                }
            };
            *sounds = samples.iter().any(|sample| sample.abs() > 0.0);
            let weighted = self.buffer.iter_mut().zip(samples).zip(&self.window);
            for ((value, sample), weight) in weighted {
                let part = if frame == 0 { &mut value.re } else { &mut value.im };
                *part = weight * f64::from(*sample);
            }
        }
        self.transform.process(&mut self.buffer, &mut self.scratch);
        for (frame, spectrum) in spectra.iter_mut().enumerate() {
            spectrum.clear();
            spectrum.extend((0..=n_fft / 2).map(|k| {
                let (a, b) = (self.buffer[k], self.buffer[(n_fft - k) % n_fft]);
                let (re, im) = if frame == 0 {
                    (a.re + b.re, a.im - b.im)
                } else {
                    (a.im + b.im, b.re - a.re)
                };
                if sounds[frame] { [(0.5 * re) as f32, (0.5 * im) as f32] } else { [0.0; 2] }
            }));
        }
        count
    }
}

/// Magnitudes of a spectrum, in single precision as `numpy.abs` has them.
pub(super) fn magnitudes(spectrum: &[[f32; 2]], into: &mut Vec<f32>) {
    into.clear();
    into.extend(spectrum.iter().map(|&[re, im]| {
        let (re, im) = (f64::from(re), f64::from(im));
        (re * re + im * im).sqrt() as f32
    }));
}

/// The sample of a signal of `len` that stands at `at` when the signal is reflected at its ends, again
/// and again, without repeating them: `numpy.pad(mode="reflect")`.
fn reflected(at: isize, len: usize) -> usize {
    let last = len as isize - 1;
    if last == 0 {
        return 0;
    }
    let around = at.rem_euclid(2 * last);
    around.min(2 * last - around) as usize
}
