//! One row: what was measured of a recording.

use proto::features::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    findings::{WarningCode, kinds},
    pipeline::Extraction,
};

/// Characters of a row's digest.
const DIGEST_CHARACTERS: usize = 16;

/// Name of the first column.
pub const SOURCE_PATH: &str = "source_path";
/// Name of the column behind the features.
pub const DAMAGED_SHARE: &str = "damaged_share";
/// Name of the last column.
pub const WARNINGS: &str = "warnings";

/// What was measured of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Values in schema order.
    pub values: Vec<f64>,
    /// Share of the analysed window that is missing or was replaced, 0 to 1.
    pub damaged_share: f64,
    /// Kinds of findings, each once, in the order of the wire contract.
    pub warnings: Vec<WarningCode>,
}

impl Measured {
    /// A digest of all of it: what reads back with another one is not what was written.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for value in self.values.iter().chain([&self.damaged_share]) {
            digest.update(value.to_bits().to_le_bytes());
        }
        for code in &self.warnings {
            digest.update(code.name());
            digest.update([0]);
        }
        hex(&digest.finalize())[..DIGEST_CHARACTERS].to_owned()
    }
}

impl From<Extraction> for Measured {
    fn from(extraction: Extraction) -> Self {
        let Extraction { values, source, .. } = extraction;
        let damaged_share = source.damaged_share;
        Self { values, damaged_share, warnings: kinds(&source.warnings) }
    }
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The file, as [`source_path`](crate::batch::source_path) names it.
    pub source_path: String,
    /// What was measured of it.
    pub measured: Measured,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A recording without findings.
    pub(in crate::table) fn measured(values: &[f64]) -> Measured {
        Measured { values: values.to_vec(), damaged_share: 0.0, warnings: Vec::new() }
    }
}
