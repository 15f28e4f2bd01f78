//! The header of a table in any form: names of its columns, and which of them are not single values.

/// Names of the columns of a table, before it is known what they are taken for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Names of the columns that can be read.
    pub(super) names: Vec<String>,
    /// Places of those that hold a list of numbers in each row.
    pub(super) vectors: Vec<usize>,
    /// Columns that cannot be read.
    pub(super) left_out: Vec<LeftOut>,
}

/// A column that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: String,
}

impl From<Vec<String>> for Header {
    fn from(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }
}
