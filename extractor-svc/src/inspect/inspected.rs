//! One file, read and analysed as an extraction does it, with everything kept.

use std::time::Instant;

use super::report::Report;
use crate::{
    config::InspectConfig,
    decode::{EncodedAudio, WindowedDecoder},
    dsp::{resample::Resampler, simd::Level},
    error::ExtractError,
    features::{self, Stages},
};

/// A file's samples, all that was computed from them, and how they were read.
#[derive(Debug)]
pub struct Inspected {
    pub(super) y: Vec<f32>,
    pub(super) stages: Stages,
    /// What is said of the file.
    pub report: Report,
}

/// Reads and analyses one file, and keeps everything.
///
/// # Errors
/// When the file cannot be read as audio, or takes longer than it may.
pub fn inspect(config: &InspectConfig) -> Result<Inspected, ExtractError> {
    let (started, limit) = (Instant::now(), config.max_wall);
    let (audio, bytes) = EncodedAudio::open(&config.file)?;
    let mut decoder = WindowedDecoder::open(audio, &config.window, &config.limits)?;
    let mut resampler = Resampler::new(decoder.sample_rate(), config.profile.sample_rate());
    let (mut block, mut y) = (Vec::new(), Vec::new());
    while decoder.next_block(&mut block)? {
        if started.elapsed() > limit {
            return Err(ExtractError::WallTime { limit });
        }
        resampler.push(&block, &mut y);
    }
    resampler.finish(&mut y);
    let mut source = decoder.facts();
    source.find_short_window(config.profile.recommended_seconds());
    source.accept(&config.limits)?;
    let stages = features::analyze_stages(y.clone(), &config.profile, Level::detect())?;
    source.find_ambiguous_tuning(stages.is_tuning_ambiguous);
    source.accept(&config.limits)?;
    let report = Report::new(config, bytes, &source, &y, &stages);
    Ok(Inspected { y, stages, report })
}
