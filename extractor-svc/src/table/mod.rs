//! Feature tables: one row per recording, `source_path` first, then the schema's columns.
//!
//! Every table says which profile filled it: Parquet in its own metadata, CSV and JSONL in a
//! sidecar beside the file. Rows are written in the order they are given.

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

use proto::features::FeatureSchema;
use thiserror::Error;

pub use self::{
    read::{Rows, read_rows},
    shard::{Shard, ShardFooter, ShardWriter},
    sidecar::{Sidecar, sidecar_path},
    spool::spool_path,
};

/// Name of the first column.
pub const SOURCE_PATH: &str = "source_path";

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
    #[error("{} is not a table of these columns", path.display())]
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

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The file, as it was found.
    pub source_path: String,
    /// Values in schema order.
    pub values: Vec<f64>,
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
    profile_id: &str,
    schema: &FeatureSchema,
) -> Result<Box<dyn RowWriter>, TableError> {
    Ok(match format {
        TableFormat::Csv => Box::new(delimited::CsvRows::new(sink, path, schema)?),
        TableFormat::Jsonl => Box::new(delimited::JsonRows::new(sink, path, schema)),
        TableFormat::Parquet => Box::new(parquet::ParquetRows::new(sink, profile_id, schema)?),
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
        profile_id: &str,
        schema: &FeatureSchema,
    ) -> Result<Self, TableError> {
        let inner: Box<dyn RowWriter> = match destination {
            Destination::Stdout => {
                let (sink, path) = (BufWriter::new(io::stdout()), PathBuf::from("standard output"));
                rows(sink, path, format, profile_id, schema)?
            }
            Destination::File(path) => {
                let fail = |source| TableError::Io { path: path.clone(), source };
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
                {
                    fs::create_dir_all(folder).map_err(fail)?;
                }
                if format == TableFormat::Parquet {
                    Box::new(spool::SpooledRows::create(path, profile_id, schema)?)
                } else {
                    let sink = BufWriter::new(File::create(path).map_err(fail)?);
                    Sidecar::new(profile_id, schema).write(path)?;
                    rows(sink, path.clone(), format, profile_id, schema)?
                }
            }
        };
        Ok(Self { inner, dims: schema.dims() })
    }

    /// Appends a row; in a file it is handed to the operating system at once, so that a killed run
    /// leaves whole rows (of a Parquet table, in its [`spool`](spool_path)).
    ///
    /// # Errors
    /// When the row has another width or cannot be written.
    pub fn write(&mut self, row: &Row) -> Result<(), TableError> {
        if row.values.len() != self.dims {
            return Err(TableError::Width { got: row.values.len(), expected: self.dims });
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
