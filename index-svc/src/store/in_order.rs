//! Rows for whoever reads all of them: in their order, a piece of a file at a time.

use std::borrow::Cow;

use super::{ReadTxn, Store, StoreError, raw_values, rows::FilesAhead};

/// Rows read in their order: files a piece at a time.
pub(crate) struct InOrder<'s> {
    store: &'s Store,
    txn: &'s ReadTxn<'s>,
    files: Option<FilesAhead<'s>>,
}

impl<'s> InOrder<'s> {
    pub(super) fn new(
        store: &'s Store,
        txn: &'s ReadTxn<'s>,
        files: Option<FilesAhead<'s>>,
    ) -> Self {
        Self { store, txn, files }
    }

    /// As [`Store::raw`].
    pub(crate) fn raw(&mut self, row: u32, dims: usize) -> Result<Vec<f64>, StoreError> {
        match &mut self.files {
            Some(files) => raw_values(row, files.vector(row)?, dims),
            None => self.store.raw(self.txn, row, dims),
        }
    }

    /// As [`Store::track`].
    pub(crate) fn track(&mut self, row: u32) -> Result<Cow<'_, [u8]>, StoreError> {
        match &mut self.files {
            Some(files) => files.track(row).map(Cow::Borrowed),
            None => self.store.track(self.txn, row),
        }
    }
}
