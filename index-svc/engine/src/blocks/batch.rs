//! Many queries at once: an exact search's pass over the leaves is shared, so that each is fetched from memory once. Walks
//! of limited effort visit too few leaves in common: sharing theirs was measured to gain nothing.

use super::Blocks;
use super::Effort;
use super::RowSet;
use super::error::BlocksError;
use super::search::{Asked, SearchResult, Searcher};

/// Queries that share an exact search's pass over the leaves: all examples of a recommendation do.
const PASS: usize = 128;
/// Leaves visited between two looks at whether anybody still waits.
const STOP_LEAVES: usize = 1 << 8;

/// See [`Blocks::nearest_batch_until`].
pub(super) fn nearest_batch(
    blocks: &Blocks,
    queries: &[f32],
    (k, allowed, effort): (usize, Option<&RowSet>, Effort),
    stopped: &dyn Fn() -> bool,
) -> Result<Option<Vec<SearchResult>>, BlocksError> {
    let dims = blocks.dims();
    if !queries.len().is_multiple_of(dims) {
        return Err(BlocksError::Shape { values: queries.len(), dims });
    }
    let mut searcher = Searcher::new(blocks, allowed)?;
    for query in queries.chunks_exact(dims) {
        searcher.check(query, effort)?;
    }
    let k = k.min(searcher.within());
    let mut found = Vec::with_capacity(queries.len() / dims);
    if k > 0
        && let Some(gathered) = searcher.gather(queries, k)
    {
        return Ok(Some(gathered));
    }
    if k > 0 && effort == Effort::Exact {
        searcher.scanner.coarse = true;
        for pass in queries.chunks(PASS * dims) {
            let Some(results) = exact(&mut searcher, pass, k, stopped) else { return Ok(None) };
            found.extend(results);
        }
        return Ok(Some(found));
    }
    for query in queries.chunks_exact(dims) {
        if stopped() {
            return Ok(None);
        }
        found.push(searcher.nearest(query, k, effort, usize::MAX)?.unwrap_or_default());
    }
    Ok(Some(found))
}

/// One pass over the leaves for all queries.
fn exact(
    searcher: &mut Searcher<'_>,
    queries: &[f32],
    k: usize,
    stopped: &dyn Fn() -> bool,
) -> Option<Vec<SearchResult>> {
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
    for (count, (leaf, number, at_least)) in visits.into_iter().enumerate() {
        if count.is_multiple_of(STOP_LEAVES) && stopped() {
            return None;
        }
        let asked = &mut all[number];
        if !asked.is_beyond(at_least) {
            searcher.visit(asked, leaf, &[]);
        }
    }
    Some(all.into_iter().map(|asked| searcher.answer(asked, k)).collect())
}
