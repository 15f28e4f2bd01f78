//! The LMDB environment of an index: database names, keys, and the transactions over them.
//!
//! | database | key | value |
//! |---|---|---|
//! | `facts` | name | `f64` little-endian: the scaler's means and scales, the distance quantiles |
//! | `raw` | row | raw vector, `f64` little-endian |
//! | `scaled` | block | scaled vectors of [`BLOCK_ROWS`] rows, `f32` little-endian |
//! | `tracks` | row | metadata record |
//! | `ids` | SHA-256 of the track id | row |
//! | `forest` | arroy's | arroy's |
//!
//! Rows and blocks are big-endian `u32`, so that LMDB's order is row order. The directory must be
//! on a local file system: LMDB's memory map is not sound on a network one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use heed::{
    CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RoTxn, RwTxn, WithoutTls,
    byteorder::BigEndian,
    types::{Bytes, Str, U32},
};
use thiserror::Error;

/// The environment's data file.
pub const DATA_FILE: &str = "data.mdb";
/// The lock file that LMDB makes while an index is built; a finished index has none.
pub const LOCK_FILE: &str = "lock.mdb";
/// Rows of one block of scaled vectors.
pub const BLOCK_ROWS: usize = 1024;
/// Fact: the scaler's means, then its scales.
pub const SCALER: &str = "scaler";
/// Fact: evenly spaced quantiles of the distance between random pairs.
pub const DISTANCE_QUANTILES: &str = "distance_quantiles";

/// Address space of an environment that is written, not memory nor disk: 256 GiB.
const BUILD_MAP_BYTES: usize = 1 << 38;
const DATABASES: [&str; 6] = ["facts", "raw", "scaled", "tracks", "ids", "forest"];

type RowKey = U32<BigEndian>;

/// A read transaction; independent of the thread it began on.
pub type ReadTxn<'e> = RoTxn<'e, WithoutTls>;
/// A write transaction.
pub type WriteTxn<'e> = RwTxn<'e>;

/// Why the store could not be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// LMDB failed.
    #[error("{}: {source}", path.display())]
    Lmdb {
        /// The environment's directory.
        path: PathBuf,
        /// What LMDB says.
        source: heed::Error,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// This process has this very index open already.
    #[error("{} is open in this process already", path.display())]
    OpenTwice {
        /// The environment's directory.
        path: PathBuf,
    },
    /// A database is missing: this is not an index's data file.
    #[error("{} has no database `{name}`", path.display())]
    Database {
        /// The environment's directory.
        path: PathBuf,
        /// Its name.
        name: &'static str,
    },
    /// An entry is missing.
    #[error("{what} {key} is missing from the store")]
    Missing {
        /// Kind of entry.
        what: &'static str,
        /// Its key.
        key: String,
    },
    /// An entry has another length than it must have.
    #[error("{what} {key} has {got} bytes, expected {expected}")]
    Length {
        /// Kind of entry.
        what: &'static str,
        /// Its key.
        key: String,
        /// Bytes found.
        got: usize,
        /// Bytes expected.
        expected: usize,
    },
}

/// An open environment and its databases.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    env: Env<WithoutTls>,
    facts: Database<'static, Str, Bytes>,
    raw: Database<'static, RowKey, Bytes>,
    scaled: Database<'static, RowKey, Bytes>,
    tracks: Database<'static, RowKey, Bytes>,
    ids: Database<'static, Bytes, RowKey>,
    forest: Database<'static, Bytes, Bytes>,
}

impl Store {
    /// Makes an environment in the existing, empty directory `path`.
    ///
    /// Commits are not flushed one by one; [`Self::close`] flushes.
    ///
    /// # Errors
    /// When LMDB cannot make it.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| lmdb(path, source);
        let env = open_env(path, BUILD_MAP_BYTES, EnvFlags::NO_SYNC)?;
        let databases = {
            let txn = env.write_txn().map_err(failed)?;
            env.create_databases_and_commit(txn, |opener, txn| {
                let mut create = |name| opener.create_database::<Bytes, Bytes>(txn, Some(name));
                let [a, b, c, d, e, f] = DATABASES;
                let all = [create(a)?, create(b)?, create(c)?, create(d)?, create(e)?, create(f)?];
                Ok(CommitOrAbort::<_, ()>::Commit(all))
            })
            .map_err(failed)?
            .unwrap_commit()
        };
        Ok(Self::with_databases(path, env, databases))
    }

    /// Opens a finished environment, read-only and without a lock file, so that a read-only file
    /// system will do.
    ///
    /// # Errors
    /// When the data file is missing or not an index's, or the index is open in this process.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let data = path.join(DATA_FILE);
        let bytes =
            fs::metadata(&data).map_err(|source| StoreError::Io { path: data, source })?.len();
        // A whole number of megabytes is a whole number of pages on every system.
        let map_bytes = (bytes as usize).next_multiple_of(1 << 20);
        Self::existing(path, map_bytes, EnvFlags::READ_ONLY | EnvFlags::NO_LOCK)
    }

    /// Opens a copy of a finished environment for writing, as [`Self::create`] makes one.
    ///
    /// # Errors
    /// When the data file is missing or not an index's, or cannot be written.
    pub fn grow(path: &Path) -> Result<Self, StoreError> {
        Self::existing(path, BUILD_MAP_BYTES, EnvFlags::NO_SYNC)
    }

    fn existing(path: &Path, map_bytes: usize, flags: EnvFlags) -> Result<Self, StoreError> {
        let failed = |source| lmdb(path, source);
        let env = open_env(path, map_bytes, flags)?;
        let databases = {
            let txn = env.read_txn().map_err(failed)?;
            env.open_databases_and_commit(txn, |opener, txn| {
                let open = |name| opener.open_database::<Bytes, Bytes>(txn, Some(name));
                let [a, b, c, d, e, f] = DATABASES;
                let all = [open(a)?, open(b)?, open(c)?, open(d)?, open(e)?, open(f)?];
                Ok(CommitOrAbort::<_, ()>::Commit(all))
            })
            .map_err(failed)?
            .unwrap_commit()
        };
        for (database, name) in databases.iter().zip(DATABASES) {
            if database.is_none() {
                return Err(StoreError::Database { path: path.to_owned(), name });
            }
        }
        let [Some(a), Some(b), Some(c), Some(d), Some(e), Some(f)] = databases else {
            return Err(StoreError::Database { path: path.to_owned(), name: DATABASES[0] });
        };
        Ok(Self::with_databases(path, env, [a, b, c, d, e, f]))
    }

    fn with_databases(
        path: &Path,
        env: Env<WithoutTls>,
        [facts, raw, scaled, tracks, ids, forest]: [Database<'static, Bytes, Bytes>; 6],
    ) -> Self {
        Self {
            path: path.to_owned(),
            env,
            facts: facts.remap_types(),
            raw: raw.remap_types(),
            scaled: scaled.remap_types(),
            tracks: tracks.remap_types(),
            ids: ids.remap_types(),
            forest,
        }
    }

    /// Begins a read transaction.
    ///
    /// # Errors
    /// When LMDB has no place for it.
    pub fn read(&self) -> Result<ReadTxn<'_>, StoreError> {
        self.env.read_txn().map_err(|source| lmdb(&self.path, source))
    }

    /// Begins a write transaction.
    ///
    /// # Errors
    /// When the environment is read-only.
    pub fn write(&self) -> Result<WriteTxn<'_>, StoreError> {
        self.env.write_txn().map_err(|source| lmdb(&self.path, source))
    }

    /// Commits a write transaction.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn commit(&self, txn: WriteTxn<'_>) -> Result<(), StoreError> {
        txn.commit().map_err(|source| lmdb(&self.path, source))
    }

    /// Flushes everything to disk, closes the environment and removes its lock file.
    ///
    /// # Errors
    /// When flushing fails.
    pub fn close(self) -> Result<(), StoreError> {
        let Self { path, env, .. } = self;
        env.force_sync().map_err(|source| lmdb(&path, source))?;
        env.prepare_for_closing().wait();
        let lock = path.join(LOCK_FILE);
        fs::remove_file(&lock).map_err(|source| StoreError::Io { path: lock, source })
    }

    /// The forest's database; its keys and values are arroy's.
    #[must_use]
    pub fn forest(&self) -> Database<'static, Bytes, Bytes> {
        self.forest
    }

    /// Stores a fact: a list of numbers.
    ///
    /// # Errors
    /// When LMDB refuses it.
    pub fn put_fact(
        &self,
        txn: &mut WriteTxn<'_>,
        name: &str,
        values: &[f64],
    ) -> Result<(), StoreError> {
        self.facts.put(txn, name, &f64_bytes(values)).map_err(|source| lmdb(&self.path, source))
    }

    /// A fact.
    ///
    /// # Errors
    /// When it is missing or not whole numbers of eight bytes.
    pub fn fact(&self, txn: &ReadTxn<'_>, name: &'static str) -> Result<Vec<f64>, StoreError> {
        let bytes = self
            .facts
            .get(txn, name)
            .map_err(|source| lmdb(&self.path, source))?
            .ok_or_else(|| StoreError::Missing { what: "fact", key: name.to_owned() })?;
        f64_values("fact", name, bytes, bytes.len() / 8)
    }

    /// Stores the raw vector of a row.
    ///
    /// # Errors
    /// When LMDB refuses it.
    pub fn put_raw(&self, txn: &mut WriteTxn<'_>, row: u32, raw: &[f64]) -> Result<(), StoreError> {
        self.raw.put(txn, &row, &f64_bytes(raw)).map_err(|source| lmdb(&self.path, source))
    }

    /// The raw vector of a row, of `dims` values.
    ///
    /// # Errors
    /// When it is missing or has another length.
    pub fn raw(&self, txn: &ReadTxn<'_>, row: u32, dims: usize) -> Result<Vec<f64>, StoreError> {
        let bytes = self.entry(self.raw, txn, "raw vector", row)?;
        f64_values("raw vector", &row.to_string(), bytes, dims)
    }

    /// Stores a block of scaled vectors.
    ///
    /// # Errors
    /// When LMDB refuses it.
    pub fn put_scaled_block(
        &self,
        txn: &mut WriteTxn<'_>,
        block: u32,
        values: &[f32],
    ) -> Result<(), StoreError> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.scaled.put(txn, &block, &bytes).map_err(|source| lmdb(&self.path, source))
    }

    /// All scaled vectors, `[rows, dims]`.
    ///
    /// # Errors
    /// When a block is missing or has another length.
    pub fn scaled(
        &self,
        txn: &ReadTxn<'_>,
        rows: usize,
        dims: usize,
    ) -> Result<Vec<f32>, StoreError> {
        let mut values = Vec::with_capacity(rows.saturating_mul(dims));
        for (start, block) in (0..rows).step_by(BLOCK_ROWS).zip(0_u32..) {
            let bytes = self.entry(self.scaled, txn, "scaled block", block)?;
            let expected = BLOCK_ROWS.min(rows - start) * dims * 4;
            let (chunks, rest) = bytes.as_chunks::<4>();
            if bytes.len() != expected || !rest.is_empty() {
                let (key, got) = (block.to_string(), bytes.len());
                return Err(StoreError::Length { what: "scaled block", key, got, expected });
            }
            values.extend(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)));
        }
        Ok(values)
    }

    /// Stores the metadata record of a row.
    ///
    /// # Errors
    /// When LMDB refuses it.
    pub fn put_track(
        &self,
        txn: &mut WriteTxn<'_>,
        row: u32,
        record: &[u8],
    ) -> Result<(), StoreError> {
        self.tracks.put(txn, &row, record).map_err(|source| lmdb(&self.path, source))
    }

    /// The metadata record of a row.
    ///
    /// # Errors
    /// When it is missing.
    pub fn track<'t>(&self, txn: &'t ReadTxn<'_>, row: u32) -> Result<&'t [u8], StoreError> {
        self.entry(self.tracks, txn, "metadata of row", row)
    }

    /// Stores the row of a track id; an id that has a row already keeps it, and it is returned.
    ///
    /// # Errors
    /// When LMDB refuses it.
    pub fn put_id(
        &self,
        txn: &mut WriteTxn<'_>,
        id_key: &[u8; 32],
        row: u32,
    ) -> Result<Option<u32>, StoreError> {
        self.ids.get_or_put(txn, id_key, &row).map_err(|source| lmdb(&self.path, source))
    }

    /// The row of a track id.
    ///
    /// # Errors
    /// When LMDB fails.
    pub fn row_of(&self, txn: &ReadTxn<'_>, id_key: &[u8; 32]) -> Result<Option<u32>, StoreError> {
        self.ids.get(txn, id_key).map_err(|source| lmdb(&self.path, source))
    }

    /// Removes the raw vector and the metadata record of a row.
    ///
    /// # Errors
    /// When LMDB refuses it.
    pub fn remove_row(&self, txn: &mut WriteTxn<'_>, row: u32) -> Result<(), StoreError> {
        let failed = |source| lmdb(&self.path, source);
        self.raw.delete(txn, &row).map_err(failed)?;
        self.tracks.delete(txn, &row).map_err(failed)?;
        Ok(())
    }

    /// Gives a track id another row.
    ///
    /// # Errors
    /// When LMDB refuses it.
    pub fn move_id(
        &self,
        txn: &mut WriteTxn<'_>,
        id_key: &[u8; 32],
        row: u32,
    ) -> Result<(), StoreError> {
        self.ids.put(txn, id_key, &row).map_err(|source| lmdb(&self.path, source))
    }

    /// Forgets a track id.
    ///
    /// # Errors
    /// When LMDB refuses it.
    pub fn remove_id(&self, txn: &mut WriteTxn<'_>, id_key: &[u8; 32]) -> Result<(), StoreError> {
        self.ids.delete(txn, id_key).map(drop).map_err(|source| lmdb(&self.path, source))
    }

    /// Removes a block of scaled vectors.
    ///
    /// # Errors
    /// When LMDB refuses it.
    pub fn remove_scaled_block(
        &self,
        txn: &mut WriteTxn<'_>,
        block: u32,
    ) -> Result<(), StoreError> {
        self.scaled.delete(txn, &block).map(drop).map_err(|source| lmdb(&self.path, source))
    }

    /// Number of raw vectors, metadata records and track ids.
    ///
    /// # Errors
    /// When LMDB fails.
    pub fn counts(&self, txn: &ReadTxn<'_>) -> Result<[(&'static str, u64); 3], StoreError> {
        let failed = |source| lmdb(&self.path, source);
        Ok([
            ("raw vectors", self.raw.len(txn).map_err(failed)?),
            ("metadata records", self.tracks.len(txn).map_err(failed)?),
            ("track ids", self.ids.len(txn).map_err(failed)?),
        ])
    }

    fn entry<'t>(
        &self,
        database: Database<'static, RowKey, Bytes>,
        txn: &'t ReadTxn<'_>,
        what: &'static str,
        row: u32,
    ) -> Result<&'t [u8], StoreError> {
        database
            .get(txn, &row)
            .map_err(|source| lmdb(&self.path, source))?
            .ok_or_else(|| StoreError::Missing { what, key: row.to_string() })
    }
}

fn lmdb(path: &Path, source: heed::Error) -> StoreError {
    match source {
        heed::Error::EnvAlreadyOpened => StoreError::OpenTwice { path: path.to_owned() },
        source => StoreError::Lmdb { path: path.to_owned(), source },
    }
}

#[expect(unsafe_code, reason = "opening a memory map is unsafe; this is the one place that does")]
fn open_env(path: &Path, map_bytes: usize, flags: EnvFlags) -> Result<Env<WithoutTls>, StoreError> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_bytes).max_dbs(DATABASES.len() as u32);
    // SAFETY: the mapped file must not change while it is mapped. A finished index is never
    // written again: its builder writes under a fresh name that nobody else knows and renames it
    // when it is complete. That is also why readers need no lock (NO_LOCK). While it is written,
    // one process has it open once, with LMDB's own lock; a build that dies leaves a directory
    // that is never opened, so the skipped flushes (NO_SYNC) cannot be seen.
    unsafe { options.flags(flags).open(path) }.map_err(|source| lmdb(path, source))
}

/// Numbers as they are stored.
#[must_use]
pub fn f64_bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn f64_values(
    what: &'static str,
    key: &str,
    bytes: &[u8],
    count: usize,
) -> Result<Vec<f64>, StoreError> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    if chunks.len() != count || !rest.is_empty() {
        let (key, got, expected) = (key.to_owned(), bytes.len(), count * 8);
        return Err(StoreError::Length { what, key, got, expected });
    }
    Ok(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect())
}
