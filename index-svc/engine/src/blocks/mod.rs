//! `blocks`: nearest neighbours from memory, exact or approximate.
//!
//! One tree of two-means splits ends in leaves of about 256 rows. A leaf is stored as contiguous 8-bit codes that the kernels scan at
//! the speed of memory; what the codes cannot rule out is re-ranked by its f32 row in f64. Leaves are visited nearest first, and
//! a visit to all of them is the exact scan. The codes' error is bounded, never guessed: [`bounds`] has the proof that
//! [`Effort::Exact`] returns what a full scan in f64 returns, order and ties included.
//!
//! | file | holds |
//! |---|---|
//! | `build`, `tree`, `two_means`, `pack` | rows into an image |
//! | `image`, `storage`, `view` | the stored form: sections, memory, checked access |
//! | `search`, `frontier`, `sweep`, `scan`, `filter`, `candidates`, `batch` | a query |
//! | `trail` | what a query finds by each margin |
//! | `bounds` | what integer codes can tell about distances |
//! | `kernel/` | the inner loops per instruction set |
//!
//! The engine knows rows by number and nothing of tracks, files' places, or scaling.

mod batch;
mod bounds;
mod build;
mod candidates;
mod error;
mod filter;
mod frontier;
mod image;
mod kernel;
mod pack;
mod scan;
mod search;
mod storage;
mod sweep;
#[cfg(test)]
mod tests;
mod trail;
mod tree;
mod two_means;
mod view;

pub use build::{BlocksOptions, MAX_MAGNITUDE, build, write};
pub use error::BlocksError;
pub use image::{LEAF_ROWS, MAX_DIMS, MAX_ROWS};
pub use kernel::{ABREAST, Kernel};
pub use search::SearchResult;
pub use storage::Image;
pub use trail::{Met, Trail};

pub(crate) use filter::LeafOrder;
pub(crate) use image::LEAF_BIT;
pub(crate) use tree::{Table, Tree};

pub use crate::{
    nearest::{Effort, Hit},
    row_set::RowSet,
};

use image::{Counts, Layout};
use search::Searcher;
use view::{Extent, View};

/// An open index.
#[derive(Debug)]
pub struct Blocks {
    image: Image,
    counts: Counts,
    layout: Layout,
    extent: Extent,
    kernel: Kernel,
}

impl Blocks {
    /// Opens an image: verifies its digests and every number that is used as an index.
    ///
    /// # Errors
    /// The image is damaged, of another version, or no image at all.
    pub fn open(image: Image) -> Result<Self, BlocksError> {
        Self::open_with(image, Kernel::detect())
    }

    /// As [`Self::open`], with a kernel of one's choice.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(image: Image, kernel: Kernel) -> Result<Self, BlocksError> {
        let (counts, layout) = image::parse(image.bytes())?;
        let extent = {
            let unknown = Extent::default();
            let view = View::new(image.bytes(), &counts, &layout, &unknown);
            view.check()?;
            view.measure()
        };
        Ok(Self { image, counts, layout, extent, kernel })
    }

    /// The k rows nearest to `query` by Euclidean distance, of those `allowed`, ties by row number.
    ///
    /// Fewer than k only when fewer are allowed, or a limited effort met fewer.
    ///
    /// # Errors
    /// The query is of another width or holds a value out of range; the filter is over another number of rows.
    ///
    /// # Panics
    /// Never: a search without a limit has a result.
    pub fn nearest(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
    ) -> Result<SearchResult, BlocksError> {
        let found = self.nearest_within(query, k, allowed, effort, usize::MAX)?;
        Ok(found.expect("no index has that many rows"))
    }

    /// As [`Self::nearest`]; `None` where it would have to look at more than `most` rows.
    ///
    /// # Errors
    /// As [`Self::nearest`].
    pub fn nearest_within(
        &self,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
        most: usize,
    ) -> Result<Option<SearchResult>, BlocksError> {
        Searcher::new(self, allowed)?.nearest(query, k, effort, most)
    }

    /// As [`Self::nearest`], for `queries` of `[n, dims]`: one result per query, in their order.
    ///
    /// # Errors
    /// As [`Self::nearest`]; one bad query fails the batch.
    pub fn nearest_batch(
        &self,
        queries: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
    ) -> Result<Vec<SearchResult>, BlocksError> {
        let found = self.nearest_batch_until(queries, k, allowed, effort, &|| false)?;
        Ok(found.unwrap_or_default())
    }

    /// As [`Self::nearest_batch`]; `None` once `stopped` says so, which is asked now and then.
    ///
    /// # Errors
    /// As [`Self::nearest_batch`].
    pub fn nearest_batch_until(
        &self,
        queries: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<SearchResult>>, BlocksError> {
        batch::nearest_batch(self, queries, (k, allowed, effort), stopped)
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.counts.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.counts.dims
    }

    /// Number of leaves.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.counts.leaves
    }

    /// The values of a row; `None` past the end.
    #[inline]
    #[must_use]
    pub fn row(&self, row: u32) -> Option<&[f32]> {
        let view = self.view();
        let position = *view.positions.get(row as usize)?;
        Some(view.row_at(position as usize))
    }

    /// A bound on the norm of every row.
    #[must_use]
    pub fn farthest(&self) -> f64 {
        self.extent.farthest
    }

    /// The rows with their values, in the order in which they are stored.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (u32, &[f32])> {
        let view = self.view();
        let rows = (0..self.counts.rows).map(move |position| view.row_at(position));
        view.row_numbers.iter().copied().zip(rows)
    }

    /// The digest of the image's body, by which two images can be told apart.
    #[must_use]
    pub fn digest(&self) -> u128 {
        image::body_digest(self.image.bytes())
    }

    /// The kernel in use.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    fn view(&self) -> View<'_> {
        View::new(self.image.bytes(), &self.counts, &self.layout, &self.extent)
    }
}
