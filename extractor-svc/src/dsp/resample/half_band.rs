//! A halving by a short half-band filter, sample by sample, as soxr has it in front of longer filters.
//!
//! There is no transform, so nothing is left of a sound once the filter has passed it: where all
//! taps see zeros, the output is exactly zero.

use crate::dsp::simd::{Isa, Kernel, LANES, Level, each_lane, mul_add};

/// A running half-band stage: `y[i] = x[2i] / 2 + Σ side[j] (x[2i - 2j - 1] + x[2i + 2j + 1])`.
#[derive(Clone, Debug)]
pub(super) struct HalfBand {
    /// Taps 1, 3, 5, … from the centre; those between are zero.
    side: Vec<f32>,
    /// Inputs of even index from the next output's own on.
    even: Vec<f32>,
    /// Inputs of odd index from the first that the next output needs on.
    odd: Vec<f32>,
    received: usize,
    emitted: usize,
    level: Level,
}

impl HalfBand {
    pub(super) fn new(side: &[f64], level: Level) -> Self {
        Self {
            side: side.iter().map(|&tap| tap as f32).collect(),
            even: Vec::new(),
            // The signal is zero before it starts.
            odd: vec![0.0; side.len()],
            received: 0,
            emitted: 0,
            level,
        }
    }

    /// Takes `samples` and appends the outputs that have become certain.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let (lone, pairs) = samples.split_at((self.received % 2).min(samples.len()));
        self.odd.extend_from_slice(lone);
        let (pairs, rest) = pairs.as_chunks::<2>();
        self.even.extend(pairs.iter().map(|pair| pair[0]));
        self.odd.extend(pairs.iter().map(|pair| pair[1]));
        self.even.extend_from_slice(rest);
        self.received += samples.len();
        self.emit(usize::MAX, out);
    }

    /// Appends the outputs that reach past the end of the input.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) {
        if self.received == 0 {
            return;
        }
        let reach = 2 * self.side.len() - 1;
        let total = (self.received - 1 + reach) / 2 + 1;
        let count = total - self.emitted;
        self.even.resize(count, 0.0);
        self.odd.resize(count + 2 * self.side.len() - 1, 0.0);
        self.emit(count, out);
    }

    /// Appends up to `most` outputs, as far as the pending input goes.
    fn emit(&mut self, most: usize, out: &mut Vec<f32>) {
        let span = 2 * self.side.len() - 1;
        let count = self.odd.len().saturating_sub(span).min(self.even.len()).min(most);
        let start = out.len();
        out.resize(start + count, 0.0);
        let (even, odd) = (&self.even[..count], &self.odd[..]);
        self.level.run(Filter { side: &self.side, even, odd, out: &mut out[start..] });
        self.even.drain(..count);
        self.odd.drain(..count);
        self.emitted += count;
    }
}

/// Computes `out.len()` outputs from as many even inputs, and `2 side.len() - 1` more odd ones.
struct Filter<'a> {
    side: &'a [f32],
    even: &'a [f32],
    odd: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Filter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { side, even, odd, out } = self;
        let (even, even_rest) = even.as_chunks::<LANES>();
        let (out, out_rest) = out.as_chunks_mut::<LANES>();
        // An output's nearest neighbours are the odd inputs `side.len() - 1` and `side.len()`.
        let centre = side.len();
        let done = out.len() * LANES;
        for (at, (out, even)) in out.iter_mut().zip(even).enumerate() {
            let odd = &odd[at * LANES..][..LANES + 2 * side.len() - 1];
            let mut sum = each_lane(|lane| 0.5 * even[lane]);
            for (j, &tap) in side.iter().enumerate() {
                let before = &odd[centre - 1 - j..][..LANES];
                let after = &odd[centre + j..][..LANES];
                sum = each_lane(|lane| mul_add::<I>(tap, before[lane] + after[lane], sum[lane]));
            }
            *out = sum;
        }
        for (at, (out, even)) in out_rest.iter_mut().zip(even_rest).enumerate() {
            let odd = &odd[done + at..];
            *out = 0.5 * even;
            for (j, &tap) in side.iter().enumerate() {
                *out = mul_add::<I>(tap, odd[centre - 1 - j] + odd[centre + j], *out);
            }
        }
    }
}
