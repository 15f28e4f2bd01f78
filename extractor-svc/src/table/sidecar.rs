//! The small JSON file beside a CSV or JSONL table that names the recipe of its numbers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proto::features::FeatureSchema;
use serde::{Deserialize, Serialize};

use super::TableError;

/// Content of a sidecar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Profile that filled the table.
    pub profile_id: String,
    /// SHA-256 of the ordered feature names.
    pub schema_sha256: String,
    /// The feature names in order.
    pub columns: Vec<String>,
}

impl Sidecar {
    /// The sidecar of a table with this profile and schema.
    #[must_use]
    pub fn new(profile_id: &str, schema: &FeatureSchema) -> Self {
        Self {
            profile_id: profile_id.to_owned(),
            schema_sha256: schema.sha256(),
            columns: schema.names().to_vec(),
        }
    }

    /// Writes the sidecar of the table at `table`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, table: &Path) -> Result<(), TableError> {
        let path = sidecar_path(table);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| TableError::Encode(error.to_string()))?;
        fs::write(&path, text + "\n").map_err(|source| TableError::Io { path, source })
    }
}

/// `features.csv` has its sidecar at `features.csv.meta.json`.
#[must_use]
pub fn sidecar_path(table: &Path) -> PathBuf {
    let mut name = table.as_os_str().to_owned();
    name.push(".meta.json");
    PathBuf::from(name)
}
