//! Feature tables as they are found: CSV and JSONL, plain or gzip, and Parquet; columns mapped by
//! name, never by position.
//!
//! A table gives rows of metadata and feature values in schema order, missing values as NaN. What
//! becomes of a missing value or a repeated track id is the builder's rule, not the table's.

mod columns;
mod delimited;
mod jsonl;
mod number;
mod parquet;
mod recipe;
mod shard;

use std::{
    io,
    path::{Path, PathBuf},
};

use proto::features::FeatureSchema;
use thiserror::Error;

pub(crate) use self::shard::Shards;
pub use self::{
    columns::{
        ColumnReport, Columns, DAMAGED_SHARE, WARNINGS, WARNINGS_SEPARATOR, canonical_name,
        is_feature_column,
    },
    recipe::{Recipe, Window, sidecar_path},
    shard::Shard,
};
use self::{delimited::DelimitedRows, jsonl::JsonRows, parquet::ParquetRows};
use crate::metadata::TrackMetadata;

/// Most columns of a table.
pub const MAX_COLUMNS: usize = 16_384;
/// Longest record of a text table, in bytes.
pub const MAX_RECORD_BYTES: u64 = 16 << 20;

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Line (CSV) or record (otherwise) it came from, from 1.
    pub line: u64,
    /// Its metadata. The id may be empty in tables of queries.
    pub metadata: TrackMetadata,
    /// Feature values in schema order; NaN where missing.
    pub values: Vec<f64>,
}

/// Whether a table must name its tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdRule {
    /// A catalogue: every row has a track id.
    Required,
    /// A table of queries: ids are labels.
    Optional,
}

/// Which feature columns are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnRule {
    /// The given schema, all of which must be there; other feature columns are left out.
    Schema(FeatureSchema),
    /// The given schema, then every other feature column in the order of the table.
    All(FeatureSchema),
}

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
    /// Feature columns of the schema are missing.
    #[error("{} lacks {} of {expected} feature columns: {}", path.display(), missing.len(), missing.join(", "))]
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

/// An open table.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    recipe: Option<Recipe>,
    shard: Option<Shard>,
    columns: Columns,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    Delimited(DelimitedRows),
    Json(JsonRows),
    Parquet(Box<ParquetRows>),
}

impl Table {
    /// Opens a table and maps its columns.
    ///
    /// # Errors
    /// When it cannot be read, lacks a column, or has one twice.
    pub fn open(path: &Path, rule: &ColumnRule, ids: IdRule) -> Result<Self, TableError> {
        let mut recipe = Recipe::of_table(path)?;
        let mut shard = None;
        let (rows, header) = match format_of(path) {
            Format::Delimited => {
                let (rows, header) = DelimitedRows::open(path)?;
                (Rows::Delimited(rows), header)
            }
            Format::Json => {
                let (rows, header) = JsonRows::open(path)?;
                (Rows::Json(rows), header)
            }
            Format::Parquet => {
                let (rows, header) = ParquetRows::open(path)?;
                // What is inside cannot be that of another file.
                recipe = rows.recipe()?.or(recipe);
                shard = rows.shard()?;
                (Rows::Parquet(Box::new(rows)), header)
            }
        };
        let columns = Columns::map(path, &header, rule, ids)?;
        if let Some(recipe) = &recipe {
            recipe.check_schema(path, rule, columns.schema())?;
        }
        Ok(Self { path: path.to_owned(), recipe, shard, columns, rows })
    }

    /// Where the table is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the table says about the recipe of its numbers.
    #[must_use]
    pub fn recipe(&self) -> Option<&Recipe> {
        self.recipe.as_ref()
    }

    /// Which part of a batch the table is, if it is one.
    #[must_use]
    pub fn shard(&self) -> Option<&Shard> {
        self.shard.as_ref()
    }

    /// Which columns are taken for what.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The next row, if there is one.
    ///
    /// # Errors
    /// When the row is malformed; the message has the line.
    pub fn next_row(&mut self) -> Result<Option<Row>, TableError> {
        match &mut self.rows {
            Rows::Delimited(rows) => rows.next_row(&self.columns),
            Rows::Json(rows) => rows.next_row(&self.columns),
            Rows::Parquet(rows) => rows.next_row(&self.columns),
        }
    }
}

enum Format {
    Delimited,
    Json,
    Parquet,
}

/// By file name; a `.gz` at the end does not count, for compression is recognised by content.
fn format_of(path: &Path) -> Format {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
    let name = name.unwrap_or_default();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    if stem.ends_with(".parquet") {
        Format::Parquet
    } else if stem.ends_with(".jsonl") || stem.ends_with(".ndjson") {
        Format::Json
    } else {
        Format::Delimited
    }
}
