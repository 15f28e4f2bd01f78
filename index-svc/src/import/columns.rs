//! Which column of the features is which.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use proto::features::FeatureSchema;

use super::{ImportError, read_small};
use crate::table::{MAX_COLUMNS, canonical_name, is_feature_column};

/// Largest file of names, in bytes. Of a table only the beginning is read.
const MAX_NAMES_BYTES: usize = 1 << 20;

/// Where the names of the columns are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnNames {
    /// In the scaler, which remembers what it was fitted with if that had names.
    Scaler,
    /// They are the 74 of the librosa profiles, in their order.
    Librosa,
    /// In the header of a table, among other columns; or in a text file, a name a line.
    File(PathBuf),
}

/// Columns in schema order.
#[derive(Debug)]
pub(super) struct Columns {
    schema: FeatureSchema,
    /// Column of the features for each one of the schema.
    order: Vec<usize>,
}

impl Columns {
    pub(super) fn find(
        said: &ColumnNames,
        fitted: Option<&[String]>,
        dims: usize,
    ) -> Result<Self, ImportError> {
        let names = match said {
            ColumnNames::Scaler => {
                fitted.map(<[String]>::to_vec).ok_or(ImportError::ColumnsUnstated { dims })?
            }
            ColumnNames::Librosa => FeatureSchema::librosa().names().to_vec(),
            ColumnNames::File(path) => names_in(path)?,
        };
        let names: Vec<String> = names.iter().map(|name| canonical(name)).collect();
        if names.len() != dims {
            return Err(ImportError::ColumnCount { got: names.len(), expected: dims });
        }
        for (column, fitted) in fitted.unwrap_or_default().iter().enumerate() {
            if canonical(fitted) != names[column] {
                let (said, fitted) = (names[column].clone(), fitted.clone());
                return Err(ImportError::ColumnsDisagree { column, said, fitted });
            }
        }
        Self::ordered(names)
    }

    /// The profile's columns in its order, where all of them are there, and the others behind them.
    fn ordered(names: Vec<String>) -> Result<Self, ImportError> {
        let places: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
        if places.len() != names.len() {
            let mut seen = HashSet::new();
            let twice = names.iter().find(|name| !seen.insert(name.as_str()));
            return Err(ImportError::ColumnTwice { name: twice.cloned().unwrap_or_default() });
        }
        let librosa = FeatureSchema::librosa();
        let first: Option<Vec<usize>> =
            librosa.names().iter().map(|name| places.get(name.as_str()).copied()).collect();
        let mut order = first.unwrap_or_default();
        let taken: HashSet<usize> = order.iter().copied().collect();
        order.extend((0..names.len()).filter(|column| !taken.contains(column)));
        let schema = order.iter().map(|column| names[*column].clone()).collect();
        Ok(Self { schema: FeatureSchema::from_names(schema), order })
    }

    pub(super) fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Values of all columns, in schema order.
    pub(super) fn pick(&self, values: &[f64]) -> Vec<f64> {
        self.order.iter().map(|column| values[*column]).collect()
    }
}

fn canonical(name: &str) -> String {
    let name = name.trim();
    canonical_name(name).unwrap_or_else(|| name.to_owned())
}

fn names_in(path: &std::path::Path) -> Result<Vec<String>, ImportError> {
    // A table is larger than its header, and that is all that is wanted of it.
    let mut bytes = match read_small(path, MAX_NAMES_BYTES as u64) {
        Err(ImportError::TooLarge { .. }) => beginning(path)?,
        read => read?,
    };
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    let text = String::from_utf8_lossy(&bytes);
    let header = text.lines().next().unwrap_or_default();
    if !header.contains(',') {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        return Ok(lines.take(MAX_COLUMNS + 1).map(str::to_owned).collect());
    }
    let mut record = csv::StringRecord::new();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(header.as_bytes());
    // One line of text is a record or none.
    let _ = reader.read_record(&mut record);
    Ok(record.iter().filter(|name| is_feature_column(name)).map(str::to_owned).collect())
}

fn beginning(path: &std::path::Path) -> Result<Vec<u8>, ImportError> {
    use std::io::Read as _;
    let failed = |source| ImportError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_NAMES_BYTES as u64).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
