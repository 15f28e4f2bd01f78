//! resampy's `kaiser_fast` as a stream: a windowed sinc of 24 zero crossings, read from a table by
//! linear interpolation.
//!
//! Three things of resampy 0.4.3 are in its numbers. The step from tap to tap is a whole number of
//! entries of the table, rounded down, so that the taps of 48,000 to 22,050 Hz stand 235 entries apart
//! instead of 235.2. And the time of an output is its number times the inverse ratio in double
//! precision, which can fall just short of a whole input sample: the taps are then those of the
//! sample before. Products are in double precision and each is added to a sum in single precision,
//! outwards, first to the left; for pure tones that rounding is the floor on which their bandwidth hangs.

use std::sync::Arc;

use super::kaiser::kaiser_fast_kernel;

/// Outputs computed side by side: each is one chain of roundings.
const SIDE_BY_SIDE: usize = 8;

/// Zero crossings of the sinc on one side.
const ZERO_CROSSINGS: usize = 24;

/// Entries of the table from one zero crossing to the next.
const ENTRIES: usize = 512;

/// Largest denominator of a ratio whose taps are computed once for each phase.
const MAX_KEPT_PHASES: u32 = 512;

/// The taps of an output, outwards, as many on both sides.
#[derive(Debug)]
struct Taps {
    left: Vec<f64>,
    right: Vec<f64>,
}

/// The filter of a ratio.
#[derive(Debug)]
struct Filter {
    /// One side of the windowed sinc, scaled to the ratio.
    window: Vec<f64>,
    /// Entries of the table from tap to tap.
    step: usize,
    /// Output rate over input rate, at most 1.
    scale: f64,
    /// Input samples from output to output.
    increment: f64,
    /// Taps of one side.
    side: usize,
    /// Taps of each phase; none where the phases are too many.
    phases: Vec<Taps>,
}

impl Filter {
    fn new(from_hz: u32, to_hz: u32) -> Self {
        let ratio = f64::from(to_hz) / f64::from(from_hz);
        let scale = ratio.min(1.0);
        let last = ZERO_CROSSINGS * ENTRIES;
        let entry = |at: usize| scale * kaiser_fast_kernel(at as f64 / ENTRIES as f64);
        let window: Vec<f64> = (0..=last).map(entry).collect();
        let step = ((scale * ENTRIES as f64) as usize).max(1);
        let increment = 1.0 / ratio;
        let side = window.len() / step;
        let mut filter = Self { window, step, scale, increment, side, phases: Vec::new() };
        let phases = to_hz / greatest_common_divisor(from_hz, to_hz);
        if phases <= MAX_KEPT_PHASES {
            // The last is that of an output just short of a whole sample.
            let fractions = (0..=phases).map(|phase| f64::from(phase) / f64::from(phases));
            filter.phases = fractions.map(|fraction| filter.taps(fraction)).collect();
        }
        filter
    }

    /// Taps of an output `fraction` of a sample behind the last of its left side.
    fn taps(&self, fraction: f64) -> Taps {
        let behind = self.scale * fraction;
        Taps { left: self.outwards(behind), right: self.outwards(self.scale - behind) }
    }

    /// One side of the taps, the first `distance` (in zero crossings) from the centre.
    fn outwards(&self, distance: f64) -> Vec<f64> {
        let place = distance * ENTRIES as f64;
        let (offset, rest) = (place as usize, place.fract());
        let count = self.window.len().saturating_sub(offset) / self.step;
        let tap = |at: usize| {
            let value = self.window.get(at).copied().unwrap_or(0.0);
            let next = self.window.get(at + 1).copied().unwrap_or(value);
            value + rest * (next - value)
        };
        let mut taps: Vec<f64> = (offset..).step_by(self.step).take(count).map(tap).collect();
        taps.resize(self.side, 0.0);
        taps
    }

    /// The whole and the fractional part of the time of an output, in input samples.
    fn time(&self, output: usize) -> (usize, f64) {
        let time = output as f64 * self.increment;
        (time as usize, time.fract())
    }
}

/// A running conversion.
#[derive(Clone, Debug)]
pub(super) struct KaiserFast {
    filter: Arc<Filter>,
    rates: [u32; 2],
    /// Input that is still needed, behind zeros before the start of the signal.
    pending: Vec<f32>,
    /// Samples dropped from `pending` so far.
    dropped: usize,
    received: usize,
    emitted: usize,
}

impl KaiserFast {
    pub(super) fn new(from_hz: u32, to_hz: u32) -> Self {
        let filter = Arc::new(Filter::new(from_hz, to_hz));
        // The first output lies at the first sample: its taps before that read zeros.
        let pending = vec![0.0; filter.side - 1];
        let rates = [from_hz, to_hz];
        Self { filter, rates, pending, dropped: 0, received: 0, emitted: 0 }
    }

    /// Samples that `len` input samples become, rounded down in double precision, in this order.
    pub(super) fn output_len(from_hz: u32, to_hz: u32, len: usize) -> usize {
        (len as f64 * f64::from(to_hz) / f64::from(from_hz)) as usize
    }

    /// Takes `samples` and appends the outputs that have become certain.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.received += samples.len();
        self.pending.extend_from_slice(samples);
        self.emit(usize::MAX, out);
    }

    /// Appends the outputs that reach past the end of the input, which is taken as zero there.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) {
        let [from_hz, to_hz] = self.rates;
        let total = Self::output_len(from_hz, to_hz, self.received);
        self.pending.resize(self.pending.len() + 2 * self.filter.side, 0.0);
        self.emit(total, out);
    }

    /// Appends the outputs before `total` whose taps lie inside the pending input.
    fn emit(&mut self, total: usize, out: &mut Vec<f32>) {
        while self.emitted + SIDE_BY_SIDE <= total && self.emit_some::<SIDE_BY_SIDE>(out) {}
        while self.emitted < total && self.emit_some::<1>(out) {}
        let used = self.filter.time(self.emitted).0.saturating_sub(self.dropped);
        let used = used.min(self.pending.len());
        self.pending.drain(..used);
        self.dropped += used;
    }

    /// The next `N` outputs; `false` if the pending input is too short for them.
    fn emit_some<const N: usize>(&mut self, out: &mut Vec<f32>) -> bool {
        let Self { filter, pending, dropped, emitted, .. } = self;
        let side = filter.side;
        let times: [(usize, f64); N] = std::array::from_fn(|i| filter.time(*emitted + i));
        let first = |i: usize| times[i].0 - *dropped;
        if first(N - 1) + 2 * side > pending.len() {
            return false;
        }
        let phases = filter.phases.len().saturating_sub(1) as f64;
        let own: [Option<Taps>; N] =
            times.map(|(_, fraction)| filter.phases.is_empty().then(|| filter.taps(fraction)));
        let taps: [Option<&Taps>; N] = std::array::from_fn(|i| {
            let phase = (times[i].1 * phases).round() as usize;
            own[i].as_ref().or_else(|| filter.phases.get(phase))
        });
        let inputs: [&[f32]; N] = std::array::from_fn(|i| &pending[first(i)..first(i) + 2 * side]);
        let mut sums = [0.0_f32; N];
        let left = taps.map(|taps| taps.map_or(&[][..], |taps| &taps.left[..side]));
        let right = taps.map(|taps| taps.map_or(&[][..], |taps| &taps.right[..side]));
        for tap in 0..side {
            for (sum, (taps, input)) in sums.iter_mut().zip(left.iter().zip(&inputs)) {
                *sum = (f64::from(*sum) + taps[tap] * f64::from(input[side - 1 - tap])) as f32;
            }
        }
        for tap in 0..side {
            for (sum, (taps, input)) in sums.iter_mut().zip(right.iter().zip(&inputs)) {
                *sum = (f64::from(*sum) + taps[tap] * f64::from(input[side + tap])) as f32;
            }
        }
        out.extend_from_slice(&sums);
        self.emitted += N;
        true
    }
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
