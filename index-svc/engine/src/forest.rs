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
mod store;

use std::{collections::BTreeSet, num::NonZeroUsize, ops::Range, path::Path, sync::Arc};

use arroy::{Reader, Writer, distances::Euclidean};
use heed::RwTxn;
use rand::{SeedableRng, rngs::StdRng};

use self::copies::Copies;
pub use self::{
    lift::{LIFT_RADIUS, lift},
    store::ForestStore,
};
use crate::{
    error::{EngineError, ForestError},
    nearest::{Candidates, Effort, Engine, Hit, keep_nearest},
    row_set::RowSet,
    scan::{Scan, hit},
    vectors::ScaledVectors,
};

/// Rows written per transaction; bounds the pages a transaction holds in memory.
pub const COMMIT_ROWS: u32 = 16 << 10;

/// The one arroy index of the environment.
const ARROY_INDEX: u16 = 0;

/// Most candidates that a filter may raise a search to: as many as a caller may ask for.
const MOST_RAISED: u128 = 1_000_000;

/// Up to this many allowed rows are scored one by one; a walk through the trees would cost more.
const GATHER_ROWS: usize = 20_000;

fn failed(error: arroy::Error) -> EngineError {
    EngineError::Forest(error.into())
}

/// A forest that is open for queries.
#[derive(Debug)]
pub struct Forest {
    store: ForestStore,
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
        store: ForestStore,
        vectors: Arc<ScaledVectors>,
        trees: usize,
    ) -> Result<Self, EngineError> {
        let txn = store.read()?;
        let reader = Reader::open(&txn, ARROY_INDEX, store.arroy()).map_err(failed)?;
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
        let txn = self.store.read()?;
        let reader = Reader::open(&txn, ARROY_INDEX, self.store.arroy()).map_err(failed)?;
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
        let txn = self.store.read()?;
        // A reader borrows its transaction, so each query opens both: microseconds, and no lifetime
        // has to be cheated.
        let reader = Reader::open(&txn, ARROY_INDEX, self.store.arroy()).map_err(failed)?;
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
    pub fn new(store: &ForestStore, dims: usize, scratch: &Path) -> Self {
        let mut writer = Writer::new(store.arroy(), ARROY_INDEX, dims + 1);
        writer.set_tmpdir(scratch);
        Self { writer }
    }

    /// Adds some of the rows of `vectors`, lifted by the spread of all of them.
    ///
    /// # Errors
    /// When the store refuses one, or threads cannot be started.
    pub fn add(
        &self,
        store: &ForestStore,
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
            let mut txn = store.write()?;
            for row in from..to {
                let lifted = lift(vectors.row(row), spreads[row as usize]);
                self.writer.add_item(&mut txn, row, &lifted).map_err(failed)?;
            }
            store.commit(txn)?;
            from = to;
        }
        Ok(())
    }

    /// Gives the vector of the row `from` to the row `to`.
    ///
    /// # Errors
    /// When the store refuses it, or has no such vector.
    pub fn rename(&self, txn: &mut RwTxn<'_>, from: u32, to: u32) -> Result<(), EngineError> {
        let lifted = self.writer.item_vector(txn, from).map_err(failed)?;
        let missing = || ForestError::Missing { what: "forest vector", key: from.to_string() };
        let lifted = lifted.ok_or_else(missing)?;
        self.writer.del_item(txn, from).map_err(failed)?;
        self.writer.add_item(txn, to, &lifted).map_err(failed)
    }

    /// Removes the vector of a row.
    ///
    /// # Errors
    /// When the store refuses it.
    pub fn remove(&self, txn: &mut RwTxn<'_>, row: u32) -> Result<(), EngineError> {
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
        store: &ForestStore,
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
            let mut txn = store.write()?;
            Copies::find(vectors).write(store, &mut txn)?;
            let mut rng = StdRng::seed_from_u64(seed);
            self.writer.builder(&mut rng).n_trees(trees).build(&mut txn).map_err(failed)?;
            store.commit(txn).map_err(EngineError::from)
        })
    }
}
