//! `librosa.feature.zero_crossing_rate(y)`, `[1, t]`: sign changes per sample of a centred frame of 2048
//! samples.
//!
//! Values up to 1e-10 count as positive, a frame's first sample never counts, and the signal's
//! ends are repeated beyond it, where nothing crosses.

use super::feature::{Feature, Frames, Matrix};
use crate::dsp::observer::Observer;
use crate::dsp::simd::{Isa, Kernel, Level};

/// Magnitude up to which a sample counts as zero.
const THRESHOLD: f32 = 1e-10;

/// One value per frame.
#[derive(Debug)]
pub(super) struct ZeroCrossingRate {
    crossings: ZeroCrossings,
    values: Vec<f64>,
}

impl ZeroCrossingRate {
    /// For frames of `n_fft` samples.
    pub(super) fn new(n_fft: usize, level: Level) -> Self {
        Self { crossings: ZeroCrossings::new(n_fft, level), values: Vec::new() }
    }
}

impl Feature for ZeroCrossingRate {
    fn add(&mut self, frames: &Frames<'_>, observer: &mut dyn Observer) {
        for t in frames.first..frames.first + frames.count {
            self.values.push(self.crossings.rate(frames.y, t * frames.hop_length));
        }
        observer.lap("zcr");
    }

    fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }

    fn finish(self: Box<Self>, _observer: &mut dyn Observer) -> Matrix {
        Matrix::row(self.values)
    }
}

/// Counts crossings in frames that move forward through a signal.
#[derive(Clone, Debug)]
struct ZeroCrossings {
    frame_length: usize,
    /// Crossings counted: into samples `from..to`.
    from: usize,
    to: usize,
    count: usize,
    level: Level,
}

impl ZeroCrossings {
    fn new(frame_length: usize, level: Level) -> Self {
        Self { frame_length, from: 1, to: 1, count: 0, level }
    }

    /// The rate in the frame of `y` with its middle at `centre`; centres must not fall. `y` may
    /// have grown since the last frame, if that one did not reach past its end.
    fn rate(&mut self, y: &[f32], centre: usize) -> f64 {
        let half = self.frame_length / 2;
        let from = (centre + 1).saturating_sub(half).clamp(1, y.len());
        let to = (centre + self.frame_length - half).clamp(from, y.len());
        if from < self.to {
            self.count += self.crossings(y, self.to, to);
            self.count -= self.crossings(y, self.from, from);
        } else {
            self.count = self.crossings(y, from, to);
        }
        (self.from, self.to) = (from, to);
        self.count as f64 / self.frame_length as f64
    }

    /// Crossings into the samples `from..to`; `from` is at least 1.
    fn crossings(&self, y: &[f32], from: usize, to: usize) -> usize {
        if from < to { self.level.run(Count(&y[from - 1..to])) as usize } else { 0 }
    }
}

/// Number of neighbours with different signs.
struct Count<'a>(&'a [f32]);

impl Kernel for Count<'_> {
    type Output = u32;

    #[inline(always)]
    fn run<I: Isa>(self) -> u32 {
        let negative = |x: f32| x < -THRESHOLD;
        let pairs = self.0.iter().zip(&self.0[1..]);
        pairs.map(|(&a, &b)| u32::from(negative(a) != negative(b))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_slide_to_the_same_counts() {
        let y: Vec<f32> = (0..500).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
        for hop_length in [1, 7, 16, 40, 200] {
            let mut crossings = ZeroCrossings::new(32, Level::detect());
            for centre in (0..y.len()).step_by(hop_length) {
                let sample = |i: usize| y[(centre + i).saturating_sub(16).min(y.len() - 1)];
                let expected = (1..32).filter(|&i| (sample(i - 1) < 0.0) != (sample(i) < 0.0));
                let expected = expected.count() as f64 / 32.0;
                assert!((crossings.rate(&y, centre) - expected).abs() < 1e-15, "{centre}");
            }
        }
    }

    #[test]
    fn tiny_values_are_positive() {
        let y = [1.0, -1e-11, 1.0, -0.0, 1.0, -1.0, 1.0, 1.0];
        let mut crossings = ZeroCrossings::new(16, Level::BASELINE);
        assert!((crossings.rate(&y, 4) - 2.0 / 16.0).abs() < 1e-15);
    }
}
