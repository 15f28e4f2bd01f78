//! A Parquet file is valid only once its end is written. Until then its rows stand in a spool of
//! JSON lines beside it, so that a killed run leaves what it has; the finished file appears under
//! its name in one step.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use super::{
    Row, TableError, TableFormat, TableOrigin, delimited::JsonRows, format::RowWriter,
    parquet::ParquetRows, read::read_rows,
};

/// `features.parquet` has its spool at `features.parquet.spool.jsonl`.
#[must_use]
pub fn spool_path(table: &Path) -> PathBuf {
    with_suffix(table, ".spool.jsonl")
}

/// The files that a Parquet table has beside it while it is made: its spool, and the file that becomes it.
#[must_use]
pub fn spool_paths(table: &Path) -> [PathBuf; 2] {
    [spool_path(table), with_suffix(table, ".new")]
}

fn with_suffix(table: &Path, suffix: &str) -> PathBuf {
    let mut name = table.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Rows on their way to a Parquet file.
pub(super) struct SpooledRows {
    rows: JsonRows<BufWriter<File>>,
    table: PathBuf,
    origin: TableOrigin,
}

impl SpooledRows {
    pub(super) fn create(table: &Path, origin: &TableOrigin) -> Result<Self, TableError> {
        let path = spool_path(table);
        let file =
            File::create(&path).map_err(|source| TableError::Io { path: path.clone(), source })?;
        Ok(Self {
            rows: JsonRows::new(BufWriter::new(file), path, &origin.schema),
            table: table.to_path_buf(),
            origin: origin.clone(),
        })
    }
}

impl RowWriter for SpooledRows {
    fn write(&mut self, row: &Row) -> Result<(), TableError> {
        self.rows.write(row)
    }

    fn finish(self: Box<Self>) -> Result<(), TableError> {
        let Self { rows, table, origin } = *self;
        Box::new(rows).finish()?;
        let [spool, unfinished] = spool_paths(&table);
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| TableError::Io { path, source }
        };
        let file = File::create(&unfinished).map_err(at(&unfinished))?;
        let mut parquet = ParquetRows::new(BufWriter::new(file), &origin)?;
        for row in read_rows(&spool, TableFormat::Jsonl, &origin.schema)? {
            parquet.write(&row)?;
        }
        Box::new(parquet).finish()?;
        fs::rename(&unfinished, &table).map_err(at(&table))?;
        fs::remove_file(&spool).map_err(at(&spool))
    }
}
