//! Why a table was refused.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::{MAX_COLUMNS, MAX_RECORD_BYTES};

/// Missing columns that a message names.
const MISSING_NAMED: usize = 8;

/// Why a table was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TableError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A Parquet file is damaged, or has columns that are not read.
    #[error("{} cannot be read as Parquet: {why}", path.display())]
    Parquet {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Parts of a batch are not among the tables.
    #[error(
        "batch {batch_id} has {shards} parts, {missing} of them are missing: {}{}",
        first.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
        if first.len() < *missing as usize { ", …" } else { "" }
    )]
    ShardsMissing {
        /// The batch.
        batch_id: String,
        /// Its parts.
        shards: u32,
        /// How many are missing.
        missing: u32,
        /// The first of them, from 0.
        first: Vec<u32>,
    },
    /// The text is not a table.
    #[error("{}, line {line}: {why}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A record is longer than any record of a feature table.
    #[error("{}, line {line}: record has more than {MAX_RECORD_BYTES} bytes", path.display())]
    RecordTooLong {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
    },
    /// Too many columns.
    #[error("{} has {got} columns, expected at most {MAX_COLUMNS}", path.display())]
    TooManyColumns {
        /// Which file.
        path: PathBuf,
        /// Columns found.
        got: usize,
    },
    /// The file is of a kind that is not read.
    #[error("{} is {what}, expected CSV, JSON lines or Parquet; {way}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// How to make a table that is read.
        way: &'static str,
    },
    /// A folder has no tables, or they cannot be listed.
    #[error("{} is no folder of tables: {why}", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The first line has no names.
    #[error("{} has no header line: {why}", path.display())]
    NoHeader {
        /// Which file.
        path: PathBuf,
        /// What it has instead.
        why: &'static str,
    },
    /// A column that is needed is of a type that is not read.
    #[error("{}: column `{name}` is {kind}, expected a number or a text", path.display())]
    ColumnKind {
        /// Which file.
        path: PathBuf,
        /// The column.
        name: String,
        /// What it holds.
        kind: String,
    },
    /// The list of a row's features has another length than the schema.
    #[error("{}, line {line}, column `{column}`: {got} numbers, expected {expected}", path.display())]
    VectorLength {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The column.
        column: String,
        /// Numbers found.
        got: usize,
        /// Columns of the schema.
        expected: usize,
    },
    /// Feature columns of the schema are missing.
    #[error(
        "{} lacks {} of {expected} feature columns: {}{}",
        path.display(),
        missing.len(),
        missing[..missing.len().min(MISSING_NAMED)].join(", "),
        if missing.len() > MISSING_NAMED { ", …" } else { "" }
    )]
    MissingColumns {
        /// Which file.
        path: PathBuf,
        /// The columns that are missing.
        missing: Vec<String>,
        /// Columns of the schema.
        expected: usize,
    },
    /// Two columns have one meaning.
    #[error("{} has column `{name}` twice, as {}", path.display(), spellings.join(" and "))]
    DuplicateColumn {
        /// Which file.
        path: PathBuf,
        /// The column.
        name: String,
        /// How it is spelt each time.
        spellings: Vec<String>,
    },
    /// No column names the tracks.
    #[error("{} has no column `track_id`, and its first column is not `source_path`", path.display())]
    NoTrackId {
        /// Which file.
        path: PathBuf,
    },
    /// A track id is empty or too long.
    #[error("{}, line {line}: track_id has {got} bytes, expected 1 to {limit}", path.display())]
    TrackIdLength {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Bytes found.
        got: usize,
        /// The most.
        limit: usize,
    },
    /// A number is written as no other in the table, or with marks between thousands.
    #[error(
        "{}, line {line}, column `{column}`: `{text}` has another decimal mark than numbers before it, or marks \
         between thousands; write all numbers of a table with one mark, a comma or a point",
        path.display()
    )]
    DecimalMarks {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column as spelt in the table.
        column: String,
        /// The text, cut to 40 characters.
        text: String,
    },
    /// A value is not a number.
    #[error("{}, line {line}, column `{column}`: `{text}` is not a finite number", path.display())]
    NotANumber {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column as spelt in the table.
        column: String,
        /// The text, cut to 40 characters.
        text: String,
    },
    /// A value is finite, and no value that a feature has.
    #[error("{}, line {line}, column `{column}`: {value:e} is more than {beyond}", path.display())]
    OutOfRange {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column of the schema.
        column: String,
        /// The value.
        value: f64,
        /// What it is far from and how far, and what to do.
        beyond: &'static str,
    },
    /// A share of damage is none.
    #[error("{}, line {line}, column `{column}`: `{text}` is not a share, 0 to 1", path.display())]
    NotAShare {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column.
        column: String,
        /// The text, cut to 40 characters.
        text: String,
    },
    /// A value is missing and the rule says that this is an error.
    #[error("{}, line {line}, column `{column}`: value is missing", path.display())]
    MissingValue {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column.
        column: String,
    },
    /// A track id was there already.
    #[error("{}, line {line}: track_id `{track_id}` is that of row {first_row} already", path.display())]
    DuplicateTrackId {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The id.
        track_id: String,
        /// Row, from 0, that has it.
        first_row: u32,
    },
    /// No table says which profile its numbers have, nor does the command line.
    #[error(
        "{} does not say which profile its numbers have; say it with --profile (such as {})",
        path.display(),
        proto::features::DEFAULT_PROFILE
    )]
    ProfileUnstated {
        /// Which file.
        path: PathBuf,
    },
    /// A table states another profile than was asked for.
    #[error("{} has profile `{got}`, expected `{expected}`", path.display())]
    ProfileMismatch {
        /// Which file.
        path: PathBuf,
        /// Profile it states.
        got: String,
        /// Profile asked for.
        expected: String,
    },
    /// A table states or has other columns than the schema.
    #[error("{} has schema {got}, expected {expected}", path.display())]
    SchemaMismatch {
        /// Which file.
        path: PathBuf,
        /// Digest it states.
        got: String,
        /// Digest of the schema.
        expected: String,
    },
}
