//! The approximate engine: arroy's forest of random hyperplane trees in LMDB.
//!
//! arroy up to 0.9.0 computes the offset of a Euclidean split plane and then drops it, so that
//! every plane passes through the origin and recall suffers (arroy issue 81, pull requests 93 and
//! 132). The forest is therefore fed lifted vectors `(x, R - |x|² / 2R)`: on that paraboloid a plane
//! through the origin has an offset in the original space. Distances change by
//! `((|x|² - |y|²) / 2R)²`, which does not matter, because the candidates are scored again here
//! with the plain distance.
//!
//! Filters are applied outside arroy, which scans LMDB linearly when fewer than half of the rows
//! are allowed.

use std::{error::Error as StdError, num::NonZeroUsize, path::Path, sync::Arc};

use arroy::{Reader, Writer, distances::Euclidean};
use rand::{SeedableRng, rngs::StdRng};

use super::{Candidates, Effort, Engine, EngineError, Hit, RowSet, Scan, keep_nearest, scan::hit};
use crate::{
    passing::io_is_passing,
    store::{Store, StoreError, WriteTxn, lmdb_is_passing},
    vectors::ScaledVectors,
};

/// `R` of the lift: far larger than the norm of a scaled vector (8.6 for 74 columns), small enough
/// that `f32` keeps four decimals of the last coordinate.
pub const LIFT_RADIUS: f32 = 300.0;

/// The one arroy index of the environment.
const ARROY_INDEX: u16 = 0;

/// Up to this many allowed rows are scored one by one; a walk through the trees would cost more.
const GATHER_ROWS: usize = 20_000;

/// `(x, R - |x|² / 2R)`.
#[must_use]
pub fn lift(scaled: &[f32]) -> Vec<f32> {
    let squared_norm: f32 = scaled.iter().map(|x| x * x).sum();
    let mut lifted = Vec::with_capacity(scaled.len() + 1);
    lifted.extend_from_slice(scaled);
    lifted.push(LIFT_RADIUS - squared_norm / (2.0 * LIFT_RADIUS));
    lifted
}

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
        drop(reader);
        drop(txn);
        let scan = Scan::new(Arc::clone(&vectors));
        Ok(Self { store, vectors, scan, trees })
    }

    /// Number of trees.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.trees
    }

    /// Candidates inspected by default for `k` results: `k` per tree, as Annoy and arroy have it.
    #[must_use]
    pub fn default_effort(&self, k: usize) -> usize {
        k.saturating_mul(self.trees)
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
            Effort::Rows(rows) => rows.max(k),
            Effort::Margin(_) => self.default_effort(k),
        };
        let txn = self.store.read().map_err(stored)?;
        // A reader borrows its transaction, so each query opens both: microseconds, and no lifetime
        // has to be cheated.
        let reader = Reader::open(&txn, ARROY_INDEX, database(&self.store)).map_err(failed)?;
        // Every candidate arroy inspects is scored again, so it is asked for all of them.
        let lifted = lift(query);
        let mut search = reader.nns(self.vectors.rows());
        search.search_k(NonZeroUsize::new(search_k).unwrap_or(NonZeroUsize::MIN));
        let inspected = search.by_vector(&txn, &lifted).map_err(failed)?;
        let hits: Vec<Hit> = inspected
            .iter()
            .map(|(row, _)| *row)
            .filter(|row| allowed.is_none_or(|allowed| allowed.contains(*row)))
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

    /// Adds the scaled vector of a row.
    ///
    /// # Errors
    /// When the store refuses it.
    pub fn add(&self, txn: &mut WriteTxn<'_>, row: u32, scaled: &[f32]) -> Result<(), EngineError> {
        self.writer.add_item(txn, row, &lift(scaled)).map_err(failed)
    }

    /// Removes the vector of a row.
    ///
    /// # Errors
    /// When the store refuses it.
    pub fn remove(&self, txn: &mut WriteTxn<'_>, row: u32) -> Result<(), EngineError> {
        self.writer.del_item(txn, row).map(drop).map_err(failed)
    }

    /// Grows `trees` trees over the added vectors and commits them. Trees that are there take the
    /// vectors added since, and lose those removed.
    ///
    /// One thread: with more, arroy hands out node ids in the order threads ask for them, and the
    /// same seed no longer gives the same forest.
    ///
    /// # Errors
    /// When the thread cannot be started or the store refuses the nodes.
    pub fn build(&self, store: &Store, trees: usize, seed: u64) -> Result<(), EngineError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "forest".to_owned())
            .build()
            .map_err(|error| EngineError::Threads(Box::new(error)))?;
        pool.install(|| {
            let mut txn = store.write().map_err(stored)?;
            let mut rng = StdRng::seed_from_u64(seed);
            self.writer.builder(&mut rng).n_trees(trees).build(&mut txn).map_err(failed)?;
            store.commit(txn).map_err(stored)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::squared_distance;

    #[test]
    fn the_lift_keeps_distances_nearly() {
        let a: Vec<f32> = (0..74_i16).map(|i| f32::from(i % 7) - 3.0).collect();
        let b: Vec<f32> = (0..74_i16).map(|i| f32::from(i % 5) - 2.0).collect();
        let (plain, lifted) = (squared_distance(&a, &b), squared_distance(&lift(&a), &lift(&b)));
        let norms: (f32, f32) = (a.iter().map(|x| x * x).sum(), b.iter().map(|x| x * x).sum());
        let change = ((norms.0 - norms.1) / (2.0 * LIFT_RADIUS)).powi(2);
        assert!((lifted - plain - change).abs() < 1e-2, "{lifted} {plain} {change}");
    }
}
