//! Sample-rate conversion as soxr HQ, librosa's default, does it, or resampy's `kaiser_fast`.
//!
//! [`Resampler`] is a stream: push blocks of any size, then finish; the result is the same to the
//! last bit however the input was split. It is linear, has no delay, and takes the signal as zero
//! before its start and after its end. Against the originals it stays within 1e-6 of full scale.
//!
//! Decoding and mixing to mono do not belong here, nor does the choice of the target rate.

mod decimation;
mod fir;
mod half_band;
mod kaiser;
mod kaiser_fast;
mod overlap_save;
mod plan;
mod polyphase;

use std::mem;
use std::sync::{Mutex, PoisonError};

pub(crate) use decimation::Decimation;
use fir::Fir;
pub(crate) use fir::{Halver, Halving, Stopped};
use half_band::HalfBand;
use kaiser_fast::KaiserFast;
use plan::{StagePlan, plan};
use polyphase::Polyphase;

use crate::dsp::simd::Level;

/// Samples taken through all stages at once, which bounds the memory between them.
const CHUNK: usize = 1 << 15;

/// Most conversions whose filters are kept.
const MAX_PLANNED: usize = 8;

/// Whose conversion it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResamplerKind {
    /// soxr's HQ, librosa's default since 0.10.
    SoxrHq,
    /// resampy's `kaiser_fast`, of its release 0.4.3.
    KaiserFast,
}

impl ResamplerKind {
    /// The name that people know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SoxrHq => "soxr HQ",
            Self::KaiserFast => "resampy kaiser_fast",
        }
    }
}

/// Conversions of one kind to one rate, whose filters are designed once: strangers choose the rates,
/// so only the ones used last are kept.
#[derive(Debug)]
pub(crate) struct Resamplers {
    kind: ResamplerKind,
    planned: Mutex<Vec<Resampler>>,
}

impl Resamplers {
    pub(crate) fn new(kind: ResamplerKind) -> Self {
        Self { kind, planned: Mutex::default() }
    }

    /// A new conversion from `from_hz` to `to_hz`.
    pub(crate) fn start(&self, from_hz: u32, to_hz: u32) -> Resampler {
        let known = {
            let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
            let same = |known: &Resampler| known.from_hz == from_hz && known.to_hz == to_hz;
            let found = planned.iter().position(same);
            found.map(|at| {
                planned[..=at].rotate_right(1);
                planned[0].clone()
            })
        };
        known.unwrap_or_else(|| {
            let new = Resampler::new(self.kind, from_hz, to_hz);
            let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
            planned.insert(0, new.clone());
            planned.truncate(MAX_PLANNED);
            new
        })
    }
}

/// A running conversion from one rate to another.
#[derive(Clone, Debug)]
pub struct Resampler {
    stages: Vec<Stage>,
    kind: ResamplerKind,
    from_hz: u32,
    to_hz: u32,
    received: usize,
    emitted: usize,
    /// Signal before and after a stage.
    between: [Vec<f32>; 2],
}

#[derive(Clone, Debug)]
enum Stage {
    Fir(Box<Fir>),
    HalfBand(HalfBand),
    Polyphase(Box<Polyphase>),
    KaiserFast(Box<KaiserFast>),
}

impl Stage {
    fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        match self {
            Self::Fir(stage) => stage.push(samples, out),
            Self::HalfBand(stage) => stage.push(samples, out),
            Self::Polyphase(stage) => stage.push(samples, out),
            Self::KaiserFast(stage) => stage.push(samples, out),
        }
    }

    fn finish(&mut self, out: &mut Vec<f32>) {
        match self {
            Self::Fir(stage) => stage.finish(out),
            Self::HalfBand(stage) => stage.finish(out),
            Self::Polyphase(stage) => stage.finish(out),
            Self::KaiserFast(stage) => stage.finish(out),
        }
    }
}

impl Resampler {
    /// A conversion from `from_hz` to `to_hz`, both in Hz and not 0. Equal rates copy bit by bit.
    #[must_use]
    pub fn new(kind: ResamplerKind, from_hz: u32, to_hz: u32) -> Self {
        Self::with_level(kind, from_hz, to_hz, Level::detect())
    }

    /// [`Resampler::new`] for a given instruction set.
    #[must_use]
    pub fn with_level(kind: ResamplerKind, from_hz: u32, to_hz: u32, level: Level) -> Self {
        debug_assert!(from_hz > 0 && to_hz > 0, "a rate of 0 Hz has no samples");
        let stages = match kind {
            ResamplerKind::SoxrHq => soxr_stages(from_hz, to_hz, level),
            ResamplerKind::KaiserFast if from_hz == to_hz => Vec::new(),
            ResamplerKind::KaiserFast => {
                vec![Stage::KaiserFast(Box::new(KaiserFast::new(from_hz, to_hz)))]
            }
        };
        Self { stages, kind, from_hz, to_hz, received: 0, emitted: 0, between: Default::default() }
    }

    /// Takes `samples` and appends to `out` what has become certain.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        let start = out.len();
        self.received += samples.len();
        match &mut self.stages[..] {
            [] => out.extend_from_slice(samples),
            [only] => only.push(samples, out),
            _ => samples.chunks(CHUNK).for_each(|chunk| self.push_from(0, chunk, out)),
        }
        self.emitted += out.len() - start;
    }

    /// Appends the tail, so that the output is [`Resampler::output_len`] long: the resampler's own
    /// length, then librosa's padding with a zero, or cut. What is too short for a single sample, which
    /// resampy refuses, stays empty.
    pub fn finish(mut self, out: &mut Vec<f32>) {
        let start = out.len();
        for stage in 0..self.stages.len() {
            let mut tail = Vec::new();
            self.stages[stage].finish(&mut tail);
            self.push_from(stage + 1, &tail, out);
        }
        let len = Self::output_len(self.from_hz, self.to_hz, self.received);
        let own_len = match self.kind {
            _ if self.stages.is_empty() => len,
            ResamplerKind::SoxrHq => soxr_len(self.from_hz, self.to_hz, self.received),
            ResamplerKind::KaiserFast => {
                KaiserFast::output_len(self.from_hz, self.to_hz, self.received)
            }
        };
        if own_len == 0 && self.kind == ResamplerKind::KaiserFast {
            return;
        }
        let sound = own_len.min(len);
        out.truncate(start + sound.saturating_sub(self.emitted));
        out.resize(start + len.saturating_sub(self.emitted), 0.0);
    }

    /// Samples that `len` input samples become: `ceil(len * to / from)` in double precision, as
    /// `librosa.resample` has it.
    #[must_use]
    pub fn output_len(from_hz: u32, to_hz: u32, len: usize) -> usize {
        if from_hz == to_hz {
            return len;
        }
        (len as f64 * (f64::from(to_hz) / f64::from(from_hz))).ceil() as usize
    }

    /// Sends `samples` through the stages from `first` on.
    fn push_from(&mut self, first: usize, samples: &[f32], out: &mut Vec<f32>) {
        if first >= self.stages.len() {
            out.extend_from_slice(samples);
            return;
        }
        let [mut before, mut after] = mem::take(&mut self.between);
        before.clear();
        before.extend_from_slice(samples);
        let count = self.stages.len();
        for (index, stage) in self.stages.iter_mut().enumerate().skip(first) {
            if index + 1 == count {
                stage.push(&before, out);
            } else {
                after.clear();
                stage.push(&before, &mut after);
                mem::swap(&mut before, &mut after);
            }
        }
        self.between = [before, after];
    }
}

fn soxr_stages(from_hz: u32, to_hz: u32, level: Level) -> Vec<Stage> {
    let stage = |plan| match plan {
        StagePlan::Fir { up, down, taps } => Stage::Fir(Box::new(Fir::new(up, down, &taps, level))),
        StagePlan::HalfBand(side) => Stage::HalfBand(HalfBand::new(side, level)),
        StagePlan::Polyphase(plan) => Stage::Polyphase(Box::new(Polyphase::new(plan, level))),
    };
    plan(from_hz, to_hz).into_iter().map(stage).collect()
}

/// Length that soxr gives: the quotient rounded half up, in double precision and in this order.
fn soxr_len(from_hz: u32, to_hz: u32, len: usize) -> usize {
    (len as f64 / (f64::from(from_hz) / f64::from(to_hz)) + 0.5).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_conversion_is_a_new_one() {
        let source: Vec<f32> = (0..9000).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
        let run = |mut resampler: Resampler| {
            let mut out = Vec::new();
            resampler.push(&source, &mut out);
            resampler.finish(&mut out);
            out
        };
        for kind in [ResamplerKind::SoxrHq, ResamplerKind::KaiserFast] {
            let resamplers = Resamplers::new(kind);
            // More rates than are kept, twice.
            let rates = (0..=MAX_PLANNED as u32).map(|i| 16_000 + 1000 * i);
            for from_hz in rates.clone().chain(rates) {
                let expected = run(Resampler::new(kind, from_hz, 22_050));
                for _ in 0..2 {
                    assert_eq!(run(resamplers.start(from_hz, 22_050)), expected, "{from_hz} Hz");
                }
            }
            assert_eq!(resamplers.planned.lock().unwrap().len(), MAX_PLANNED);
        }
    }
}
