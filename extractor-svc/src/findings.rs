//! Findings about the audio that do not stop the extraction by themselves, and the measure of damage.

use serde::{Deserialize, Serialize};

/// A finding about the audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Kind of the finding.
    pub code: WarningCode,
    /// Human-readable text.
    pub message: String,
}

/// Kind of a finding; the names are those of the wire contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WarningCode {
    /// The stream ended before the container said it would, or before its format changed.
    TruncatedStream,
    /// Bytes or packets were skipped, or replaced by silence, to continue behind a damage.
    Resynchronized,
    /// A large share of samples is at full scale.
    Clipped,
    /// The analysed window is shorter than the longest filter of the recipe.
    ShortWindow,
    /// The container declares a duration that differs from the decoded one.
    DurationMismatch,
    /// More audio follows the end of the recording and was not read, as librosa does not read it.
    TrailingAudio,
    /// The container has several audio tracks of equal rank; the first was read.
    SeveralTracks,
    /// Two tuning estimates are equally good within rounding: chroma may rotate by one bin.
    TuningAmbiguous,
}

impl WarningCode {
    /// Every kind, in the order of the wire contract.
    pub const ALL: [Self; 8] = [
        Self::TruncatedStream,
        Self::Resynchronized,
        Self::Clipped,
        Self::ShortWindow,
        Self::DurationMismatch,
        Self::TrailingAudio,
        Self::SeveralTracks,
        Self::TuningAmbiguous,
    ];

    /// The stable, machine-readable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TruncatedStream => "TRUNCATED_STREAM",
            Self::Resynchronized => "RESYNCHRONIZED",
            Self::Clipped => "CLIPPED",
            Self::ShortWindow => "SHORT_WINDOW",
            Self::DurationMismatch => "DURATION_MISMATCH",
            Self::TrailingAudio => "TRAILING_AUDIO",
            Self::SeveralTracks => "SEVERAL_TRACKS",
            Self::TuningAmbiguous => "TUNING_AMBIGUOUS",
        }
    }

    /// The kind with a name; `None` if no kind has it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

/// The kinds of these findings, each once, in the order of the wire contract.
#[must_use]
pub fn kinds(warnings: &[Warning]) -> Vec<WarningCode> {
    let mut kinds: Vec<WarningCode> = warnings.iter().map(|warning| warning.code).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// What a reader notices while it decodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    warnings: Vec<Warning>,
    muted: u64,
    missing: u64,
}

impl Findings {
    /// Adds a warning.
    pub(crate) fn warn(&mut self, code: WarningCode, message: impl Into<String>) {
        self.warnings.push(Warning { code, message: message.into() });
    }

    /// Counts frames that a damage replaced: they were handed out, as silence or concealed.
    pub(crate) fn mute(&mut self, frames: u64) {
        self.muted += frames;
    }

    /// Counts frames of the source that a damage removed: nothing was handed out for them.
    pub(crate) fn miss(&mut self, frames: u64) {
        self.missing += frames;
    }

    /// Takes back frames that were counted as missing by an estimate, and are not.
    pub(crate) fn regain(&mut self, frames: u64) {
        self.missing = self.missing.saturating_sub(frames);
    }

    /// The warnings so far.
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Frames muted and frames missing so far.
    pub(crate) fn losses(&self) -> (u64, u64) {
        (self.muted, self.missing)
    }
}

/// A length in frames that a container, or the sender, declares.
///
/// Placeholder sizes (0, -1, the largest number) and estimates from a bit rate declare nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeclaredLength {
    /// Frames of the whole recording, without what is trimmed.
    pub(crate) frames: u64,
    /// How far the container's way of counting may be off without anything missing.
    pub(crate) slack: u64,
}

/// Damage of an analysed window, in frames of the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Frames that were handed out in place of lost ones.
    pub(crate) muted: u64,
    /// Frames that a reader knows to have left out.
    pub(crate) missing: u64,
    /// Those that it left out before the window.
    pub(crate) missing_before: u64,
}

impl Damage {
    /// Share of the window's expected time that is lost, 0 to 1.
    ///
    /// `analysed` frames were handed out from frame `first` of the recording on; `wanted` is the
    /// window's own length, if it has one.
    pub(crate) fn share(
        self,
        first: u64,
        wanted: Option<u64>,
        analysed: u64,
        declared: Option<DeclaredLength>,
    ) -> f64 {
        let known = analysed + self.missing;
        let expected = declared.map_or(known, |declared| {
            let until = declared.frames.saturating_sub(first).saturating_sub(self.missing_before);
            let span = wanted.map_or(until, |wanted| wanted.min(until));
            if span.saturating_sub(known) <= declared.slack { known } else { span }
        });
        let lost = self.muted + expected - analysed;
        if expected == 0 { 0.0 } else { lost as f64 / expected as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Damage, DeclaredLength, WarningCode};

    #[test]
    fn names_lead_back_to_codes() {
        for code in WarningCode::ALL {
            assert_eq!(WarningCode::from_name(code.name()), Some(code));
            let json = serde_json::to_value(code).expect("a name");
            assert_eq!(json, code.name());
        }
        assert_eq!(WarningCode::from_name("clipped"), None);
    }

    #[test]
    fn the_share_of_damage_is_that_of_the_window() {
        let check =
            |muted, missing, first, wanted, analysed, declared: Option<u64>, expected: f64| {
                let declared = declared.map(|frames| DeclaredLength { frames, slack: 10 });
                let damage = Damage { muted, missing, missing_before: 0 };
                let share = damage.share(first, wanted, analysed, declared);
                assert!((share - expected).abs() < 1e-12, "{share}, expected {expected}");
            };
        check(0, 0, 0, None, 1000, None, 0.0);
        check(250, 0, 0, None, 1000, None, 0.25);
        check(0, 250, 0, None, 750, None, 0.25);
        check(0, 0, 0, None, 750, Some(1000), 0.25);
        check(0, 250, 0, None, 750, Some(1000), 0.25);
        check(100, 50, 0, None, 750, Some(1000), 0.35);
        // Within the slack nothing is missing, and more than declared is no damage.
        check(0, 0, 0, None, 990, Some(1000), 0.0);
        check(0, 0, 0, None, 1200, Some(1000), 0.0);
        // A window that ends before the damage has none.
        check(0, 0, 100, Some(400), 400, Some(1000), 0.0);
        check(0, 0, 600, Some(900), 300, Some(1000), 0.25);
        let declared = Some(DeclaredLength { frames: 1000, slack: 10 });
        let damage = Damage { missing_before: 300, ..Damage::default() };
        assert!(damage.share(200, None, 500, declared) < 1e-12);
        check(0, 0, 0, None, 0, None, 0.0);
        check(0, 0, 0, None, 0, Some(1000), 1.0);
    }
}
