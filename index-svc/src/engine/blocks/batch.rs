//! Many queries at once.

use super::Blocks;
use super::error::BlocksError;
use super::row_set::RowSet;
use super::search::{Effort, SearchResult, Searcher};

pub(super) fn nearest_batch(
    blocks: &Blocks,
    queries: &[f32],
    k: usize,
    allowed: Option<&RowSet>,
    effort: Effort,
) -> Result<Vec<SearchResult>, BlocksError> {
    let dims = blocks.dims();
    if !queries.len().is_multiple_of(dims) {
        return Err(BlocksError::Shape { values: queries.len(), dims });
    }
    let mut searcher = Searcher::new(blocks);
    queries.chunks_exact(dims).map(|query| searcher.nearest(query, k, allowed, effort)).collect()
}
