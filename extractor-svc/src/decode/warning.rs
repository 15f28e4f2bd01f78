//! Findings about the audio that do not stop the extraction.

/// A finding about the audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Kind of the finding.
    pub code: WarningCode,
    /// Human-readable text.
    pub message: String,
}

impl Warning {
    pub(super) fn new(code: WarningCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Kind of a finding; the names are those of the wire contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningCode {
    /// The stream ended before the container said it would, or before its format changed.
    TruncatedStream,
    /// Bytes or packets were skipped, or replaced by silence, to go on behind a damage.
    Resynchronized,
    /// A large share of samples is at full scale.
    Clipped,
    /// The analysed window is shorter than the longest filter of the recipe.
    ShortWindow,
    /// The container declares a duration that differs from the decoded one.
    DurationMismatch,
}

impl WarningCode {
    /// The stable, machine-readable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TruncatedStream => "TRUNCATED_STREAM",
            Self::Resynchronized => "RESYNCHRONIZED",
            Self::Clipped => "CLIPPED",
            Self::ShortWindow => "SHORT_WINDOW",
            Self::DurationMismatch => "DURATION_MISMATCH",
        }
    }
}
