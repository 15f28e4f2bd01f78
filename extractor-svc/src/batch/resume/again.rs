//! Which outcomes of an earlier run stand, and which files are tried again.

use super::journal::{Entry, Identity, Outcome};
use crate::{findings::WarningCode, limits::Limits, table::Measured, version::BUILD};

/// Reasons that say nothing about a file's content, or depend on limits that this run may set
/// otherwise: such a file is tried again. A finding that was refused is one of them, too.
const TRY_AGAIN: [&str; 9] = [
    "SOURCE_FAILED",
    "SOURCE_CHANGED",
    "STREAM_TOO_LARGE",
    "HEADER_TOO_LARGE",
    "AUDIO_TOO_LONG",
    "WALL_TIME_EXCEEDED",
    "SAMPLE_RATE_UNSUPPORTED",
    "TOO_MANY_CHANNELS",
    "TOO_DAMAGED",
];

impl Entry {
    /// What became of the file, if `file` is as it was and these limits would not change it.
    #[must_use]
    pub fn outcome_of(self, file: &Identity, limits: &Limits) -> Option<Outcome> {
        if self.identity != *file {
            return None;
        }
        match &self.outcome {
            Outcome::Failed { extractor_version, reason, .. }
                if extractor_version != BUILD || is_tried_again(reason) =>
            {
                None
            }
            Outcome::Values(measured) if !is_accepted(measured, limits) => None,
            _ => Some(self.outcome),
        }
    }
}

fn is_tried_again(reason: &str) -> bool {
    TRY_AGAIN.contains(&reason) || WarningCode::from_name(reason).is_some()
}

/// Whether a row may stand under these limits; one that may not is made again, and then refused with
/// what is wrong.
fn is_accepted(measured: &Measured, limits: &Limits) -> bool {
    measured.damaged_share <= limits.max_damage
        && !measured.warnings.iter().any(|code| limits.refused.contains(code))
}
