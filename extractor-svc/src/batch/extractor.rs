//! One file of a batch; whatever breaks on it is its failure and not the run's.

use std::time::{Duration, Instant};

use crate::{
    decode::{EncodedAudio, Window},
    error::{ExtractError, isolated},
    limits::Limits,
    pipeline::{self, Extraction},
    recipe::Profile,
};

/// How every file of a run is extracted.
#[derive(Clone, Debug)]
pub struct Extractor {
    /// What is analysed of each recording.
    pub window: Window,
    /// Recipe of the numbers.
    pub profile: Profile,
    /// Limits on each file.
    pub limits: Limits,
    /// Wall time of each file.
    pub max_wall: Duration,
}

impl Extractor {
    /// Extracts what `open` opens, unless `is_stopped` says that nobody wants it any more.
    ///
    /// # Errors
    /// With what is wrong with the file, or that it took too long or was stopped.
    pub fn extract(
        &self,
        open: impl FnOnce() -> Result<EncodedAudio, ExtractError>,
        is_stopped: impl Fn() -> bool + Clone + Send + Sync + 'static,
    ) -> Result<Extraction, ExtractError> {
        let (started, limit) = (Instant::now(), self.max_wall);
        let is_over = {
            let is_stopped = is_stopped.clone();
            move || started.elapsed() > limit || is_stopped()
        };
        let extract =
            || pipeline::extract(open()?, &self.window, &self.profile, &self.limits, &is_over);
        isolated(extract, |detail| ExtractError::Panicked { detail }).map_err(|error| match error {
            // Nothing but the time and the caller stops a file.
            ExtractError::Cancelled if !is_stopped() => ExtractError::WallTime { limit },
            error => error,
        })
    }
}
