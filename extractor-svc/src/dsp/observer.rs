//! Whoever watches an analysis: where its time goes, and every matrix on the way.
//!
//! Stages report to an [`Observer`], which looks away where it says nothing else: [`Unobserved`] all
//! the time, [`Stopwatch`] from all matrices.

use std::time::{Duration, Instant};

use super::simd::Lanes;

/// A matrix that an analysis goes through and does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Intermediate {
    /// Magnitudes of the short-time Fourier transform.
    StftMagnitude,
    /// Mel power.
    MelPower,
    /// Mel power in dB, clipped.
    LogMel,
    /// Magnitudes of the constant-Q transform.
    CqtMagnitude,
}

/// Some rows of such a matrix for a group of frames; the groups of a row come in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// Which matrix.
    pub(crate) matrix: Intermediate,
    /// Its row that comes first in `values`.
    pub(crate) row: usize,
    /// Frames in the first lanes.
    pub(crate) count: usize,
    /// `[row][lane]`.
    pub(crate) values: &'a [Lanes],
    /// What the values of a lane are to be multiplied by, if by anything.
    pub(crate) scale: Option<&'a Lanes>,
}

/// Hears of the stages of an analysis.
pub(crate) trait Observer {
    /// The time since the last lap belongs to `stage`, one of many turns of it.
    fn lap(&mut self, _stage: &'static str) {}

    /// Some rows are computed.
    fn see(&mut self, _seen: Seen<'_>) {}
}

/// Looks away.
#[derive(Debug)]
pub(crate) struct Unobserved;

impl Observer for Unobserved {}

/// Looks away if it is `None`.
impl<O: Observer> Observer for Option<O> {
    fn lap(&mut self, stage: &'static str) {
        if let Some(observer) = self {
            observer.lap(stage);
        }
    }

    fn see(&mut self, seen: Seen<'_>) {
        if let Some(observer) = self {
            observer.see(seen);
        }
    }
}

/// Sums the time of every stage.
#[derive(Clone, Debug)]
pub(crate) struct Stopwatch {
    last: Instant,
    stages: Vec<(&'static str, Duration)>,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self { last: Instant::now(), stages: Vec::new() }
    }

    /// Stages in order of their first lap.
    pub(crate) fn into_stages(self) -> Vec<(&'static str, Duration)> {
        self.stages
    }
}

impl Observer for Stopwatch {
    fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        let time = now - self.last;
        self.last = now;
        match self.stages.iter_mut().find(|(name, _)| *name == stage) {
            Some((_, sum)) => *sum += time,
            None => self.stages.push((stage, time)),
        }
    }
}
