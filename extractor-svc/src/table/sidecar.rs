//! The small JSON file beside a CSV or JSONL table that names the recipe of its numbers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{TableError, TableOrigin, TableWindow};

/// Content of a sidecar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Profile that filled the table.
    pub profile_id: String,
    /// Builds of this program that filled it.
    pub extractor_versions: Vec<String>,
    /// What was analysed of each recording.
    pub window: TableWindow,
    /// SHA-256 of the ordered feature names.
    pub schema_sha256: String,
    /// The feature names in order.
    pub columns: Vec<String>,
}

impl Sidecar {
    /// The sidecar of a table of this origin.
    #[must_use]
    pub fn new(origin: &TableOrigin) -> Self {
        Self {
            profile_id: origin.profile_id.clone(),
            extractor_versions: origin.extractor_versions.clone(),
            window: origin.window.into(),
            schema_sha256: origin.schema.sha256(),
            columns: origin.schema.names().to_vec(),
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
