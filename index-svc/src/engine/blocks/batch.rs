//! Many queries at once: an exact search's pass over the leaves is shared, so that each is fetched from memory once. Walks
//! of limited effort visit too few leaves in common: sharing theirs was measured to gain nothing.

use super::Blocks;
use super::Effort;
use super::RowSet;
use super::error::BlocksError;
use super::search::{Asked, SearchResult, Searcher};

/// Queries that share an exact search's pass over the leaves.
const PASS: usize = 64;

/// See [`Blocks::nearest_batch`].
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
    let mut searcher = Searcher::new(blocks, allowed)?;
    for query in queries.chunks_exact(dims) {
        searcher.check(query, effort)?;
    }
    let k = k.min(searcher.within());
    if searcher.is_gathering() || k == 0 || effort != Effort::Exact {
        return queries
            .chunks_exact(dims)
            .map(|query| Ok(searcher.nearest(query, k, effort, usize::MAX)?.unwrap_or_default()))
            .collect();
    }
    searcher.scanner.coarse = true;
    Ok(queries.chunks(PASS * dims).flat_map(|pass| exact(&mut searcher, pass, k)).collect())
}

/// One pass over the leaves for all queries.
fn exact(searcher: &mut Searcher<'_>, queries: &[f32], k: usize) -> Vec<SearchResult> {
    let dims = searcher.scanner.view.counts.dims;
    let mut all: Vec<Asked> = Vec::with_capacity(queries.len() / dims);
    let mut visits: Vec<(usize, usize, f64)> = Vec::new();
    for (number, query) in queries.chunks_exact(dims).enumerate() {
        let mut asked = searcher.ask(query, k);
        let visited = searcher.visit_nearest(&mut asked);
        let left = searcher.yet_to_visit(&asked, &visited).into_iter();
        visits.extend(left.map(|swept| (swept.leaf, number, swept.at_least)));
        all.push(asked);
    }
    visits.sort_unstable_by_key(|(leaf, number, _)| (*leaf, *number));
    for (leaf, number, at_least) in visits {
        let asked = &mut all[number];
        if !asked.is_beyond(at_least) {
            searcher.visit(asked, leaf, &[]);
        }
    }
    all.into_iter().map(|asked| searcher.answer(asked, k)).collect()
}
