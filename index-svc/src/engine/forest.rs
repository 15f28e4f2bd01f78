//! The approximate engine: arroy's forest of random hyperplane trees in LMDB.
//!
//! arroy up to 0.9.0 computes the offset of a Euclidean split plane and then drops it, so that
//! every plane passes through the origin and recall suffers (arroy issue 81, pull requests 93 and
//! 132). The forest is therefore fed lifted vectors, see [`lift()`]: on a paraboloid a plane through the
//! origin has an offset in the original space. The distances that arroy computes are not the plain ones
//! then, which does not matter, because the candidates are scored again here.
//!
//! Filters are applied outside arroy, which scans LMDB linearly when fewer than half of the rows
//! are allowed.

mod copies;
mod lift;

use std::{
    collections::BTreeSet, error::Error as StdError, num::NonZeroUsize, ops::Range, path::Path,
    sync::Arc,
};

use arroy::{Reader, Writer, distances::Euclidean};
use rand::{SeedableRng, rngs::StdRng};

use self::copies::Copies;
pub use self::lift::{LIFT_RADIUS, lift};
use super::{Candidates, Effort, Engine, EngineError, Hit, RowSet, Scan, keep_nearest, scan::hit};
use crate::{
    passing::io_is_passing,
    store::{COMMIT_ROWS, Store, StoreError, WriteTxn, lmdb_is_passing},
    vectors::ScaledVectors,
};

/// The one arroy index of the environment.
const ARROY_INDEX: u16 = 0;

/// Most candidates that a filter may raise a search to: as many as a caller may ask for.
const MOST_RAISED: u128 = 1_000_000;

/// Up to this many allowed rows are scored one by one; a walk through the trees would cost more.
const GATHER_ROWS: usize = 20_000;

fn database(store: &Store) -> arroy::Database<'static, Euclidean> {
    store.forest().remap_types()
}

fn stored(error: StoreError) -> EngineError {
    EngineError::Forest(Box::new(error))
}

fn failed(error: arroy::Error) -> EngineError {
    EngineError::Forest(Box::new(error))
}

/// Whether what is inside of [`EngineError::Forest`] may be answered later.
pub(crate) fn forest_error_is_passing(error: &(dyn StdError + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return error.is_passing();
    }
    match error.downcast_ref::<arroy::Error>() {
        Some(arroy::Error::Heed(error)) => lmdb_is_passing(error),
        Some(arroy::Error::Io(error)) => io_is_passing(error),
        _ => false,
    }
}

/// A forest that is open for queries.
#[derive(Debug)]
pub struct Forest {
    store: Arc<Store>,
    vectors: Arc<ScaledVectors>,
    scan: Scan,
    copies: Copies,
    trees: usize,
}

impl Forest {
    /// Opens the forest of `store` over `vectors`.
    ///
    /// # Errors
    /// When it was not built to its end, or has another number of rows, dimensions or trees.
    pub fn open(
        store: Arc<Store>,
        vectors: Arc<ScaledVectors>,
        trees: usize,
    ) -> Result<Self, EngineError> {
        let txn = store.read().map_err(stored)?;
        let reader = Reader::open(&txn, ARROY_INDEX, database(&store)).map_err(failed)?;
        let counts = [
            ("vectors", reader.n_items(), vectors.rows() as u64),
            ("dimensions", reader.dimensions() as u64, vectors.dims() as u64 + 1),
            ("trees", reader.n_trees() as u64, trees as u64),
        ];
        for (what, got, expected) in counts {
            // All rows of a small index fit into one leaf, and arroy then makes one tree.
            let single_leaf = what == "trees" && got == 1 && vectors.rows() <= vectors.dims() + 1;
            if got != expected && !single_leaf {
                return Err(EngineError::ForestShape { what, got, expected });
            }
        }
        let copies = Copies::read(&store, &txn, vectors.rows())?;
        drop(reader);
        drop(txn);
        let scan = Scan::new(Arc::clone(&vectors));
        Ok(Self { store, vectors, scan, copies, trees })
    }

    /// Number of trees.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.trees
    }

    /// Candidates inspected by default for `k` results: `k` per tree, as Annoy and arroy have it.
    #[must_use]
    fn default_effort(&self, k: usize) -> usize {
        k.saturating_mul(self.trees)
    }

    /// So many rows are looked at that as many of them are allowed as would be without a filter, up to
    /// [`MOST_RAISED`].
    fn for_filter(&self, search_k: usize, allowed: Option<&RowSet>) -> usize {
        let rows = self.vectors.rows() as u128;
        let allowed = allowed.map_or(rows, |allowed| allowed.len() as u128).max(1);
        let raised = search_k as u128 * rows / allowed;
        usize::try_from(raised.min(MOST_RAISED)).unwrap_or(usize::MAX).max(search_k)
    }

    /// Calls `check` with every row and its lifted vector, in row order.
    ///
    /// # Errors
    /// When the forest cannot be read.
    pub fn each_vector(&self, mut check: impl FnMut(u32, &[f32])) -> Result<(), EngineError> {
        let txn = self.store.read().map_err(stored)?;
        let reader = Reader::open(&txn, ARROY_INDEX, database(&self.store)).map_err(failed)?;
        for item in reader.iter(&txn).map_err(failed)? {
            let (row, vector) = item.map_err(failed)?;
            check(row, &vector);
        }
        Ok(())
    }
}

impl Engine for Forest {
    fn nearest(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
    ) -> Result<Candidates, EngineError> {
        let expected = self.vectors.dims();
        if query.len() != expected {
            return Err(EngineError::Width { got: query.len(), expected });
        }
        let gathers = allowed.is_some_and(|allowed| allowed.len() <= GATHER_ROWS);
        let search_k = match effort {
            Effort::Exact => return self.scan.nearest(query, k, allowed, effort),
            _ if gathers => return self.scan.nearest(query, k, allowed, effort),
            Effort::Rows(rows) => self.for_filter(rows, allowed).max(k),
            Effort::Margin(_) => self.default_effort(k),
        };
        let txn = self.store.read().map_err(stored)?;
        // A reader borrows its transaction, so each query opens both: microseconds, and no lifetime
        // has to be cheated.
        let reader = Reader::open(&txn, ARROY_INDEX, database(&self.store)).map_err(failed)?;
        // Every candidate arroy inspects is scored again, so it is asked for all of them.
        let lifted = lift(query, 0.0);
        let mut search = reader.nns(self.vectors.rows());
        search.search_k(NonZeroUsize::new(search_k).unwrap_or(NonZeroUsize::MIN));
        let inspected = search.by_vector(&txn, &lifted).map_err(failed)?;
        let met = || inspected.iter().map(|(row, _)| *row);
        let is_allowed = |row: &u32| allowed.is_none_or(|allowed| allowed.contains(*row));
        let copies = self.copies.of_rows(met());
        let lowest: BTreeSet<u32> =
            copies.flat_map(|rows| rows.iter().copied().filter(is_allowed).take(k)).collect();
        let others = met().filter(|row| is_allowed(row) && !lowest.contains(row));
        let hits: Vec<Hit> = others
            .chain(lowest.iter().copied())
            .map(|row| hit(query, row, self.vectors.row(row)))
            .collect();
        let scored = hits.len();
        Ok(Candidates { hits: keep_nearest(hits, k), scored })
    }
}

/// Writes a forest into a new store.
#[derive(Debug)]
pub struct ForestWriter {
    writer: Writer<Euclidean>,
}

impl ForestWriter {
    /// A writer of vectors of `dims` values; scratch files go to `scratch`.
    #[must_use]
    pub fn new(store: &Store, dims: usize, scratch: &Path) -> Self {
        let mut writer = Writer::new(database(store), ARROY_INDEX, dims + 1);
        writer.set_tmpdir(scratch);
        Self { writer }
    }

    /// Adds some of the rows of `vectors`, lifted by the spread of all of them.
    ///
    /// # Errors
    /// When the store refuses one, or threads cannot be started.
    pub fn add(
        &self,
        store: &Store,
        vectors: &ScaledVectors,
        rows: Range<u32>,
        seed: u64,
    ) -> Result<(), EngineError> {
        if rows.is_empty() {
            return Ok(());
        }
        let spreads = lift::spreads(vectors, seed)?;
        let mut from = rows.start;
        while from < rows.end {
            let to = from.saturating_add(COMMIT_ROWS).min(rows.end);
            let mut txn = store.write().map_err(stored)?;
            for row in from..to {
                let lifted = lift(vectors.row(row), spreads[row as usize]);
                self.writer.add_item(&mut txn, row, &lifted).map_err(failed)?;
            }
            store.commit(txn).map_err(stored)?;
            from = to;
        }
        Ok(())
    }

    /// Gives the vector of the row `from` to the row `to`.
    ///
    /// # Errors
    /// When the store refuses it, or has no such vector.
    pub fn rename(&self, txn: &mut WriteTxn<'_>, from: u32, to: u32) -> Result<(), EngineError> {
        let lifted = self.writer.item_vector(txn, from).map_err(failed)?;
        let lifted = lifted.ok_or_else(|| {
            stored(StoreError::Missing { what: "forest vector", key: from.to_string() })
        })?;
        self.writer.del_item(txn, from).map_err(failed)?;
        self.writer.add_item(txn, to, &lifted).map_err(failed)
    }

    /// Removes the vector of a row.
    ///
    /// # Errors
    /// When the store refuses it.
    pub fn remove(&self, txn: &mut WriteTxn<'_>, row: u32) -> Result<(), EngineError> {
        self.writer.del_item(txn, row).map(drop).map_err(failed)
    }

    /// Grows `trees` trees over the added vectors and commits them, with the list of those of `vectors` that are equal. Trees that are there take the
    /// vectors added since, and lose those removed.
    ///
    /// One thread: with more, arroy hands out node ids in the order threads ask for them, and the
    /// same seed no longer gives the same forest.
    ///
    /// # Errors
    /// When the thread cannot be started or the store refuses the nodes.
    pub fn build(
        &self,
        store: &Store,
        vectors: &ScaledVectors,
        trees: usize,
        seed: u64,
    ) -> Result<(), EngineError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "forest".to_owned())
            .build()
            .map_err(|error| EngineError::Threads(Box::new(error)))?;
        pool.install(|| {
            let mut txn = store.write().map_err(stored)?;
            Copies::find(vectors).write(store, &mut txn).map_err(stored)?;
            let mut rng = StdRng::seed_from_u64(seed);
            self.writer.builder(&mut rng).n_trees(trees).build(&mut txn).map_err(failed)?;
            store.commit(txn).map_err(stored)
        })
    }
}
