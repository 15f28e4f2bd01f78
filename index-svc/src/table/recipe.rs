//! What a table says about the recipe of its numbers: a small JSON file beside it, named
//! `<table>.meta.json`. Parquet has it inside.

use std::{
    fmt,
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use proto::features::FeatureSchema;
use serde::Deserialize;

use super::{ColumnRule, TableError};

/// Largest sidecar that is read, in bytes.
const MAX_SIDECAR_BYTES: u64 = 4 << 20;

/// Part of each recording that was analysed.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Window {
    /// Start in seconds.
    pub offset_seconds: f64,
    /// Length in seconds; none to the end.
    pub duration_seconds: Option<f64>,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {} s, ", self.offset_seconds)?;
        match self.duration_seconds {
            Some(seconds) => write!(f, "duration {seconds} s"),
            None => write!(f, "to the end"),
        }
    }
}

/// Profile and schema of a table, and what filled it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Recipe {
    /// Profile that filled the table.
    pub profile_id: String,
    /// SHA-256 of the ordered feature names.
    pub schema_sha256: String,
    /// Builds of the extractor that filled it; none where it does not say.
    #[serde(default)]
    pub extractor_versions: Vec<String>,
    /// Part of each recording that its rows are of; none where it does not say.
    #[serde(default)]
    pub window: Option<Window>,
}

/// `features.csv` has its sidecar at `features.csv.meta.json`.
#[must_use]
pub fn sidecar_path(table: &Path) -> PathBuf {
    let mut name = table.as_os_str().to_owned();
    name.push(".meta.json");
    PathBuf::from(name)
}

impl Recipe {
    /// The recipe of the table at `path`, if it states one.
    ///
    /// # Errors
    /// When the sidecar is there and cannot be read.
    pub fn of_table(path: &Path) -> Result<Option<Self>, TableError> {
        let path = sidecar_path(path);
        let mut text = Vec::new();
        let read =
            File::open(&path).and_then(|file| file.take(MAX_SIDECAR_BYTES).read_to_end(&mut text));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(TableError::Io { path, source }),
            Ok(_) => match serde_json::from_slice(&text) {
                Ok(recipe) => Ok(Some(recipe)),
                Err(error) => Err(TableError::Malformed {
                    path,
                    line: error.line() as u64,
                    why: format!("not a table's sidecar: {error}"),
                }),
            },
        }
    }

    /// Compares the stated schema with the one that is read. A table that is read in part or in
    /// another order still states the schema of all it has, so both are accepted.
    pub(super) fn check_schema(
        &self,
        path: &Path,
        rule: &ColumnRule,
        read: &FeatureSchema,
    ) -> Result<(), TableError> {
        let (ColumnRule::Schema(wanted) | ColumnRule::All(wanted)) = rule;
        let expected = wanted.sha256();
        if self.schema_sha256 == expected || self.schema_sha256 == read.sha256() {
            return Ok(());
        }
        let (path, got) = (path.to_owned(), self.schema_sha256.clone());
        Err(TableError::SchemaMismatch { path, got, expected })
    }
}
