//! Why a table could not be written.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::row::{DAMAGED_SHARE, SOURCE_PATH, WARNINGS};

/// Why a table could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TableError {
    /// The operating system refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A row could not be encoded.
    #[error("cannot encode a row of the table: {0}")]
    Encode(String),
    /// The file holds something else than such a table.
    #[error(
        "{} is not a table as this program writes it: {SOURCE_PATH}, the profile's columns, \
         {DAMAGED_SHARE}, {WARNINGS}", path.display()
    )]
    OtherTable {
        /// Which file.
        path: PathBuf,
    },
    /// A row's length is not the schema's.
    #[error("a row has {got} values, the schema has {expected}")]
    Width {
        /// Values given.
        got: usize,
        /// Columns of the schema.
        expected: usize,
    },
}
