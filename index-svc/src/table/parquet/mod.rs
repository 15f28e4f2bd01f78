//! Parquet, as the extractor and other programs write it: columns read side by side, some rows at a
//! time, so that memory holds a page of each column and never a row group.
//!
//! Columns are numbers, booleans and texts, required or optional; `warnings` may be a list of texts, and one
//! column a list of all features. What is nested otherwise, or only looks like a number (dates, durations),
//! is left out by name rather than misread.

mod cell;
mod kind;
mod lists;

use std::{
    fmt,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use ::parquet::{
    column::reader::ColumnReader,
    errors::ParquetError,
    file::reader::{FileReader as _, SerializedFileReader},
};

use self::{
    cell::{Cell, read_cells},
    kind::{Leaf, Shape},
    lists::{ListBudget, list_reader},
};
use super::{
    Columns, MAX_RECORD_BYTES, Recipe, Row, Shard, TableError, columns::Features, header::Header,
};

/// Rows that are read of each column before they are put together.
const BATCH_ROWS: usize = 1024;
/// Longest footer that is read, in bytes: names of columns, places of pages, and a shard's failures.
const MAX_FOOTER_BYTES: u64 = 64 << 20;
/// The footer's length and the magic, at the very end of a file.
const TAIL_BYTES: u64 = 8;
/// Metadata keys, as the extractor writes them.
const PROFILE_KEY: &str = "soundalike.profile_id";
const SCHEMA_KEY: &str = "soundalike.schema_sha256";
const VERSIONS_KEY: &str = "soundalike.extractor_versions";
const WINDOW_KEY: &str = "soundalike.window";
const SHARD_KEY: &str = "soundalike.shard";

/// A column of a row group that is being read.
struct Taken {
    /// Its place in the table.
    column: usize,
    reader: ColumnReader,
    /// That of each list, where the column has lists.
    budget: Option<ListBudget>,
}

/// Rows of a Parquet file.
pub(super) struct ParquetRows {
    path: PathBuf,
    file: SerializedFileReader<File>,
    /// Where each column of the header is read from.
    leaves: Vec<Leaf>,
    /// Row groups that have been begun.
    groups: usize,
    left_in_group: usize,
    /// The columns that are taken.
    columns: Vec<Taken>,
    /// Cells of the rows that were read ahead, by the columns' places; `None` for those not taken.
    batch: Vec<Option<Vec<Cell>>>,
    filled: usize,
    given: usize,
    line: u64,
}

impl fmt::Debug for ParquetRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetRows").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ParquetRows {
    /// Opens the file and reads its footer for the names of its columns.
    pub(super) fn open(path: &Path) -> Result<(Self, Header), TableError> {
        let failed = |source| TableError::Io { path: path.to_owned(), source };
        let mut opened = File::open(path).map_err(failed)?;
        let footer = footer_bytes(&mut opened).map_err(failed)?;
        if footer.is_some_and(|bytes| bytes > MAX_FOOTER_BYTES) {
            let why = format!("its footer has more than {MAX_FOOTER_BYTES} bytes");
            return Err(TableError::Parquet { path: path.to_owned(), why });
        }
        let file = SerializedFileReader::new(opened).map_err(|error| refused(path, &error))?;
        let (header, leaves) = kind::columns(path, file.metadata().file_metadata())?;
        let rows = Self {
            path: path.to_owned(),
            file,
            batch: vec![None; leaves.len()],
            leaves,
            groups: 0,
            left_in_group: 0,
            columns: Vec::new(),
            filled: 0,
            given: 0,
            line: 0,
        };
        Ok((rows, header))
    }

    /// What the file says about the recipe of its numbers.
    pub(super) fn recipe(&self) -> Result<Option<Recipe>, TableError> {
        let value = |key| self.metadata(key).map(str::to_owned);
        let (Some(profile_id), Some(schema_sha256)) = (value(PROFILE_KEY), value(SCHEMA_KEY))
        else {
            return Ok(None);
        };
        let refuse = |key, what| {
            let path = self.path.clone();
            move |error: serde_json::Error| TableError::Parquet {
                path,
                why: format!("its `{key}` is no {what}: {error}"),
            }
        };
        let versions = self.metadata(VERSIONS_KEY).map(serde_json::from_str).transpose();
        let versions: Option<_> = versions.map_err(refuse(VERSIONS_KEY, "list of texts"))?;
        let extractor_versions = versions.unwrap_or_default();
        let window = self.metadata(WINDOW_KEY).map(serde_json::from_str).transpose();
        let window = window.map_err(refuse(WINDOW_KEY, "window"))?;
        Ok(Some(Recipe { profile_id, schema_sha256, extractor_versions, window }))
    }

    /// Which part of a batch the file says it is.
    pub(super) fn shard(&self) -> Result<Option<Shard>, TableError> {
        let Some(text) = self.metadata(SHARD_KEY) else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|error| TableError::Parquet {
            path: self.path.clone(),
            why: format!("its `{SHARD_KEY}` is no part of a batch: {error}"),
        })
    }

    fn metadata(&self, key: &str) -> Option<&str> {
        let pairs = self.file.metadata().file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    pub(super) fn next_row(&mut self, columns: &Columns) -> Result<Option<Row>, TableError> {
        while self.given == self.filled {
            if self.left_in_group == 0 && !self.next_group(columns)? {
                return Ok(None);
            }
            self.next_batch()?;
        }
        let at = self.given;
        self.given += 1;
        self.line += 1;
        let line = self.line;
        let values = match columns.features() {
            Features::Columns(places) => {
                let of = |place: &usize| self.feature(*place, at, columns);
                places.iter().map(of).collect::<Result<_, _>>()?
            }
            Features::Vector(place) => self.vector(*place, at, columns)?,
        };
        let mut texts = vec![String::new(); self.batch.len()];
        let mut bytes = 0;
        for column in columns.texts() {
            let text = self.cell(column, at).text().ok_or_else(|| {
                let name = &columns.header()[column];
                let why = format!("column `{name}` is not UTF-8");
                TableError::Malformed { path: self.path.clone(), line, why }
            })?;
            bytes += text.len() as u64;
            if bytes > MAX_RECORD_BYTES {
                return Err(TableError::RecordTooLong { path: self.path.clone(), line });
            }
            texts[column] = text;
        }
        let metadata = columns.metadata(&self.path, line, |column| &texts[column])?;
        Ok(Some(Row { line, metadata, values }))
    }

    /// A feature's value, NaN where it is missing.
    fn feature(&self, place: usize, at: usize, columns: &Columns) -> Result<f64, TableError> {
        let cell = self.cell(place, at);
        cell.number().ok_or_else(|| TableError::NotANumber {
            path: self.path.clone(),
            line: self.line,
            column: columns.header()[place].clone(),
            text: cell.text().unwrap_or_default().chars().take(40).collect(),
        })
    }

    /// All features of a row, which are one list.
    fn vector(&self, place: usize, at: usize, columns: &Columns) -> Result<Vec<f64>, TableError> {
        let expected = columns.schema().dims();
        match self.cell(place, at) {
            Cell::Numbers(numbers) if numbers.len() == expected => Ok(numbers.clone()),
            Cell::Numbers(numbers) => Err(TableError::VectorLength {
                path: self.path.clone(),
                line: self.line,
                column: columns.header()[place].clone(),
                got: numbers.len(),
                expected,
            }),
            _ => Ok(vec![f64::NAN; expected]),
        }
    }

    fn cell(&self, column: usize, at: usize) -> &Cell {
        let cells = self.batch[column].as_ref().and_then(|cells| cells.get(at));
        cells.unwrap_or(&Cell::Missing)
    }

    /// Opens the columns of the next row group; `false` at the end.
    fn next_group(&mut self, columns: &Columns) -> Result<bool, TableError> {
        if self.groups == self.file.num_row_groups() {
            return Ok(false);
        }
        let group = self.file.get_row_group(self.groups).map_err(|e| refused(&self.path, &e))?;
        self.groups += 1;
        let rows = group.metadata().num_rows();
        self.left_in_group = usize::try_from(rows).map_err(|_| TableError::Parquet {
            path: self.path.clone(),
            why: format!("a row group has {rows} rows"),
        })?;
        self.columns.clear();
        for column in columns.feature_places().iter().copied().chain(columns.texts()) {
            let Leaf { place, shape, .. } = self.leaves[column];
            let opened = match shape {
                Shape::Single => group.get_column_reader(place).map(|reader| (reader, None)),
                Shape::Numbers | Shape::Texts => {
                    let described = group.metadata().schema_descr().column(place);
                    list_reader(&*group, place, described)
                        .map(|(reader, budget)| (reader, Some(budget)))
                }
            };
            let (reader, budget) = opened.map_err(|e| refused(&self.path, &e))?;
            self.columns.push(Taken { column, reader, budget });
        }
        Ok(true)
    }

    fn next_batch(&mut self) -> Result<(), TableError> {
        let rows = self.left_in_group.min(BATCH_ROWS);
        let schema = self.file.metadata().file_metadata().schema_descr_ptr();
        for Taken { column, reader, budget } in &mut self.columns {
            let leaf = self.leaves[*column];
            let described = schema.column(leaf.place);
            let cells = read_cells(reader, leaf, &described, rows, budget.as_ref());
            self.batch[*column] = Some(cells.map_err(|error| refused(&self.path, &error))?);
        }
        (self.left_in_group, self.filled, self.given) = (self.left_in_group - rows, rows, 0);
        Ok(())
    }
}

/// Length of the footer as the file claims it; `None` for what is too short to have one.
fn footer_bytes(file: &mut File) -> io::Result<Option<u64>> {
    let len = file.metadata()?.len();
    let Some(tail) = len.checked_sub(TAIL_BYTES) else { return Ok(None) };
    let mut claimed = [0; 4];
    file.seek(SeekFrom::Start(tail))?;
    file.read_exact(&mut claimed)?;
    file.rewind()?;
    Ok(Some(u32::from_le_bytes(claimed).into()))
}

fn refused(path: &Path, error: &ParquetError) -> TableError {
    TableError::Parquet { path: path.to_owned(), why: error.to_string() }
}
