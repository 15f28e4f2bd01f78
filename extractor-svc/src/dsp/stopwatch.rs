//! Where the time of an analysis goes.
//!
//! Stages report their end through [`Laps`]; only a benchmark listens.

use std::time::{Duration, Instant};

/// Hears that a stage, one of many turns of it, has ended.
pub(crate) trait Laps {
    /// The time since the last lap belongs to `stage`.
    fn lap(&mut self, stage: &'static str);
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

impl Laps for Stopwatch {
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
