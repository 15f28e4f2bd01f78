//! Feature tables as they are found: CSV and JSONL, plain, gzip or zstd, and Parquet; columns mapped by
//! name, never by position, except for a list that has all features of a row.
//!
//! A table gives rows of metadata and feature values in schema order, missing values as NaN. What
//! becomes of a missing value or a repeated track id is the builder's rule, not the table's.

mod columns;
mod compression;
mod delimited;
mod error;
mod form;
mod header;
mod jsonl;
mod number;
mod parquet;
mod partition;
mod recipe;
mod shard;

use std::path::{Path, PathBuf};

use proto::features::FeatureSchema;

pub(crate) use self::shard::Shards;
pub use self::{
    columns::{
        ColumnReport, Columns, DAMAGED_SHARE, WARNINGS, WARNINGS_SEPARATOR, canonical_name,
        is_feature_column,
    },
    error::TableError,
    header::LeftOut,
    partition::{TableFile, expand},
    recipe::{Recipe, Window, sidecar_path},
    shard::Shard,
};
use index::metadata::TrackMetadata;

use self::{delimited::DelimitedRows, form::Form, jsonl::JsonRows, parquet::ParquetRows};

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
        let (rows, header) = match form::detect(path)? {
            Form::Delimited => {
                let (rows, header) = DelimitedRows::open(path)?;
                (Rows::Delimited(rows), header)
            }
            Form::Json => {
                let (rows, header) = JsonRows::open(path)?;
                (Rows::Json(rows), header)
            }
            Form::Parquet => {
                let (rows, header) = ParquetRows::open(path)?;
                // What is inside cannot be that of another file.
                recipe = rows.recipe()?.or(recipe);
                shard = rows.shard()?;
                (Rows::Parquet(Box::new(rows)), header)
            }
        };
        let columns = Columns::map(path, header, rule, ids)?;
        if let Some(recipe) = &recipe {
            recipe.check_schema(path, rule, columns.schema())?;
        }
        Ok(Self { path: path.to_owned(), recipe, shard, columns, rows })
    }

    /// Opens a table, and gives each of its rows what the folders it is in say.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_file(file: &TableFile, rule: &ColumnRule, ids: IdRule) -> Result<Self, TableError> {
        let table = Self::open(&file.path, rule, ids)?;
        let columns = table.columns.in_partition(&file.partition);
        Ok(Self { columns, ..table })
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
