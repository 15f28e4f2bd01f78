//! A table that is written, row by row.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use super::{
    delimited,
    error::TableError,
    format::{Destination, RowWriter, TableFormat},
    origin::TableOrigin,
    parquet,
    row::Row,
    sidecar::Sidecar,
    spool,
};

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
    /// leaves whole rows (of a Parquet table, in its [`spool`](spool::spool_path)).
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
