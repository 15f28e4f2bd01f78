//! `build.json`: when an index was made, and by which program. A file of its own, which the version's
//! digest does not cover: the same input makes the same version, whenever and wherever it is built.
//!
//! Nothing depends on it. An index without the file, or with one that cannot be read, opens and answers.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::manifest::ManifestError;

/// Name of the record in an index directory.
pub const BUILD_FILE: &str = "build.json";
/// Largest record that is read, in bytes.
pub const MAX_BUILD_BYTES: u64 = 4 << 10;

/// When an index was made, and by which program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// Build time in seconds since 1970.
    pub built_at_unix: i64,
    /// Program that built it.
    pub built_by: String,
}

impl BuildRecord {
    /// The record of a build by this program that ends now.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            built_at_unix: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            built_by: format!("index-svc {}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// The record of the index at `directory`, where it has one; the log tells of a file that is there and
    /// cannot be read.
    #[must_use]
    pub fn read(directory: &Path) -> Option<Self> {
        let path = directory.join(BUILD_FILE);
        let record = File::open(&path).and_then(|file| {
            let mut text = Vec::new();
            file.take(MAX_BUILD_BYTES).read_to_end(&mut text)?;
            serde_json::from_slice(&text).map_err(io::Error::from)
        });
        match record {
            Ok(record) => Some(record),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the build record cannot be read");
                None
            }
        }
    }

    /// Writes the record and flushes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, directory: &Path) -> Result<(), ManifestError> {
        let path = directory.join(BUILD_FILE);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| ManifestError::Json { path: path.clone(), source })?;
        File::create(&path)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .map_err(|source| ManifestError::Io { path, source })
    }
}
