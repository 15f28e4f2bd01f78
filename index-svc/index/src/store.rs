//! What an index stores: the LMDB environment with its databases, and the files of rows beside it.
//!
//! | database | key | value |
//! |---|---|---|
//! | `facts` | name | `f64` little-endian: the scaler's means and scales, the distance quantiles |
//! | `ids` | SHA-256 of the track id | row |
//! | `forest` | arroy's | arroy's |
//!
//! Rows and blocks are big-endian `u32`, so that LMDB's order is row order. Raw vectors and metadata
//! records are in files of their own, see `rows`, and so are scaled ones, see `scaled`. The directory must be on a local
//! file system: LMDB's memory map is not sound on a network one.

mod error;
mod file;
mod in_order;
mod numbers;
mod rows;
mod scaled;

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

use engine::ForestStore;
use heed::{
    CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RoTxn, RwTxn, WithoutTls,
    byteorder::BigEndian,
    types::{Bytes, Str, U32},
};

pub use self::{
    error::StoreError,
    in_order::InOrder,
    numbers::f64_bytes,
    rows::{TRACKS_FILE, TrackWriter, VECTORS_FILE, VectorWriter},
    scaled::{SCALED_FILE, ScaledFile, ScaledWriter},
};
use self::{
    numbers::{f64_values, raw_values},
    rows::{RowFiles, missing},
};

/// The environment's data file.
pub const DATA_FILE: &str = "data.mdb";
/// The lock file that LMDB makes while an index is built; a finished index has none.
pub const LOCK_FILE: &str = "lock.mdb";
/// Fact: the scaler's means, then its scales.
pub const SCALER: &str = "scaler";

/// Address space of an environment that is written, not memory nor disk: 256 GiB.
const BUILD_MAP_BYTES: usize = 1 << 38;
const DATABASES: [&str; 3] = ["facts", "ids", "forest"];

type RowKey = U32<BigEndian>;

/// A read transaction; independent of the thread it began on.
pub type ReadTxn<'e> = RoTxn<'e, WithoutTls>;
/// A write transaction.
pub type WriteTxn<'e> = RwTxn<'e>;

/// An open environment, its databases, and the files of rows.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    env: Env<WithoutTls>,
    facts: Database<'static, Str, Bytes>,
    ids: Database<'static, Bytes, RowKey>,
    forest: Database<'static, Bytes, Bytes>,
    /// Raw vectors and metadata records; none while somebody writes them, or will.
    rows: Option<RowFiles>,
}

impl Store {
    /// Makes an environment in the existing, empty directory `path`.
    ///
    /// Commits are not flushed one by one; [`Self::close`] flushes. Rows are written beside it.
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
                let [a, b, c] = DATABASES;
                let all = [create(a)?, create(b)?, create(c)?];
                Ok(CommitOrAbort::<_, ()>::Commit(all))
            })
            .map_err(failed)?
            .unwrap_commit()
        };
        Ok(Self::with_databases(path, env, databases, None))
    }

    /// Opens a finished environment, read-only and without a lock file, so that a read-only file
    /// system will do, and its `rows` rows of `dims` values.
    ///
    /// # Errors
    /// When a file is missing or not an index's, or the index is open in this process.
    pub fn open(path: &Path, rows: usize, dims: usize) -> Result<Self, StoreError> {
        let data = path.join(DATA_FILE);
        let bytes =
            fs::metadata(&data).map_err(|source| StoreError::Io { path: data, source })?.len();
        // A whole number of megabytes is a whole number of pages on every system.
        let map_bytes = (bytes as usize).next_multiple_of(1 << 20);
        // Trees are walked from page to page; read ahead, others' pages would go where memory is scarce.
        let flags = EnvFlags::READ_ONLY | EnvFlags::NO_LOCK | EnvFlags::NO_READ_AHEAD;
        let mut store = Self::existing(path, map_bytes, flags)?;
        store.rows = Some(RowFiles::open(path, rows, dims)?);
        Ok(store)
    }

    /// Opens a copy of a finished environment for writing, as [`Self::create`] makes one.
    ///
    /// # Errors
    /// When the data file is missing or not an index's, or cannot be written.
    pub fn grow(path: &Path) -> Result<Self, StoreError> {
        Self::existing(path, BUILD_MAP_BYTES, EnvFlags::NO_SYNC)
    }

    fn existing(path: &Path, map_bytes: usize, flags: EnvFlags) -> Result<Self, StoreError> {
        let env = open_env(path, map_bytes, flags)?;
        let databases = named(path, &env, DATABASES)?;
        Ok(Self::with_databases(path, env, databases, None))
    }

    fn with_databases(
        path: &Path,
        env: Env<WithoutTls>,
        [facts, ids, forest]: [Database<'static, Bytes, Bytes>; 3],
        rows: Option<RowFiles>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            env,
            facts: facts.remap_types(),
            ids: ids.remap_types(),
            forest,
            rows,
        }
    }

    /// The directory it is in.
    pub fn path(&self) -> &Path {
        &self.path
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

    /// Where the forest of this store is kept.
    #[must_use]
    pub fn forest(&self) -> ForestStore {
        let Self { path, env, facts, forest, .. } = self;
        ForestStore { path: path.clone(), env: env.clone(), forest: *forest, facts: *facts }
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
        f64_values("fact", || name.to_owned(), bytes, bytes.len() / 8)
    }

    /// The raw vector of a row, of `dims` values.
    ///
    /// # Errors
    /// When it is missing or has another length.
    pub fn raw(&self, row: u32, dims: usize) -> Result<Vec<f64>, StoreError> {
        raw_values(row, &self.files("raw vector", row)?.vector(row)?, dims)
    }

    /// The metadata record of a row.
    ///
    /// # Errors
    /// When it is missing.
    pub fn track(&self, row: u32) -> Result<Cow<'_, [u8]>, StoreError> {
        self.files("metadata of row", row)?.track(row)
    }

    /// For whoever reads all rows, or many, in their order.
    pub fn in_order(&self) -> InOrder<'_> {
        InOrder::new(self.rows.as_ref())
    }

    fn files(&self, what: &'static str, row: u32) -> Result<&RowFiles, StoreError> {
        self.rows.as_ref().ok_or_else(|| missing(what, row))
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

    /// Number of raw vectors, metadata records and track ids.
    ///
    /// # Errors
    /// When LMDB fails.
    pub fn counts(&self, txn: &ReadTxn<'_>) -> Result<[(&'static str, u64); 3], StoreError> {
        let rows = self.rows.as_ref().map_or(0, RowFiles::rows) as u64;
        let ids = self.ids.len(txn).map_err(|source| lmdb(&self.path, source))?;
        Ok([("raw vectors", rows), ("metadata records", rows), ("track ids", ids)])
    }
}

/// Databases of an environment, by name.
fn named<const N: usize>(
    path: &Path,
    env: &Env<WithoutTls>,
    names: [&'static str; N],
) -> Result<[Database<'static, Bytes, Bytes>; N], StoreError> {
    let failed = |source| lmdb(path, source);
    let txn = env.read_txn().map_err(failed)?;
    let found = env.open_databases_and_commit(txn, |opener, txn| {
        let mut found = [None; N];
        for (found, name) in found.iter_mut().zip(names) {
            *found = opener.open_database::<Bytes, Bytes>(txn, Some(name))?;
        }
        Ok(CommitOrAbort::<_, ()>::Commit(found))
    });
    let found = found.map_err(failed)?.unwrap_commit();
    let mut databases = Vec::with_capacity(N);
    for (database, name) in found.into_iter().zip(names) {
        let missing = || StoreError::Database { path: path.to_owned(), name };
        databases.push(database.ok_or_else(missing)?);
    }
    Ok(databases.try_into().expect("one for each name"))
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
