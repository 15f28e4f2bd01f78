//! Feature names, their order, and the digest by which two vectors are known to be comparable.
//!
//! A *schema* is the ordered list of column names. A *profile* is the whole recipe that fills
//! them (sample rate, resampler, parameters, librosa version, statistics) and is immutable: new
//! mathematics is a new profile id. Both travel with every vector, table and index, because
//! nothing in the numbers shows that two recipes were mixed.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Id of the default profile: 22,050 Hz mono, soxr HQ resampling, hop 512, librosa 0.11 defaults.
pub const DEFAULT_PROFILE: &str = "librosa-0.11-22050";

/// Prefix of profiles named by their content, such as `custom:sr=44100,hop_length=256`.
pub const CUSTOM_PROFILE_PREFIX: &str = "custom:";

/// Families of the `librosa` profiles in schema order, with their number of rows.
///
/// The names are those of the data sets in use, so root-mean-square energy is `rmse`.
pub const FAMILIES: [(&str, usize); 7] = [
    ("mfcc", 20),
    ("chroma_cqt", 12),
    ("spectral_centroid", 1),
    ("spectral_bandwidth", 1),
    ("spectral_rolloff", 1),
    ("rmse", 1),
    ("zcr", 1),
];

/// Number of columns of the `librosa` profiles.
pub const DIMS: usize = 74;

/// An ordered list of feature names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureSchema {
    names: Vec<String>,
}

impl FeatureSchema {
    /// The 74 columns of the `librosa` profiles: for each family all means, then all standard
    /// deviations, numbered from 1 without padding (`mfcc_mean_1`, …, `zcr_std_1`).
    #[must_use]
    pub fn librosa() -> Self {
        let mut names = Vec::with_capacity(DIMS);
        for (family, rows) in FAMILIES {
            for statistic in ["mean", "std"] {
                names.extend((1..=rows).map(|row| format!("{family}_{statistic}_{row}")));
            }
        }
        Self { names }
    }

    /// A schema of other columns, in the given order.
    #[must_use]
    pub fn from_names(names: Vec<String>) -> Self {
        Self { names }
    }

    /// The names in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of columns.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.names.len()
    }

    /// SHA-256 of the names joined by `\n` (no newline at the end), as lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(self.names.join("\n").as_bytes()))
    }
}

/// Bytes as lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn librosa_schema_is_the_contract() {
        let schema = FeatureSchema::librosa();
        assert_eq!(schema.dims(), DIMS);
        assert_eq!(schema.names()[0], "mfcc_mean_1");
        assert_eq!(schema.names()[20], "mfcc_std_1");
        assert_eq!(schema.names()[40], "chroma_cqt_mean_1");
        assert_eq!(schema.names()[64], "spectral_centroid_mean_1");
        assert_eq!(schema.names()[73], "zcr_std_1");
    }

    /// The digest is part of the wire contract: if this changes, every index and table is stale.
    #[test]
    fn librosa_schema_digest_never_changes() {
        assert_eq!(
            FeatureSchema::librosa().sha256(),
            "c623b8b3b9419065f4ae5dda8ca28613e43804b479f6ad6a7cabd6afd1da6dc4"
        );
    }
}
