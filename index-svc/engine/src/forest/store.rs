//! Where a forest is kept: two databases of an LMDB environment that somebody else opened.

use std::path::PathBuf;

use arroy::distances::Euclidean;
use heed::{
    Database, Env, RoTxn, RwTxn, WithoutTls,
    types::{Bytes, Str},
};

use crate::error::ForestError;

/// The environment with the forest's database, and the facts beside it. Cheap to clone; the environment is
/// open as long as a clone of it is.
#[derive(Clone, Debug)]
pub struct ForestStore {
    /// The environment's directory, for messages.
    pub path: PathBuf,
    /// The environment.
    pub env: Env<WithoutTls>,
    /// The forest; keys and values are arroy's.
    pub forest: Database<'static, Bytes, Bytes>,
    /// Lists of numbers by name, `f64` little-endian.
    pub facts: Database<'static, Str, Bytes>,
}

impl ForestStore {
    pub(super) fn arroy(&self) -> arroy::Database<'static, Euclidean> {
        self.forest.remap_types()
    }

    pub(super) fn read(&self) -> Result<RoTxn<'_, WithoutTls>, ForestError> {
        self.env.read_txn().map_err(|source| self.failed(source))
    }

    pub(super) fn write(&self) -> Result<RwTxn<'_>, ForestError> {
        self.env.write_txn().map_err(|source| self.failed(source))
    }

    pub(super) fn commit(&self, txn: RwTxn<'_>) -> Result<(), ForestError> {
        txn.commit().map_err(|source| self.failed(source))
    }

    pub(super) fn put_fact(
        &self,
        txn: &mut RwTxn<'_>,
        name: &str,
        values: &[f64],
    ) -> Result<(), ForestError> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.facts.put(txn, name, &bytes).map_err(|source| self.failed(source))
    }

    pub(super) fn fact(
        &self,
        txn: &RoTxn<'_, WithoutTls>,
        name: &str,
    ) -> Result<Vec<f64>, ForestError> {
        let bytes = self
            .facts
            .get(txn, name)
            .map_err(|source| self.failed(source))?
            .ok_or_else(|| ForestError::Missing { what: "fact", key: name.to_owned() })?;
        let (chunks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            let (key, expected) = (name.to_owned(), chunks.len() * 8);
            return Err(ForestError::Length { what: "fact", key, got: bytes.len(), expected });
        }
        Ok(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect())
    }

    fn failed(&self, source: heed::Error) -> ForestError {
        ForestError::Lmdb { path: self.path.clone(), source }
    }
}
