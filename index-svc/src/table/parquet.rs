//! Parquet, as the extractor and other programs write it: columns read side by side, some rows at a
//! time, so that memory holds a page of each column and never a row group.
//!
//! Columns are numbers, booleans and texts, required or optional, and `warnings` may be a list of texts;
//! what is nested otherwise, or only looks like a number (decimals, dates), is refused by name rather than
//! misread.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use ::parquet::{
    basic::{ConvertedType, LogicalType, Type as PhysicalType},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, ByteArrayType, DataType},
    errors::ParquetError,
    file::reader::{FileReader as _, SerializedFileReader},
    schema::types::ColumnDescriptor,
};

use super::{
    Columns, MAX_RECORD_BYTES, Recipe, Row, Shard, TableError, WARNINGS, WARNINGS_SEPARATOR, number,
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

/// Rows of a Parquet file.
pub(super) struct ParquetRows {
    path: PathBuf,
    file: SerializedFileReader<File>,
    /// Row groups that have been begun.
    groups: usize,
    left_in_group: usize,
    /// Readers of the columns that are taken, by their place in the table.
    columns: Vec<(usize, ColumnReader)>,
    /// Cells of the rows that were read ahead, by the columns' places; `None` for those not taken.
    batch: Vec<Option<Vec<Cell>>>,
    filled: usize,
    given: usize,
    line: u64,
}

/// One value of one column.
#[derive(Clone, Debug)]
enum Cell {
    Missing,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(ByteArray),
}

impl fmt::Debug for ParquetRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetRows").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ParquetRows {
    /// Opens the file and reads its footer for the names of its columns.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<String>), TableError> {
        let failed = |source| TableError::Io { path: path.to_owned(), source };
        let mut opened = File::open(path).map_err(failed)?;
        let footer = footer_bytes(&mut opened).map_err(failed)?;
        if footer.is_some_and(|bytes| bytes > MAX_FOOTER_BYTES) {
            let why = format!("its footer has more than {MAX_FOOTER_BYTES} bytes");
            return Err(TableError::Parquet { path: path.to_owned(), why });
        }
        let file = SerializedFileReader::new(opened).map_err(|error| refused(path, &error))?;
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let names = schema.columns().iter().map(|column| readable(path, column));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let rows = Self {
            path: path.to_owned(),
            file,
            groups: 0,
            left_in_group: 0,
            columns: Vec::new(),
            batch: vec![None; names.len()],
            filled: 0,
            given: 0,
            line: 0,
        };
        Ok((rows, names))
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
        let mut values = Vec::with_capacity(columns.features().len());
        for &column in columns.features() {
            let cell = self.cell(column, at);
            values.push(cell.number().ok_or_else(|| TableError::NotANumber {
                path: self.path.clone(),
                line,
                column: columns.header()[column].clone(),
                text: cell.text().unwrap_or_default().chars().take(40).collect(),
            })?);
        }
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
        for column in columns.features().iter().copied().chain(columns.texts()) {
            let reader = group.get_column_reader(column).map_err(|e| refused(&self.path, &e))?;
            self.columns.push((column, reader));
        }
        Ok(true)
    }

    fn next_batch(&mut self) -> Result<(), TableError> {
        let rows = self.left_in_group.min(BATCH_ROWS);
        let schema = self.file.metadata().file_metadata().schema_descr_ptr();
        for (column, reader) in &mut self.columns {
            let column_type = schema.column(*column);
            let is_optional = column_type.max_def_level() > 0;
            let cells = self.batch[*column].get_or_insert_default();
            cells.clear();
            let read = match reader {
                ColumnReader::ByteArrayColumnReader(lists) if column_type.max_rep_level() > 0 => {
                    read_lists(lists, rows, column_type.max_def_level(), cells)
                }
                reader => read_cells(reader, rows, is_optional, cells),
            };
            read.map_err(|error| refused(&self.path, &error))?;
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

/// The column's name, if its values can be read for what they are.
fn readable(path: &Path, column: &ColumnDescriptor) -> Result<String, TableError> {
    let refuse = |why: String| {
        let why = format!("column `{}` {why}", column.path().string());
        Err(TableError::Parquet { path: path.to_owned(), why })
    };
    let names = column.path().parts();
    // The specification's three levels; the names of the lower two are the writer's.
    let is_list = names.len() == 3 && column.max_rep_level() == 1;
    let is_text = matches!(column.converted_type(), ConvertedType::UTF8)
        || matches!(column.logical_type_ref(), Some(LogicalType::String));
    if is_list && is_text && names[0] == WARNINGS {
        return Ok(names[0].clone());
    }
    if names.len() != 1 || column.max_rep_level() > 0 {
        return refuse("is nested, expected one value a row".to_owned());
    }
    let is_plain = match column.logical_type_ref() {
        None => matches!(
            column.converted_type(),
            ConvertedType::NONE
                | ConvertedType::UTF8
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64
                | ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
        ),
        Some(LogicalType::Integer(kind)) => kind.is_signed || kind.bit_width < 64,
        Some(LogicalType::String | LogicalType::Unknown) => true,
        Some(_) => false,
    };
    let is_known =
        !matches!(column.physical_type(), PhysicalType::INT96 | PhysicalType::FIXED_LEN_BYTE_ARRAY);
    if !is_plain || !is_known {
        let kind = match column.logical_type_ref() {
            Some(kind) => format!("{kind:?}"),
            None if column.converted_type() != ConvertedType::NONE => {
                column.converted_type().to_string()
            }
            None => column.physical_type().to_string(),
        };
        return refuse(format!("is of type {kind}, expected a number, a boolean or a text"));
    }
    Ok(names[0].clone())
}

fn refused(path: &Path, error: &ParquetError) -> TableError {
    TableError::Parquet { path: path.to_owned(), why: error.to_string() }
}

/// The next `rows` cells of a column.
fn read_cells(
    reader: &mut ColumnReader,
    rows: usize,
    is_optional: bool,
    cells: &mut Vec<Cell>,
) -> Result<(), ParquetError> {
    match reader {
        ColumnReader::BoolColumnReader(reader) => {
            read_typed(reader, rows, is_optional, cells, Cell::Boolean)
        }
        ColumnReader::Int32ColumnReader(reader) => {
            read_typed(reader, rows, is_optional, cells, |value| Cell::Integer(value.into()))
        }
        ColumnReader::Int64ColumnReader(reader) => {
            read_typed(reader, rows, is_optional, cells, Cell::Integer)
        }
        ColumnReader::FloatColumnReader(reader) => {
            read_typed(reader, rows, is_optional, cells, |value| Cell::Number(value.into()))
        }
        ColumnReader::DoubleColumnReader(reader) => {
            read_typed(reader, rows, is_optional, cells, Cell::Number)
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            read_typed(reader, rows, is_optional, cells, Cell::Text)
        }
        ColumnReader::Int96ColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => {
            Err(ParquetError::General("a column of a type that is not read".to_owned()))
        }
    }
}

/// The next `rows` lists of texts, each as one text; those that are not there, or empty, are missing.
fn read_lists(
    reader: &mut ColumnReaderImpl<ByteArrayType>,
    rows: usize,
    filled_level: i16,
    cells: &mut Vec<Cell>,
) -> Result<(), ParquetError> {
    let (mut values, mut filled, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let levels = (Some(&mut filled), Some(&mut repeated));
        let more = reader.read_records(rows - read, levels.0, levels.1, &mut values)?;
        if more.0 == 0 {
            return Err(ParquetError::General("a column ends before its row group".to_owned()));
        }
        read += more.0;
    }
    let mut texts: Vec<Vec<u8>> = Vec::with_capacity(rows);
    let mut values = values.into_iter();
    for (filled, repeated) in filled.into_iter().zip(repeated) {
        if repeated == 0 {
            texts.push(Vec::new());
        }
        let value = if filled == filled_level { values.next() } else { None };
        if let (Some(text), Some(value)) = (texts.last_mut(), value) {
            if !text.is_empty() {
                text.push(WARNINGS_SEPARATOR as u8);
            }
            text.extend_from_slice(value.data());
        }
    }
    if texts.len() != rows {
        return Err(ParquetError::General("a list does not begin with its row".to_owned()));
    }
    cells.extend(texts.into_iter().map(|text| match text.is_empty() {
        true => Cell::Missing,
        false => Cell::Text(ByteArray::from(text)),
    }));
    Ok(())
}

fn read_typed<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    is_optional: bool,
    cells: &mut Vec<Cell>,
    cell: impl Fn(T::T) -> Cell,
) -> Result<(), ParquetError> {
    let (mut values, mut levels) = (Vec::with_capacity(rows), Vec::new());
    let mut read = 0;
    while read < rows {
        let more = reader.read_records(
            rows - read,
            is_optional.then_some(&mut levels),
            None,
            &mut values,
        )?;
        if more.0 == 0 {
            return Err(ParquetError::General("a column ends before its row group".to_owned()));
        }
        read += more.0;
    }
    let mut values = values.into_iter();
    if is_optional {
        cells.extend(levels.iter().map(|level| match level {
            0 => Cell::Missing,
            _ => values.next().map_or(Cell::Missing, &cell),
        }));
    } else {
        cells.extend(values.map(cell));
    }
    Ok(())
}

impl Cell {
    /// The value as a feature: NaN where missing, `None` where it is no finite number.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Missing => Some(f64::NAN),
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => (!value.is_infinite()).then_some(*value),
            Self::Text(_) => number::parse(&self.text()?),
            Self::Boolean(_) => None,
        }
    }

    /// The value as text; `None` where it is none.
    fn text(&self) -> Option<String> {
        Some(match self {
            Self::Missing => String::new(),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) if value.is_nan() => String::new(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.as_utf8().ok()?.to_owned(),
        })
    }
}
