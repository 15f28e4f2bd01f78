//! Many queries at once: each leaf is fetched from memory once for all queries that visit it about the same time.

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
    if searcher.is_gathering() || k.min(searcher.within()) == 0 {
        return queries
            .chunks_exact(dims)
            .map(|query| Ok(searcher.nearest(query, k, effort, usize::MAX)?.unwrap_or_default()))
            .collect();
    }
    let k = k.min(searcher.within());
    if effort == Effort::Exact {
        searcher.scanner.coarse = true;
        return Ok(queries
            .chunks(PASS * dims)
            .flat_map(|pass| exact(&mut searcher, pass, k))
            .collect());
    }
    Ok(queries
        .chunks(PASS * dims)
        .flat_map(|pass| limited(&mut searcher, pass, k, effort))
        .collect())
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

/// Rounds: in each, every walk that has not ended visits its next leaf, in the order of the leaves.
fn limited(
    searcher: &mut Searcher<'_>,
    queries: &[f32],
    k: usize,
    effort: Effort,
) -> Vec<SearchResult> {
    let dims = searcher.scanner.view.counts.dims;
    let until = searcher.until(effort);
    let mut all: Vec<Asked> =
        queries.chunks_exact(dims).map(|query| searcher.ask(query, k)).collect();
    let mut walking: Vec<(usize, usize)> = Vec::with_capacity(all.len());
    walking.extend(
        all.iter().enumerate().filter_map(|(number, asked)| Some((asked.next_leaf()?, number))),
    );
    while !walking.is_empty() {
        walking.sort_unstable();
        walking.retain_mut(|(leaf, number)| {
            let asked = &mut all[*number];
            let goes_on = searcher.step(asked, until);
            *leaf = asked.next_leaf().unwrap_or_default();
            goes_on
        });
    }
    all.into_iter().map(|asked| searcher.answer(asked, k)).collect()
}
