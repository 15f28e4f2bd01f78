//! Which form a table has, and where it goes.

use std::path::{Path, PathBuf};

use super::{error::TableError, row::Row};

/// Form of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TableFormat {
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object per line.
    Jsonl,
    /// Apache Parquet, typed and compressed.
    Parquet,
}

impl TableFormat {
    /// The format a file name asks for: `.jsonl`, `.ndjson`, `.parquet`, else CSV.
    #[must_use]
    pub fn of_path(path: &Path) -> Self {
        let extension = path.extension().map(|text| text.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("jsonl" | "ndjson") => Self::Jsonl,
            Some("parquet") => Self::Parquet,
            _ => Self::Csv,
        }
    }
}

/// Where a table goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output; there is no place for a sidecar then.
    Stdout,
    /// A file; its folders are made.
    File(PathBuf),
}

/// What each format does.
pub(super) trait RowWriter {
    /// Appends a row.
    fn write(&mut self, row: &Row) -> Result<(), TableError>;
    /// Writes what comes behind the rows.
    fn finish(self: Box<Self>) -> Result<(), TableError>;
}
