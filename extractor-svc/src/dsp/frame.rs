//! Cutting a signal into centred frames: frame `t` has its middle at sample `t * hop_length`, and
//! the signal is zero beyond its ends.

use std::ops::Range;

use crate::dsp::simd::{Isa, Kernel, mul_add};

/// Number of centred frames of a signal of `len` samples.
pub(crate) fn frame_count(len: usize, hop_length: usize) -> usize {
    1 + len / hop_length
}

/// Frame `t`: part of `y`, or a zero-padded copy in `edge` near the ends.
pub(crate) fn frame<'a>(
    y: &'a [f32],
    t: usize,
    hop_length: usize,
    n_fft: usize,
    edge: &'a mut Vec<f32>,
) -> &'a [f32] {
    let (centre, half) = (t * hop_length, n_fft / 2);
    if centre >= half && centre - half + n_fft <= y.len() {
        return &y[centre - half..centre - half + n_fft];
    }
    edge.clear();
    edge.resize(half.saturating_sub(centre), 0.0);
    edge.extend_from_slice(&y[frame_range(y.len(), t, hop_length, n_fft)]);
    edge.resize(n_fft, 0.0);
    edge
}

/// The samples of `y` in frame `t`.
pub(crate) fn frame_range(len: usize, t: usize, hop_length: usize, n_fft: usize) -> Range<usize> {
    let (centre, half) = (t * hop_length, n_fft / 2);
    let start = centre.saturating_sub(half).min(len);
    start..(centre + n_fft - half).min(len).max(start)
}

/// Sum of squares of a frame, in 32 partial sums.
pub(crate) struct Energy<'a>(pub(crate) &'a [f32]);

impl Kernel for Energy<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<I: Isa>(self) -> f32 {
        let (chunks, rest) = self.0.as_chunks::<32>();
        let mut sums = [0.0_f32; 32];
        for chunk in chunks {
            for (sum, &x) in sums.iter_mut().zip(chunk) {
                *sum = mul_add::<I>(x, x, *sum);
            }
        }
        sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_centred_and_zero_padded() {
        let y: Vec<f32> = (1..=10).map(|i| i as f32).collect();
        let mut edge = Vec::new();
        assert_eq!(frame_count(y.len(), 4), 3);
        assert_eq!(frame(&y, 0, 4, 4, &mut edge), [0.0, 0.0, 1.0, 2.0]);
        assert_eq!(frame(&y, 1, 4, 4, &mut edge), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(frame(&y, 2, 4, 6, &mut edge), [6.0, 7.0, 8.0, 9.0, 10.0, 0.0]);
        assert_eq!(frame(&y[..1], 0, 4, 4, &mut edge), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(frame(&y, 9, 4, 4, &mut edge), [0.0; 4]);
    }
}
