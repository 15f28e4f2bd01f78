//! Many queries at once: each leaf is fetched from memory once for all queries that visit it about the same time.

use super::Blocks;
use super::Effort;
use super::RowSet;
use super::error::BlocksError;
use super::search::{Asked, SearchResult, Searcher, gathers};

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
    let mut searcher = Searcher::new(blocks);
    for query in queries.chunks_exact(dims) {
        searcher.check(query, allowed, effort)?;
    }
    let gathers = allowed.is_some_and(gathers);
    if effort == Effort::Exact && !gathers && k > 0 && searcher.within(allowed) > 0 {
        searcher.scanner.coarse = true;
        return Ok(queries
            .chunks(PASS * dims)
            .flat_map(|pass| exact(&mut searcher, pass, k, allowed))
            .collect());
    }
    limited(&mut searcher, queries, k, allowed, effort)
}

/// One pass over the leaves for all queries.
fn exact(
    searcher: &mut Searcher<'_>,
    queries: &[f32],
    k: usize,
    allowed: Option<&RowSet>,
) -> Vec<SearchResult> {
    let dims = searcher.scanner.view.counts.dims;
    let k = k.min(searcher.within(allowed));
    let mut all: Vec<(Asked, Vec<usize>)> = queries
        .chunks_exact(dims)
        .map(|query| {
            let mut asked = searcher.ask(query, k);
            let visited = searcher.visit_nearest(&mut asked, allowed);
            (asked, visited)
        })
        .collect();
    for leaf in 0..searcher.scanner.view.counts.leaves {
        for (asked, visited) in &mut all {
            if visited.binary_search(&leaf).is_err() {
                searcher.visit(asked, leaf, &[], allowed);
            }
        }
    }
    all.into_iter().map(|(asked, _)| searcher.answer(asked, k)).collect()
}

/// One query after the other, neighbours in the tree together: they visit the same leaves.
fn limited(
    searcher: &mut Searcher<'_>,
    queries: &[f32],
    k: usize,
    allowed: Option<&RowSet>,
    effort: Effort,
) -> Result<Vec<SearchResult>, BlocksError> {
    let dims = searcher.scanner.view.counts.dims;
    let mut order: Vec<(Option<usize>, usize)> = queries
        .chunks_exact(dims)
        .enumerate()
        .map(|(number, query)| (searcher.home(query), number))
        .collect();
    order.sort_unstable();
    let mut results = Vec::with_capacity(order.len());
    for (_, number) in order {
        let query = &queries[number * dims..][..dims];
        results.push((number, searcher.nearest(query, k, allowed, effort)?));
    }
    results.sort_unstable_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
