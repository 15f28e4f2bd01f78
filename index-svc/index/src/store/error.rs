//! Why the store could not be opened, read or written.

use std::path::PathBuf;

use engine::{io_is_passing, lmdb_is_passing};
use thiserror::Error;

/// Why the store could not be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// LMDB failed.
    #[error("{}: {source}", path.display())]
    Lmdb {
        /// The environment's directory.
        path: PathBuf,
        /// What LMDB says.
        source: heed::Error,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// This process has this very index open already.
    #[error("{} is open in this process already", path.display())]
    OpenTwice {
        /// The environment's directory.
        path: PathBuf,
    },
    /// A database is missing: this is not an index's data file.
    #[error("{} has no database `{name}`", path.display())]
    Database {
        /// The environment's directory.
        path: PathBuf,
        /// Its name.
        name: &'static str,
    },
    /// An entry is missing.
    #[error("{what} {key} is missing from the store")]
    Missing {
        /// Kind of entry.
        what: &'static str,
        /// Its key.
        key: String,
    },
    /// An entry has another length than it must have.
    #[error("{what} {key} has {got} bytes, expected {expected}")]
    Length {
        /// Kind of entry.
        what: &'static str,
        /// Its key.
        key: String,
        /// Bytes found.
        got: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// A file of records says of one that it ends before it begins, or past the records.
    #[error("{} has no sound place for record {row}", path.display())]
    Place {
        /// Which file.
        path: PathBuf,
        /// Number of the record.
        row: usize,
    },
}

impl StoreError {
    /// Whether the same call may be answered later, with nothing changed by anybody.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Io { source, .. } => io_is_passing(source),
            Self::Lmdb { source, .. } => lmdb_is_passing(source),
            // Until who has it open closes it.
            Self::OpenTwice { .. } => true,
            Self::Database { .. }
            | Self::Missing { .. }
            | Self::Length { .. }
            | Self::Place { .. } => false,
        }
    }
}
