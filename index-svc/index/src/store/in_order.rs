//! Rows for whoever reads all of them: in their order, a piece of a file at a time.

use std::borrow::Cow;

use super::{
    StoreError,
    numbers::raw_values,
    rows::{FilesAhead, RowFiles, missing},
};

/// Rows read in their order.
#[derive(Debug)]
pub struct InOrder<'s>(Option<FilesAhead<'s>>);

impl<'s> InOrder<'s> {
    pub(super) fn new(files: Option<&'s RowFiles>) -> Self {
        Self(files.map(FilesAhead::new))
    }

    /// As [`super::Store::raw`].
    ///
    /// # Errors
    /// When it is missing or has another length.
    pub fn raw(&mut self, row: u32, dims: usize) -> Result<Vec<f64>, StoreError> {
        let files = self.0.as_mut().ok_or_else(|| missing("raw vector", row))?;
        raw_values(row, files.vector(row)?, dims)
    }

    /// As [`super::Store::track`].
    ///
    /// # Errors
    /// When it is missing.
    pub fn track(&mut self, row: u32) -> Result<Cow<'_, [u8]>, StoreError> {
        let files = self.0.as_mut().ok_or_else(|| missing("metadata of row", row))?;
        files.track(row).map(Cow::Borrowed)
    }
}
