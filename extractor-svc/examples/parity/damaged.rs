//! Files that are broken on purpose and of which librosa makes a vector: ours agrees where damage is
//! allowed, and is refused by default where much of it is lost.

use std::fmt;

use extractor_svc::error::ExtractError;
use proto::features::FeatureSchema;

use crate::{bounds::worst_factor, corpus::Recording};

/// The table's head.
pub(crate) const HEAD: &str =
    "| damaged file | any damage allowed | expected | by default | pass |\n|---|---|---|---|---|";

/// Files that have lost half of their time, in containers that say how much there was. Ogg does not.
const HALF_LOST: [&str; 3] =
    ["bad/truncated_half.flac", "bad/truncated_half.mp3", "bad/truncated_half.wav"];

/// One line of the table.
pub(crate) struct Line<'a> {
    recording: &'a Recording,
    outcome: String,
    by_default: &'static str,
    pub(crate) passes: bool,
}

impl<'a> Line<'a> {
    pub(crate) fn new(
        schema: &FeatureSchema,
        recording: &'a Recording,
        values: &Result<Vec<f64>, ExtractError>,
        by_default: &Result<Vec<f64>, ExtractError>,
    ) -> Self {
        let (outcome, seen) = match values {
            Ok(values) => {
                let (worst, column) = recording.worst(schema, values);
                let agrees = worst <= worst_factor(recording.class);
                let seen = if agrees { "agrees" } else { "DIFFERS" };
                (format!("{worst:.2} of the bound, {column}"), seen)
            }
            Err(error) => (error.reason().to_owned(), error.reason()),
        };
        let by_default = by_default.as_ref().map_or_else(ExtractError::reason, |_| "VECTOR");
        let half_lost = HALF_LOST.contains(&&*recording.file);
        let passes = seen == expected(recording) && (!half_lost || by_default == "TOO_DAMAGED");
        Self { recording, outcome, by_default, passes }
    }
}

fn expected(recording: &Recording) -> &str {
    recording.exception.as_ref().map_or("agrees", |exception| &exception.code)
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| {} | {} | class {:?}, {} | {} | {} |",
            self.recording.file,
            self.outcome,
            self.recording.class,
            expected(self.recording),
            self.by_default,
            if self.passes { "yes" } else { "**NO**" }
        )
    }
}
