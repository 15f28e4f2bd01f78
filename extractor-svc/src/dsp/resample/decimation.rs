//! The decimation of librosa 0.5: resampy 0.1.5's `kaiser_fast` at a ratio of a power of two.
//!
//! That is a symmetric filter (63 taps for a halving) but for its tail: near the end of the signal the
//! right side is cut as many taps early as the left side has, which is a fault of that release and part
//! of the numbers.

use super::kaiser::kaiser_fast_of_2017_kernel;
use crate::dsp::simd::{Isa, Kernel, Level};
use crate::dsp::sums::sum_of_products;

/// Zero crossings of one side of the windowed sinc.
const ZERO_CROSSINGS: usize = 16;

/// Entries of its table from one zero crossing to the next.
const ENTRIES: usize = 512;

/// A decimation by a power of two.
#[derive(Debug)]
pub(crate) struct Decimation {
    halvings: u32,
    /// Taps in the order of the input.
    taps: Vec<f64>,
    /// Taps up to an output's own sample.
    left: usize,
    /// Factor that keeps the energy.
    gain: f64,
}

impl Decimation {
    /// `halvings` is at most 9; `extra` is one more factor on the result.
    pub(crate) fn new(halvings: u32, extra: f64) -> Self {
        let factor = 1_usize << halvings;
        let step = ENTRIES / factor;
        let last = ZERO_CROSSINGS * ENTRIES;
        let tap =
            |at: usize| kaiser_fast_of_2017_kernel(at as f64 / ENTRIES as f64) / factor as f64;
        let (left, right) = ((last + 1) / step, (last + 1 - step) / step);
        let taps = (0..left).rev().map(|i| tap(i * step));
        let taps = taps.chain((1..=right).map(|i| tap(i * step))).collect();
        Self { halvings, taps, left, gain: extra * (factor as f64).sqrt() }
    }

    /// The decimated signal, `len / factor` rounded up; a sample that the filter does not reach is 0.
    pub(crate) fn apply(&self, y: &[f32], level: Level) -> Vec<f32> {
        level.run(Apply { decimation: self, y })
    }
}

struct Apply<'a> {
    decimation: &'a Decimation,
    y: &'a [f32],
}

impl Kernel for Apply<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<I: Isa>(self) -> Vec<f32> {
        let Self { decimation: Decimation { halvings, taps, left, gain }, y } = self;
        let count = y.len() >> halvings;
        let mut out = Vec::with_capacity(count + 1);
        for output in 0..count {
            let at = output << halvings;
            let before = (at + 1).min(*left);
            // The fault of the tail: the left side is counted as if it were there as well.
            let after = (y.len() + 2).saturating_sub(before + at).min(taps.len() - left);
            let after = after.min(y.len() - at - 1);
            let taps = &taps[left - before..left + after];
            let sum = sum_of_products(taps, &y[at + 1 - before..at + 1 + after]);
            out.push((f64::from(sum as f32) * gain) as f32);
        }
        if y.len() > count << halvings {
            out.push(0.0);
        }
        out
    }
}
