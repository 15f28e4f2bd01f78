//! A FIR stage as a stream, and the in-place halving of a whole signal.

use std::mem;

use super::kaiser::{DB_PER_BIT, edge_filter};
use super::overlap_save::{OverlapSave, Workspace};
use crate::dsp::simd::Level;

/// A running FIR stage. Blocks lie on a fixed grid, so the result does not depend on how the
/// input is split.
#[derive(Clone, Debug)]
pub(super) struct Fir {
    filter: OverlapSave,
    workspace: Workspace,
    /// Every input becomes itself and zeros, so many values in all. Blocks of soxr that stuff by
    /// other numbers than powers of two begin between two inputs; these are stuffed beforehand.
    stuffed: usize,
    /// One of so many outputs is kept, where the filter itself does not drop the others.
    kept: usize,
    /// Outputs of the filter to pass over before the next that is kept.
    skipped: usize,
    /// Input from one margin before the next pair of blocks on.
    pending: Vec<f32>,
    received: usize,
    emitted: usize,
    /// Stuffed input, and outputs before most are dropped.
    spare: Vec<f32>,
}

impl Fir {
    pub(super) fn new(up: usize, down: usize, taps: &[f64], level: Level) -> Self {
        let (up, stuffed) = if up.is_power_of_two() { (up, 1) } else { (1, up) };
        let (down, kept) = if down <= 2 { (down, 1) } else { (1, down) };
        let filter = OverlapSave::new(up, down, taps, level);
        let mut pending = Vec::with_capacity(filter.pair_input());
        // The signal is zero before it starts.
        pending.resize(filter.margin(), 0.0);
        Self {
            workspace: filter.workspace(),
            filter,
            stuffed,
            kept,
            skipped: 0,
            pending,
            received: 0,
            emitted: 0,
            spare: Vec::new(),
        }
    }

    /// Takes `samples` and appends the outputs that have become certain.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        if self.stuffed == 1 {
            self.push_stuffed(samples, out);
            return;
        }
        let mut spare = mem::take(&mut self.spare);
        spare.clear();
        spare.resize(samples.len() * self.stuffed, 0.0);
        for (value, sample) in spare.iter_mut().step_by(self.stuffed).zip(samples) {
            *value = *sample;
        }
        self.push_stuffed(&spare, out);
        self.spare = spare;
    }

    fn push_stuffed(&mut self, mut samples: &[f32], out: &mut Vec<f32>) {
        self.received += samples.len();
        while !samples.is_empty() {
            let missing = self.filter.pair_input() - self.pending.len();
            let (now, later) = samples.split_at(missing.min(samples.len()));
            self.pending.extend_from_slice(now);
            samples = later;
            if self.pending.len() == self.filter.pair_input() {
                self.emit_pair(self.filter.pair_output(), out);
            }
        }
    }

    /// Appends the outputs that reach past the end of the input.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) {
        let total = self.filter.output_len(self.received);
        while self.emitted < total {
            self.emit_pair(self.filter.pair_output().min(total - self.emitted), out);
        }
    }

    fn emit_pair(&mut self, count: usize, out: &mut Vec<f32>) {
        self.filter.filter_pair(&self.pending, &mut self.workspace);
        let start = out.len();
        out.resize(start + count, 0.0);
        self.filter.write_pair(&self.workspace, &mut out[start..]);
        self.emitted += count;
        self.pending.drain(..self.filter.pair_step().min(self.pending.len()));
        if self.kept > 1 {
            let mut len = start;
            for at in (start + self.skipped..start + count).step_by(self.kept) {
                out[len] = out[at];
                len += 1;
            }
            let next = self.skipped + (len - start) * self.kept;
            self.skipped = next - count;
            out.truncate(len);
        }
    }
}

/// Work was stopped because its caller no longer wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// The filter of [`Halver`].
#[derive(Clone, Debug)]
pub(crate) struct Halving(OverlapSave);

impl Halving {
    pub(crate) fn new() -> Self {
        let mut taps = edge_filter(1, 2.0, 21.0 * DB_PER_BIT);
        taps.iter_mut().for_each(|tap| *tap *= std::f64::consts::SQRT_2);
        Self(OverlapSave::new(1, 2, &taps, Level::BASELINE))
    }
}

/// Halves the rate of whole signals in place, as `librosa.resample(y, orig_sr=2, target_sr=1,
/// res_type="soxr_hq", scale=True)`: the energy, not the amplitude, is kept.
#[derive(Clone, Debug)]
pub(crate) struct Halver {
    filter: OverlapSave,
    workspace: Workspace,
}

impl Halver {
    pub(crate) fn new(filter: &Halving, level: Level) -> Self {
        let filter = filter.0.at(level);
        Self { workspace: filter.workspace(), filter }
    }

    /// Replaces `y` by `ceil(n / 2)` samples at half the rate. `proceed` is asked between
    /// blocks; `false` stops the work and leaves `y` half done.
    pub(crate) fn halve(
        &mut self,
        y: &mut Vec<f32>,
        proceed: &dyn Fn() -> bool,
    ) -> Result<(), Stopped> {
        let (len, margin) = (y.len(), self.filter.margin());
        let (mut read, mut written, total) = (0, 0, len.div_ceil(2));
        let mut first = Vec::new();
        while written < total {
            if !proceed() {
                return Err(Stopped);
            }
            // Reading stays ahead of writing: a pair's outputs end before the next pair's margin.
            let input = if read == 0 {
                first.resize(margin, 0.0);
                first.extend_from_slice(&y[..len.min(self.filter.pair_input() - margin)]);
                &first[..]
            } else {
                &y[read - margin..len.min(read - margin + self.filter.pair_input())]
            };
            self.filter.filter_pair(input, &mut self.workspace);
            let count = self.filter.pair_output().min(total - written);
            self.filter.write_pair(&self.workspace, &mut y[written..written + count]);
            written += count;
            read += self.filter.pair_step();
        }
        y.truncate(total);
        Ok(())
    }
}
