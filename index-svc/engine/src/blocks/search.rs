//! The story of a query: walk the tree, scan leaves, re-rank what may be near.

use std::sync::Arc;

use super::bounds::{Interval, PlaneBound};
use super::build::check_values;
use super::candidates::{Candidates, Nearest};
use super::error::BlocksError;
use super::filter::{LeafOrder, leaf_order};
use super::frontier::{Frontier, Reached};
use super::kernel::Kernel;
use super::scan::Scanner;
use super::sweep::{Sweep, Swept};
use super::{Blocks, Effort, Hit, RowSet};

/// What a search found, and what it cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchResult {
    /// Nearest first, ties by row: at most k.
    pub hits: Vec<Hit>,
    /// Rows whose codes or distances were looked at.
    pub scanned: usize,
    /// Rows whose distance was computed in the end.
    pub reranked: usize,
}

/// Leaves an exact search visits in the walk's order, to learn how near the k-th row is, before it takes the rest as stored.
const EXACT_WALK: usize = 12;
/// See [`Effort::Margin`]; keeps the recall of clustered tables with filters of 10 % and 50 % at that without.
const FILTER_EXPONENT: f64 = 0.125;
/// A leaf is scanned if at least one in so many of its rows is allowed; else the allowed ones are computed. Measured where codes
/// are in a processor's cache,
const SPARSE: usize = 12;
/// and where they come from memory, so that a scan waits for more bytes.
const SPARSE_IN_MEMORY: usize = 8;
/// Bytes of codes beyond which that is so. Not asked of the processor: answers are the same on every one.
const CACHED_BYTES: usize = 16 << 20;
/// Rows fetched ahead of the one whose distance is computed.
const FETCH_AHEAD: usize = 8;
/// A query whose k-th row is farther away than any two rows are from each other is far from everything: no plane is far in comparison,
/// so margins tell nothing, and leaves are visited in the order of their centroids instead, until one in so many of the rows
/// allowed is taken, which is about what walks take,
const FAR_SHARE: usize = 16;
/// or after so many where these are more.
const FAR_ROWS: usize = 1024;
/// How far a leaf's rows reach towards such a query, in radii; by measurement. A radius is long because there are many directions.
const TOWARDS: f64 = 0.25;
/// What reaching a leaf costs, in rows scanned.
const LEAF_COST: usize = 32;

/// What one query has reached.
#[derive(Debug)]
pub(super) struct Asked {
    /// Padded with zeros.
    query: Vec<f32>,
    candidates: Candidates,
    frontier: Frontier,
    /// The leaf that is next in the walk's order.
    next: Option<Reached>,
    scanned: usize,
    /// Allowed rows of the leaves visited.
    taken: usize,
    /// What the search has cost, in rows scanned.
    cost: usize,
}

impl Asked {
    /// Whether rows that are at least so far cannot be among the nearest.
    pub(super) fn is_beyond(&self, at_least: f64) -> bool {
        PlaneBound::beyond(at_least, self.candidates.limit())
    }

    /// The leaf that is next in the walk's order.
    pub(super) fn next(&self) -> Option<Reached> {
        self.next
    }

    /// Its squared margin, as a share of the squared distance of the k-th best row so far.
    pub(super) fn share_of_next(&self) -> Option<f64> {
        let limit = self.candidates.limit();
        self.next.map(|next| f64::from(next.squared_margin) / (limit * limit))
    }

    pub(super) fn scanned(&self) -> usize {
        self.scanned
    }
}

/// When a walk ends: before the next leaf, whose squared margin is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Taken(usize),
    Margin { share: f64, diameter: f64, far_rows: usize },
    Everything,
}

impl Until {
    fn ended(self, asked: &Asked, next: Reached) -> bool {
        match self {
            Self::Taken(rows) => asked.taken >= rows,
            Self::Margin { share, .. } => {
                let limit = asked.candidates.limit();
                f64::from(next.squared_margin) > share * limit * limit
            }
            Self::Everything => false,
        }
    }

    /// Rows that are enough for a query that is far from everything; none for others.
    pub(super) fn rows_of_far(self, asked: &Asked) -> Option<usize> {
        let limit = asked.candidates.limit();
        match self {
            Self::Margin { diameter, far_rows, .. } if limit.is_finite() && limit > diameter => {
                Some(far_rows)
            }
            _ => None,
        }
    }
}

/// Answers queries one by one, and lends its parts to [`super::batch`].
#[derive(Debug)]
pub(super) struct Searcher<'a> {
    pub(super) scanner: Scanner<'a>,
    filter: Option<Arc<LeafOrder>>,
    /// See [`SPARSE`].
    sparse: usize,
}

impl<'a> Searcher<'a> {
    /// # Errors
    /// The filter is over another number of rows.
    pub(super) fn new(blocks: &'a Blocks, allowed: Option<&RowSet>) -> Result<Self, BlocksError> {
        let (view, rows) = (blocks.view(), blocks.rows());
        let filter = match allowed {
            Some(filter) if filter.rows() != rows => {
                return Err(BlocksError::FilterRows { filter_rows: filter.rows(), rows });
            }
            // A filter that allows everything is none.
            Some(filter) if filter.len() == rows => None,
            Some(filter) => Some(leaf_order(&view, blocks.digest(), filter)),
            None => None,
        };
        let sparse = if view.codes.len() > CACHED_BYTES { SPARSE_IN_MEMORY } else { SPARSE };
        Ok(Self { scanner: Scanner::new(view, blocks.kernel()), filter, sparse })
    }

    /// See [`Blocks::nearest_within`].
    pub(super) fn nearest(
        &mut self,
        query: &[f32],
        k: usize,
        effort: Effort,
        most: usize,
    ) -> Result<Option<SearchResult>, BlocksError> {
        self.check(query, effort)?;
        let k = k.min(self.within());
        if k == 0 {
            return Ok(Some(SearchResult::default()));
        }
        if let Some(filter) = self.filter.clone()
            && let Some(few) = filter.few()
        {
            return Ok((few.len() <= most).then(|| self.compute(query, k, few).remove(0)));
        }
        self.scanner.coarse = effort == Effort::Exact;
        let mut asked = self.ask(query, k);
        match self.until(effort) {
            Until::Everything if self.everything_at_most() > most => return Ok(None),
            Until::Everything => self.everything(&mut asked),
            until => {
                self.walk(&mut asked, until, most);
                if asked.cost > most {
                    return Ok(None);
                }
            }
        }
        Ok(Some(self.answer(asked, k)))
    }

    /// Visits leaves until that is enough, or has cost more than `most`.
    fn walk(&mut self, asked: &mut Asked, until: Until, most: usize) {
        let mut visited = Vec::with_capacity(16);
        while let Some(reached) = asked.next
            && asked.cost <= most
        {
            if let Some(rows) = until.rows_of_far(asked) {
                self.by_centroids(asked, &mut visited, rows, most);
                return;
            }
            visited.push(reached.leaf);
            if !self.step(asked, until) {
                return;
            }
        }
    }

    /// Visits other leaves than `visited` in the order of what their rows reach towards a query that is far from all of them.
    pub(super) fn by_centroids(
        &mut self,
        asked: &mut Asked,
        visited: &mut Vec<usize>,
        rows: usize,
        most: usize,
    ) {
        let Scanner { view, kernel, .. } = &self.scanner;
        let query = &asked.query[..view.counts.dims];
        let mut leaves: Vec<(f64, usize)> = (0..view.counts.leaves)
            .filter(|leaf| !visited.contains(leaf))
            .map(|number| {
                let leaf = view.leaf(number);
                let squared = kernel.squared_distance(query, &leaf.centroid[..query.len()]);
                (squared.sqrt() - TOWARDS * f64::from(leaf.radius), number)
            })
            .collect();
        leaves.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        asked.cost += leaves.len();
        for (_, leaf) in leaves {
            if asked.taken >= rows || asked.cost > most {
                return;
            }
            visited.push(leaf);
            self.visit(asked, leaf, &[]);
        }
    }

    /// What is wrong with a question, if anything.
    pub(super) fn check(&self, query: &[f32], effort: Effort) -> Result<(), BlocksError> {
        let dims = self.scanner.view.counts.dims;
        if query.len() != dims {
            return Err(BlocksError::Shape { values: query.len(), dims });
        }
        check_values(query, dims)?;
        match effort {
            Effort::Margin(value) if !(value >= 0.0 && value.is_finite()) => {
                Err(BlocksError::Effort { value })
            }
            _ => Ok(()),
        }
    }

    /// Rows a search may return.
    pub(super) fn within(&self) -> usize {
        self.filter.as_ref().map_or(self.scanner.view.counts.rows, |filter| filter.len())
    }

    /// Rows that an exact search looks at, at most: a leaf is scanned whole for some allowed rows.
    fn everything_at_most(&self) -> usize {
        self.within().saturating_mul(self.sparse).min(self.scanner.view.counts.rows)
    }

    pub(super) fn until(&self, effort: Effort) -> Until {
        match effort {
            Effort::Exact => Until::Everything,
            Effort::Rows(rows) => Until::Taken(rows),
            Effort::Margin(share) => {
                // The rows allowed lie more loosely around the query: their order agrees less with the leaves'.
                let rarity = self.scanner.view.counts.rows as f64 / self.within().max(1) as f64;
                let share = f64::from(share) * rarity.powf(FILTER_EXPONENT);
                let diameter = 2.0 * self.scanner.view.extent.farthest;
                let far_rows = FAR_ROWS.max(self.within() / FAR_SHARE);
                Until::Margin { share, diameter, far_rows }
            }
        }
    }

    /// A query that has reached nothing yet.
    pub(super) fn ask(&self, query: &[f32], k: usize) -> Asked {
        let Scanner { view, kernel, .. } = &self.scanner;
        let mut padded = vec![0.0; view.counts.padded_dims()];
        padded[..query.len()].copy_from_slice(query);
        let mut frontier = Frontier::new(view);
        let next = frontier.next(view, *kernel, &padded);
        Asked {
            query: padded,
            candidates: Candidates::new(k),
            frontier,
            next,
            scanned: 0,
            taken: 0,
            cost: 0,
        }
    }

    /// Re-ranks what a query has reached.
    pub(super) fn answer(&self, mut asked: Asked, k: usize) -> SearchResult {
        let Scanner { view, kernel, .. } = &self.scanner;
        let mut nearest = Nearest::new(k);
        let query = &asked.query[..view.counts.dims];
        let reranked = asked.candidates.rerank(view, *kernel, query, &mut nearest);
        SearchResult { hits: nearest.into_hits(), scanned: asked.scanned, reranked }
    }

    /// Visits the next leaf of the walk, at least one; whether the walk goes on.
    pub(super) fn step(&mut self, asked: &mut Asked, until: Until) -> bool {
        let Some(reached) = asked.next else { return false };
        let Scanner { view, kernel, .. } = &self.scanner;
        // Knowing the next leaf lets the scan of this one fetch it.
        asked.next = asked.frontier.next(view, *kernel, &asked.query);
        let upcoming = asked.next.map_or(&[][..], |next| self.codes_to_scan(next.leaf));
        self.visit(asked, reached.leaf, upcoming);
        asked.next.is_some_and(|next| !until.ended(asked, next))
    }

    /// Visits every leaf that may matter: the nearest first, so that the limit is tight for the rest.
    fn everything(&mut self, asked: &mut Asked) {
        let visited = self.visit_nearest(asked);
        let mut sweep = Sweep::new(&self.scanner.view, &asked.query);
        while let Some(Swept { leaf, .. }) = self.sweep(&mut sweep, asked) {
            if visited.binary_search(&leaf).is_err() {
                self.visit(asked, leaf, &[]);
            }
        }
    }

    /// The next leaf of a sweep that may hold a row within the limit.
    fn sweep(&self, sweep: &mut Sweep, asked: &Asked) -> Option<Swept> {
        let Scanner { view, kernel, .. } = &self.scanner;
        sweep.next(view, *kernel, &asked.query, asked.candidates.limit())
    }

    /// The leaves that an exact search has yet to visit after the nearest ones, ascending.
    pub(super) fn yet_to_visit(&self, asked: &Asked, visited: &[usize]) -> Vec<Swept> {
        let mut sweep = Sweep::new(&self.scanner.view, &asked.query);
        let next = || self.sweep(&mut sweep, asked);
        let mut left: Vec<Swept> = std::iter::from_fn(next)
            .filter(|swept| visited.binary_search(&swept.leaf).is_err())
            .collect();
        left.sort_unstable_by_key(|swept| swept.leaf);
        left
    }

    /// Visits the leaves an exact search begins with; returns them, ascending.
    pub(super) fn visit_nearest(&mut self, asked: &mut Asked) -> Vec<usize> {
        let mut visited = Vec::with_capacity(EXACT_WALK);
        while visited.len() < EXACT_WALK
            && let Some(reached) = asked.next
        {
            visited.push(reached.leaf);
            self.step(asked, Until::Everything);
        }
        visited.sort_unstable();
        visited
    }

    /// Looks at the allowed rows of a leaf. `upcoming` is fetched meanwhile.
    pub(super) fn visit(&mut self, asked: &mut Asked, leaf: usize, upcoming: &[u8]) {
        let rows = self.scanner.view.leaf_rows(leaf);
        let allowed = self.filter.as_ref().map_or(rows, |filter| filter.count(leaf));
        let scanned = if allowed == 0 {
            0
        } else if self.scans(leaf) {
            let Asked { query, candidates, .. } = asked;
            self.scanner.visit(query, leaf, upcoming, self.filter.as_deref(), candidates)
        } else {
            self.pick(asked, leaf);
            allowed
        };
        asked.scanned += scanned;
        // A leaf that is beyond the limit was not looked at.
        asked.taken += if scanned == 0 { 0 } else { allowed };
        asked.cost += scanned + LEAF_COST;
    }

    /// Whether so many rows of a leaf are allowed that its codes are scanned.
    fn scans(&self, leaf: usize) -> bool {
        let rows = self.scanner.view.leaf_rows(leaf);
        self.filter.as_ref().is_none_or(|filter| filter.count(leaf) * self.sparse >= rows)
    }

    fn codes_to_scan(&self, leaf: usize) -> &'a [u8] {
        if self.scans(leaf) { self.scanner.view.leaf(leaf).codes } else { &[] }
    }

    /// Computes the distances of a leaf's allowed rows.
    fn pick(&self, asked: &mut Asked, leaf: usize) {
        let (Scanner { view, kernel, .. }, Some(filter)) = (&self.scanner, &self.filter) else {
            return;
        };
        let query = &asked.query[..view.counts.dims];
        let first = view.leaf_first(leaf);
        let positions = filter.positions(first, view.leaf_rows(leaf));
        let mut soon = filter.positions(first, view.leaf_rows(leaf));
        soon.by_ref().take(FETCH_AHEAD).for_each(|position| Kernel::fetch(view.row_at(position)));
        for position in positions {
            // The rows lie apart: waiting for one at a time would take most of the time.
            if let Some(position) = soon.next() {
                Kernel::fetch(view.row_at(position));
            }
            let squared_distance = kernel.squared_distance(query, view.row_at(position));
            asked.candidates.offer(position, Interval::around(squared_distance));
        }
    }

    /// Computes the distances of a few rows from each of `queries`; each row is read once. A result for each.
    fn compute(&self, queries: &[f32], k: usize, few: &[u32]) -> Vec<SearchResult> {
        let Scanner { view, kernel, .. } = &self.scanner;
        let queries = queries.chunks_exact(view.counts.dims);
        let mut nearest: Vec<Nearest> = queries.clone().map(|_| Nearest::new(k)).collect();
        for (at, &position) in few.iter().enumerate() {
            let position = position as usize;
            if let Some(&soon) = few.get(at + FETCH_AHEAD) {
                Kernel::fetch(view.row_at(soon as usize));
            }
            let (row, values) = (view.row_numbers[position], view.row_at(position));
            for (query, nearest) in queries.clone().zip(&mut nearest) {
                let squared_distance = kernel.squared_distance(query, values);
                nearest.offer(Hit { row, squared_distance });
            }
        }
        let result = |nearest: Nearest| SearchResult {
            hits: nearest.into_hits(),
            scanned: few.len(),
            reranked: few.len(),
        };
        nearest.into_iter().map(result).collect()
    }

    /// As [`Self::compute`] where so few rows are allowed; none where they are more.
    pub(super) fn gather(&self, queries: &[f32], k: usize) -> Option<Vec<SearchResult>> {
        let few = self.filter.as_ref()?.few()?;
        Some(self.compute(queries, k, few))
    }
}
