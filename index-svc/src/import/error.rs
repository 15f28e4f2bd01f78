//! Why a model folder was refused.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::PickleError;

/// Why a model folder was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file is larger than any of its kind.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The most.
        limit: u64,
    },
    /// It is no array of features.
    #[error("{} is no array of features: {why}", path.display())]
    NotFeatures {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A scaled value is missing or infinite.
    #[error("{}: row {row}, column {column} is {value}, expected a finite number", path.display())]
    NotFinite {
        /// Which file.
        path: PathBuf,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The value.
        value: f64,
    },
    /// The pickle was refused.
    #[error("{} is not read: {source}", path.display())]
    Pickle {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: PickleError,
    },
    /// It is not the JSON of a scaler.
    #[error("{} is no scaler: {source}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It is no fitted scaler.
    #[error("{} is no fitted scaler: {why}", path.display())]
    NotAScaler {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// The scaler has another width than the features.
    #[error("{} scales {got} columns, the features have {expected}", path.display())]
    ScalerWidth {
        /// Which file.
        path: PathBuf,
        /// Columns of the scaler.
        got: usize,
        /// Columns of the features.
        expected: usize,
    },
    /// Nobody says what the columns are.
    #[error(
        "the scaler does not know the names of the {dims} columns; say with --columns FILE what they \
         are, or --columns profile if they are the profile's, in its order"
    )]
    ColumnsUnstated {
        /// Number of columns.
        dims: usize,
    },
    /// There are other names than columns.
    #[error("{got} column names, the features have {expected} columns")]
    ColumnCount {
        /// Names.
        got: usize,
        /// Columns.
        expected: usize,
    },
    /// A name stands for two columns.
    #[error("two columns are called `{name}`")]
    ColumnTwice {
        /// The name.
        name: String,
    },
    /// The scaler was fitted with other columns than were said.
    #[error("column {column} is `{said}`, the scaler was fitted with `{fitted}` there")]
    ColumnsDisagree {
        /// Position, from 0.
        column: usize,
        /// Name that was said.
        said: String,
        /// Name the scaler knows.
        fitted: String,
    },
    /// Features and metadata are of other rows.
    #[error("the metadata has {metadata} rows, the features have {features}")]
    RowCount {
        /// Rows of the metadata.
        metadata: usize,
        /// Rows of the features.
        features: usize,
    },
    /// The features are not those that the scaler made.
    #[error(
        "column `{column}` has mean {mean:.4} and deviation {deviation:.4} over {rows} rows, expected 0 and 1 \
         after scaling{}; these are raw features, those of another scaler, or a part, which --force takes",
        fitted_rows.map_or_else(String::new, |rows| format!(" (the scaler was fitted to {rows} rows)"))
    )]
    NotScaled {
        /// Column.
        column: String,
        /// Its mean.
        mean: f64,
        /// Its deviation.
        deviation: f64,
        /// Rows of the features.
        rows: usize,
        /// Rows the scaler was fitted to, where it says so.
        fitted_rows: Option<u64>,
    },
    /// A raw value cannot be made so that it scales to the imported one.
    #[error(
        "row {row}, column `{column}`: scaled again it is {deviation:.3e} deviations off; the scaler's \
         mean is too large against its scale"
    )]
    Rounding {
        /// Row, from 0.
        row: usize,
        /// Column.
        column: String,
        /// How far.
        deviation: f64,
    },
}
