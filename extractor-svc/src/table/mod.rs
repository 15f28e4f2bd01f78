//! Feature tables: one row per recording: `source_path`, the schema's columns, `damaged_share`, and
//! last the kinds of `warnings`, joined by `;` in CSV and a list of texts otherwise.
//!
//! Every table says which profile and which builds of this program filled it: Parquet in its own
//! metadata, CSV and JSONL in a sidecar beside the file. Rows are written in the order they are given.

mod delimited;
mod parquet;
mod read;
mod shard;
mod sidecar;
mod spool;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use proto::features::{FeatureSchema, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub use self::{
    read::{Rows, read_rows},
    shard::{Shard, ShardFooter, ShardWriter},
    sidecar::{Sidecar, sidecar_path},
    spool::{spool_path, spool_paths},
};

use crate::{
    decode::Window,
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

/// Where the rows of a table come from, as the table says it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableOrigin {
    /// Profile that filled the table.
    pub profile_id: String,
    /// Builds of this program that filled it; several where a run went on with another one's rows.
    pub extractor_versions: Vec<String>,
    /// Columns between `source_path` and `damaged_share`.
    pub schema: FeatureSchema,
    /// What was analysed of each recording.
    pub window: Window,
}

/// The analysed window, as tables say it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableWindow {
    /// Start in seconds.
    pub offset_seconds: f64,
    /// Length in seconds, or to the end.
    pub duration_seconds: Option<f64>,
}

impl From<Window> for TableWindow {
    fn from(window: Window) -> Self {
        Self { offset_seconds: window.offset(), duration_seconds: window.duration() }
    }
}

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

/// What each format does.
trait RowWriter {
    fn write(&mut self, row: &Row) -> Result<(), TableError>;
    fn finish(self: Box<Self>) -> Result<(), TableError>;
}

fn rows(
    sink: impl Write + Send + 'static,
    path: PathBuf,
    format: TableFormat,
    origin: &TableOrigin,
) -> Result<Box<dyn RowWriter>, TableError> {
    Ok(match format {
        TableFormat::Csv => Box::new(delimited::CsvRows::new(sink, path, &origin.schema)?),
        TableFormat::Jsonl => Box::new(delimited::JsonRows::new(sink, path, &origin.schema)),
        TableFormat::Parquet => Box::new(parquet::ParquetRows::new(sink, origin)?),
    })
}

/// An open table.
pub struct TableWriter {
    inner: Box<dyn RowWriter>,
    dims: usize,
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter").field("dims", &self.dims).finish_non_exhaustive()
    }
}

impl TableWriter {
    /// Opens a table and writes what comes before its rows, sidecar included.
    ///
    /// # Errors
    /// When a folder or file cannot be made or written.
    pub fn create(
        destination: &Destination,
        format: TableFormat,
        origin: &TableOrigin,
    ) -> Result<Self, TableError> {
        let inner: Box<dyn RowWriter> = match destination {
            Destination::Stdout => {
                let (sink, path) = (BufWriter::new(io::stdout()), PathBuf::from("standard output"));
                rows(sink, path, format, origin)?
            }
            Destination::File(path) => {
                let fail = |source| TableError::Io { path: path.clone(), source };
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
                {
                    fs::create_dir_all(folder).map_err(fail)?;
                }
                if format == TableFormat::Parquet {
                    Box::new(spool::SpooledRows::create(path, origin)?)
                } else {
                    let sink = BufWriter::new(File::create(path).map_err(fail)?);
                    Sidecar::new(origin).write(path)?;
                    rows(sink, path.clone(), format, origin)?
                }
            }
        };
        Ok(Self { inner, dims: origin.schema.dims() })
    }

    /// Appends a row; in a file it is handed to the operating system at once, so that a killed run
    /// leaves whole rows (of a Parquet table, in its [`spool`](spool_path)).
    ///
    /// # Errors
    /// When the row has another width or cannot be written.
    pub fn write(&mut self, row: &Row) -> Result<(), TableError> {
        let got = row.measured.values.len();
        if got != self.dims {
            return Err(TableError::Width { got, expected: self.dims });
        }
        self.inner.write(row)
    }

    /// Completes the table.
    ///
    /// # Errors
    /// When what is buffered cannot be written.
    pub fn finish(self) -> Result<(), TableError> {
        self.inner.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn origin_of_two_columns() -> TableOrigin {
        TableOrigin {
            profile_id: "some".to_owned(),
            extractor_versions: vec!["one/1".to_owned(), "two/2".to_owned()],
            schema: FeatureSchema::from_names(vec!["a_1".to_owned(), "b_1".to_owned()]),
            window: Window::new(1.5, None).expect("a window"),
        }
    }

    /// A recording without findings.
    pub(super) fn measured(values: &[f64]) -> Measured {
        Measured { values: values.to_vec(), damaged_share: 0.0, warnings: Vec::new() }
    }
}
