//! The stages of an extraction, for those who watch: a span each, and the time each took.
//!
//! Stages take turns, block by block, so a span is entered many times; its busy time is the
//! stage's. Waits for the caller belong to no stage.

use std::time::{Duration, Instant};

use tracing::Span;

/// A part of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Container and codec, mono and window.
    Decode,
    /// To the rate of the recipe.
    Resample,
    /// What is computed frame by frame while the recording comes.
    Spectrum,
    /// What needs the whole recording: tuning, constant-Q transform, statistics.
    Finish,
}

impl Stage {
    /// All of them, in the order of the data.
    pub const ALL: [Self; 4] = [Self::Decode, Self::Resample, Self::Spectrum, Self::Finish];

    /// The name in metrics and traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Resample => "resample",
            Self::Spectrum => "spectrum",
            Self::Finish => "finish",
        }
    }
}

/// The time each stage took, in the order of [`Stage::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimes([Duration; 4]);

impl StageTimes {
    /// The time of one.
    #[must_use]
    pub fn of(&self, stage: Stage) -> Duration {
        self.0[stage as usize]
    }
}

/// Runs stages, and keeps the time.
#[derive(Debug)]
pub(crate) struct Stages {
    spans: [Span; 4],
    times: StageTimes,
}

impl Stages {
    pub(crate) fn new() -> Self {
        let spans = [
            tracing::info_span!("decode"),
            tracing::info_span!("resample"),
            tracing::info_span!("spectrum"),
            tracing::info_span!("finish"),
        ];
        Self { spans, times: StageTimes::default() }
    }

    /// A turn of a stage. `waited` is the time for which work has stood still so far.
    pub(crate) fn turn<T>(
        &mut self,
        stage: Stage,
        waited: impl Fn() -> Duration,
        work: impl FnOnce() -> T,
    ) -> T {
        let _entered = self.spans[stage as usize].enter();
        let (started, waited_before) = (Instant::now(), waited());
        let done = work();
        let pause = waited().saturating_sub(waited_before);
        self.times.0[stage as usize] += started.elapsed().saturating_sub(pause);
        done
    }

    pub(crate) fn times(self) -> StageTimes {
        self.times
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, thread::sleep};

    use super::*;

    #[test]
    fn waits_belong_to_no_stage() {
        let (mut stages, waited) = (Stages::new(), Cell::new(Duration::ZERO));
        let long = Duration::from_secs(3600);
        let work = || {
            sleep(Duration::from_millis(2));
            waited.set(waited.get() + long);
            7
        };
        assert_eq!(stages.turn(Stage::Decode, || waited.get(), work), 7);
        stages.turn(Stage::Finish, || waited.get(), || sleep(Duration::from_millis(2)));
        let times = stages.times();
        assert_eq!(times.of(Stage::Decode), Duration::ZERO, "it only waited");
        assert!(times.of(Stage::Finish) >= Duration::from_millis(2));
        assert_eq!(times.of(Stage::Spectrum), Duration::ZERO);
    }
}
