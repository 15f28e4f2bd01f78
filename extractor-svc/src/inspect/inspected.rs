//! One file, read and analysed as an extraction does it, with everything kept.

use std::time::Instant;

use super::report::Report;
use crate::{
    config::InspectConfig, decode::EncodedAudio, error::ExtractError, features::Stages, pipeline,
};

/// A file's samples, all that was computed from them, and how they were read.
#[derive(Debug)]
pub struct Inspected {
    pub(super) stages: Stages,
    /// What is said of the file.
    pub report: Report,
}

/// Reads and analyses one file, and keeps everything.
///
/// # Errors
/// When the file cannot be read as audio, or takes longer than it may.
pub fn inspect(config: &InspectConfig) -> Result<Inspected, ExtractError> {
    let InspectConfig { file, window, profile, limits, max_wall } = config;
    let (started, limit) = (Instant::now(), *max_wall);
    let (audio, bytes) = EncodedAudio::open(file)?;
    let is_over = move || started.elapsed() > limit;
    let inspected = pipeline::inspect(audio, window, profile, limits, &is_over);
    let (extraction, stages) = inspected.map_err(|error| match error {
        // Nothing but the time stops it.
        ExtractError::Cancelled => ExtractError::WallTime { limit },
        error => error,
    })?;
    let report = Report::new(config, bytes, &extraction, &stages);
    Ok(Inspected { stages, report })
}
