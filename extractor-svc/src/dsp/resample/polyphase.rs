//! The polyphase stage: a short continuous kernel, read at the exact time of every output.

use std::sync::Arc;

use super::kaiser::polyphase_kernel;
use super::plan::PolyphasePlan;
use crate::dsp::simd::{Isa, Kernel, Level, mul_add};

/// Taps per output, zero-padded: the recipe needs 12 to 16.
const WIDTH: usize = 16;

type Taps = [f32; WIDTH];

/// Phases of the table for steps without a small denominator; linear interpolation between them
/// errs by 1e-7 at most.
const FINE_PHASES: u64 = 4096;

/// Inputs taken at once by [`Polyphase::push`], which bounds its buffer.
const MAX_PENDING: usize = 1 << 15;

/// A running polyphase stage.
#[derive(Clone, Debug)]
pub(super) struct Polyphase {
    plan: PolyphasePlan,
    /// Taps of every phase, and their difference to the next phase where those are interpolated.
    table: Arc<[(Taps, Taps)]>,
    exact: bool,
    /// Input not used up yet; its first sample is the first tap of the output at `position`.
    pending: Vec<f32>,
    /// First tap of the next output, in `pending`.
    position: usize,
    /// Fraction of an input sample of the next output, over the plan's denominator.
    phase: u64,
    received: u64,
    emitted: u64,
    level: Level,
}

impl Polyphase {
    pub(super) fn new(plan: PolyphasePlan, level: Level) -> Self {
        let exact = plan.denominator <= FINE_PHASES;
        let phases = if exact { plan.denominator } else { FINE_PHASES };
        let taps_at = |phase: u64| -> Taps {
            let time = phase as f64 / phases as f64;
            std::array::from_fn(|i| {
                let distance = time - (i as f64 - left(plan.taps) as f64);
                let inside = distance.abs() <= plan.reach + 1e-9;
                if inside { polyphase_kernel(distance, plan.cutoff, plan.span) as f32 } else { 0.0 }
            })
        };
        let difference = |phase: u64, taps: &Taps| -> Taps {
            if exact {
                return [0.0; WIDTH];
            }
            let next = taps_at(phase + 1);
            std::array::from_fn(|i| next[i] - taps[i])
        };
        let table = (0..phases)
            .map(|phase| {
                let taps = taps_at(phase);
                (taps, difference(phase, &taps))
            })
            .collect();
        Self {
            plan,
            table,
            exact,
            // The signal is zero before it starts.
            pending: vec![0.0; left(plan.taps)],
            position: 0,
            phase: 0,
            received: 0,
            emitted: 0,
            level,
        }
    }

    /// Takes `samples` and appends the outputs that have become certain.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.received += samples.len() as u64;
        for samples in samples.chunks(MAX_PENDING) {
            self.pending.extend_from_slice(samples);
            self.emit(u64::MAX, out);
        }
    }

    /// Appends the outputs that reach past the end of the input.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) {
        if self.received == 0 {
            return;
        }
        let last = u128::from(self.received - 1 + self.plan.taps as u64 / 2 + 1);
        let total = last * u128::from(self.plan.denominator) / u128::from(self.plan.numerator) + 1;
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        self.pending.resize(self.pending.len() + 4 * WIDTH, 0.0);
        self.emit(total, out);
    }

    fn emit(&mut self, total: u64, out: &mut Vec<f32>) {
        let level = self.level;
        level.run(Emit { stage: self, total, out });
        let used = self.position.min(self.pending.len());
        self.pending.drain(..used);
        self.position -= used;
    }
}

/// Taps before the one at the output's own time.
fn left(taps: usize) -> usize {
    (taps - 1) / 2
}

/// Computes outputs while their taps lie inside the pending input.
struct Emit<'a> {
    stage: &'a mut Polyphase,
    total: u64,
    out: &'a mut Vec<f32>,
}

impl Kernel for Emit<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let stage = self.stage;
        let denominator = stage.plan.denominator;
        while stage.emitted < self.total {
            let Some(window) =
                stage.pending.get(stage.position..).and_then(|rest| rest.first_chunk::<WIDTH>())
            else {
                break;
            };
            let value = if stage.exact {
                let (taps, _) = &stage.table[stage.phase as usize];
                dot::<I>(taps, window)
            } else {
                // The denominator is 2^32: its upper bits choose the phase.
                let fine = stage.phase * FINE_PHASES;
                let (taps, difference) = &stage.table[(fine / denominator) as usize];
                let rest = (fine % denominator) as f32 / denominator as f32;
                mul_add::<I>(rest, dot::<I>(difference, window), dot::<I>(taps, window))
            };
            self.out.push(value);
            stage.emitted += 1;
            stage.phase += stage.plan.numerator;
            stage.position += (stage.phase / denominator) as usize;
            stage.phase %= denominator;
        }
    }
}

#[inline(always)]
fn dot<I: Isa>(taps: &Taps, window: &Taps) -> f32 {
    let (taps, window) = (taps.as_chunks::<8>().0, window.as_chunks::<8>().0);
    let sums: [f32; 8] =
        std::array::from_fn(|i| mul_add::<I>(taps[1][i], window[1][i], taps[0][i] * window[0][i]));
    let four: [f32; 4] = std::array::from_fn(|i| sums[i] + sums[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
