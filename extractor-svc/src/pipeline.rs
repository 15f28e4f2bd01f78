//! THE STORY: encoded bytes in, librosa's 74 numbers out, one line per stage.
//!
//! All of it goes block by block, so that the source is never held whole as samples, and so that a
//! recording that is still arriving is worked on meanwhile. The end of the analysis waits for the
//! last block, because two of its steps (the 80 dB floor of the MFCC and the tuning of the chroma)
//! depend on the whole recording.

use std::{sync::Arc, time::Duration};

use crate::{
    decode::{EncodedAudio, SourceFacts, Stop, Window, WindowedDecoder},
    error::ExtractError,
    features::{self, Analysis, AnalysisError, FeatureSet},
    limits::Limits,
    recipe::Profile,
    stages::{Stage, StageTimes, Stages},
};

/// A feature vector and how it came about.
#[derive(Clone, Debug)]
pub struct Extraction {
    /// Values in schema order, all finite.
    pub values: Vec<f64>,
    /// Estimated deviation from A440, in fractions of a bin of a third of a semitone.
    pub tuning: f64,
    /// How the audio was read.
    pub source: SourceFacts,
    /// Where the time went.
    pub times: StageTimes,
}

/// What an extraction needs of its surroundings: cancellation, memory, and the time it stood still.
pub trait ExtractionContext {
    /// Tells whether nobody waits for the result any more. It is asked often, also while a source is
    /// opened and searched; once it says yes, the work stops.
    fn stop(&self) -> Stop;

    /// Told, as the recording grows, how many bytes its samples and features take.
    ///
    /// # Errors
    /// When that is too much.
    fn allow(&self, bytes: usize) -> Result<(), ExtractError>;

    /// For how long the work has stood still so far, waiting for the caller.
    fn waited(&self) -> Duration {
        Duration::ZERO
    }
}

/// A flag cancels, and allows any memory.
impl<F: Fn() -> bool + Clone + Send + Sync + 'static> ExtractionContext for F {
    fn stop(&self) -> Stop {
        Arc::new(self.clone())
    }

    fn allow(&self, _bytes: usize) -> Result<(), ExtractError> {
        Ok(())
    }
}

/// Extracts the feature vector of one recording.
///
/// # Errors
/// When the bytes are not audio that can be read, the window holds none, or a limit is gone over.
pub fn extract(
    audio: EncodedAudio,
    window: &Window,
    profile: &Profile,
    limits: &Limits,
    context: &(impl ExtractionContext + ?Sized),
) -> Result<Extraction, ExtractError> {
    let extracted =
        run(audio, window, profile, limits, context, Analysis::new, |analysis, cancel| {
            Ok((analysis.finish(cancel)?, ()))
        });
    Ok(extracted?.0)
}

/// Extracts as [`extract`] does, and keeps the analysed samples and every matrix on the way.
///
/// # Errors
/// As [`extract`], except that values are not checked to be finite.
pub fn inspect(
    audio: EncodedAudio,
    window: &Window,
    profile: &Profile,
    limits: &Limits,
    context: &(impl ExtractionContext + ?Sized),
) -> Result<(Extraction, features::Stages), ExtractError> {
    run(audio, window, profile, limits, context, Analysis::recorded, |analysis, cancel| {
        analysis.finish_recorded(cancel)
    })
}

/// The story itself, with an analysis that `begin` makes and `finish` ends.
fn run<T>(
    audio: EncodedAudio,
    window: &Window,
    profile: &Profile,
    limits: &Limits,
    context: &(impl ExtractionContext + ?Sized),
    begin: impl FnOnce(&Profile) -> Analysis,
    finish: impl FnOnce(Analysis, &dyn Fn() -> bool) -> Result<(FeatureSet, T), AnalysisError>,
) -> Result<(Extraction, T), ExtractError> {
    let (is_gone, waited) = (context.stop(), || context.waited());
    let audio = audio.with_stop(Arc::clone(&is_gone));
    let mut stages = Stages::new();
    let open = || WindowedDecoder::open(audio, window, limits);
    let mut decoder = stages.turn(Stage::Decode, waited, open)?;
    let (mut block, mut analysis) = (Vec::new(), begin(profile));
    let mut resampler = analysis.resampler(decoder.sample_rate());
    while stages.turn(Stage::Decode, waited, || decoder.next_block(&mut block))? {
        if is_gone() {
            return Err(ExtractError::Cancelled);
        }
        stages.turn(Stage::Resample, waited, || resampler.push(&block, analysis.signal()));
        context.allow(analysis.bytes())?;
        stages.turn(Stage::Spectrum, waited, || analysis.advance(&*is_gone))?;
    }
    stages.turn(Stage::Resample, waited, || resampler.finish(analysis.signal()));
    let mut source = decoder.facts();
    drop(decoder);
    source.find_short_window(profile.recommended_seconds());
    source.accept(limits)?;
    let (features, kept) = stages.turn(Stage::Finish, waited, || finish(analysis, &*is_gone))?;
    source.find_ambiguous_tuning(features.is_tuning_ambiguous);
    source.accept(limits)?;
    // One order on the wire, in tables and in the log; the kinds as the contract has them.
    source.warnings.sort_by_key(|warning| warning.code);
    let (values, tuning, times) = (features.values, features.tuning, stages.times());
    Ok((Extraction { values, tuning, source, times }, kept))
}

impl From<AnalysisError> for ExtractError {
    fn from(error: AnalysisError) -> Self {
        match error {
            AnalysisError::Empty => Self::EmptyAudio,
            AnalysisError::TooShort { len, min } => Self::TooShort { frames: len, min },
            AnalysisError::Cancelled => Self::Cancelled,
            AnalysisError::NotFinite { column, .. } => Self::NonFiniteFeature { column },
        }
    }
}
