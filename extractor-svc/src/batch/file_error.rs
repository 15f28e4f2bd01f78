//! Why a file of a batch gave no row. What is wrong with the disk that is written to, or with a whole
//! store, is no such reason.

use proto::MAX_TRACK_ID_BYTES;
use thiserror::Error;

use crate::error::ExtractError;

/// Why a file gave no row.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FileError {
    /// No index takes a row with so long an id.
    #[error("source_path has {bytes} bytes, expected at most {MAX_TRACK_ID_BYTES}")]
    PathTooLong {
        /// Bytes of the path as text.
        bytes: usize,
    },
    /// It was there when the batch was planned.
    #[error("{url} is not there any more")]
    Missing {
        /// The file.
        url: String,
    },
    /// It was replaced since.
    #[error("{url} is not the file that was planned")]
    Changed {
        /// The file.
        url: String,
    },
    /// It was written while it was read: its row would be of no version of it.
    #[error("it was changed or removed while it was read")]
    ChangedMeanwhile,
    /// Two workers ended while they had it in work, the second with nothing else.
    #[error("two workers ended while they worked on it, the second on it alone")]
    EndedWorkers,
    /// It cannot be extracted.
    #[error(transparent)]
    Extract(#[from] ExtractError),
}

impl FileError {
    /// Refuses a text that cannot name a row.
    ///
    /// # Errors
    /// When it is too long.
    pub fn check_source_path(source_path: &str) -> Result<(), Self> {
        let bytes = source_path.len();
        if bytes > MAX_TRACK_ID_BYTES { Err(Self::PathTooLong { bytes }) } else { Ok(()) }
    }

    /// Stable, machine-readable name of the failure.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::PathTooLong { .. } => "PATH_TOO_LONG",
            Self::Missing { .. } => "SOURCE_MISSING",
            Self::Changed { .. } | Self::ChangedMeanwhile => "SOURCE_CHANGED",
            Self::EndedWorkers => "WORKER_ENDED",
            Self::Extract(error) => error.reason(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_as_many_bytes_as_an_index_takes() {
        assert_eq!(FileError::check_source_path(&"é".repeat(256)), Ok(()));
        let long = format!("{}a", "é".repeat(256));
        let error = FileError::check_source_path(&long).expect_err("too long");
        assert_eq!(
            (&error, error.reason()),
            (&FileError::PathTooLong { bytes: 513 }, "PATH_TOO_LONG")
        );
    }
}
