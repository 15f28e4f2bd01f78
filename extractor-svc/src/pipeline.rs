//! THE STORY: encoded bytes in, librosa's 74 numbers out, one line per stage.
//!
//! Decoding, mixing and resampling go block by block, so that the source is never held whole as
//! samples; the analysis begins when the last block is in, because two of its steps (the 80 dB
//! floor of the MFCC and the tuning of the chroma) depend on the whole recording.

use crate::{
    decode::{EncodedAudio, SourceFacts, WindowedDecoder},
    error::ExtractError,
    features::{self, AnalysisError},
    limits::Limits,
    profile::Profile,
    resample::Resampler,
    window::Window,
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
}

/// Extracts the feature vector of one recording. `cancelled` is asked often; once it says yes, the
/// work stops.
///
/// # Errors
/// When the bytes are not audio that can be read, the window holds none, or a limit is gone over.
pub fn extract(
    audio: EncodedAudio,
    window: &Window,
    profile: &Profile,
    limits: &Limits,
    cancelled: &dyn Fn() -> bool,
) -> Result<Extraction, ExtractError> {
    let mut decoder = WindowedDecoder::open(audio, window, limits)?;
    let mut resampler = Resampler::new(decoder.sample_rate(), profile.sample_rate());
    let (mut block, mut y) = (Vec::new(), Vec::new());
    while decoder.next_block(&mut block)? {
        if cancelled() {
            return Err(ExtractError::Cancelled);
        }
        resampler.push(&block, &mut y);
    }
    resampler.finish(&mut y);
    let source = decoder.facts();
    let features = features::analyze(y, profile, cancelled)?;
    Ok(Extraction { values: features.values, tuning: features.tuning, source })
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
