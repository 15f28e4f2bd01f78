//! The story of a query: walk the tree, scan leaves, re-rank what may be near.

use super::build::check_values;
use super::candidates::{Candidates, Nearest};
use super::error::BlocksError;
use super::frontier::Frontier;
use super::kernel::Kernel;
use super::scan::Scanner;
use super::{Blocks, Effort, Hit, RowSet};

/// What a search found, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    /// Nearest first, ties by row: at most k.
    pub hits: Vec<Hit>,
    /// Rows whose codes, or distances where a filter left few rows, were looked at.
    pub scanned: usize,
    /// Rows whose distance was computed.
    pub reranked: usize,
}

/// Leaves an exact search visits in the walk's order, to learn how near the k-th row is, before it takes the rest as stored.
const EXACT_WALK: usize = 12;
/// See [`Effort::Margin`]; keeps the recall of clustered tables with filters of 10 % and 50 % at that without.
const FILTER_EXPONENT: f64 = 0.125;
/// A filter that allows at most this many rows is answered by computing every allowed row's distance.
const GATHER_ROWS: usize = 1500;
/// Rows fetched ahead of the one whose distance is computed.
const FETCH_AHEAD: usize = 8;

/// What one query has reached.
#[derive(Debug)]
pub(super) struct Asked {
    /// Padded with zeros.
    query: Vec<f32>,
    candidates: Candidates,
    frontier: Frontier,
    scanned: usize,
}

/// Whether a filter leaves so few rows that computing every distance is cheapest.
pub(super) fn gathers(allowed: &RowSet) -> bool {
    allowed.len() <= GATHER_ROWS
}

/// Answers queries one by one, and lends its parts to [`super::batch`].
#[derive(Debug)]
pub(super) struct Searcher<'a> {
    pub(super) scanner: Scanner<'a>,
}

impl<'a> Searcher<'a> {
    pub(super) fn new(blocks: &'a Blocks) -> Self {
        Self { scanner: Scanner::new(blocks.view(), blocks.kernel()) }
    }

    /// See [`Blocks::nearest`].
    pub(super) fn nearest(
        &mut self,
        query: &[f32],
        k: usize,
        allowed: Option<&RowSet>,
        effort: Effort,
    ) -> Result<SearchResult, BlocksError> {
        self.check(query, allowed, effort)?;
        let k = k.min(self.within(allowed));
        if k == 0 {
            return Ok(SearchResult { hits: Vec::new(), scanned: 0, reranked: 0 });
        }
        if let Some(allowed) = allowed
            && gathers(allowed)
        {
            return Ok(self.gather(query, k, allowed));
        }
        let mut asked = self.ask(query, k);
        match effort {
            Effort::Exact => {
                let mut visited = self.visit_nearest(&mut asked, allowed).into_iter().peekable();
                for leaf in 0..self.scanner.view.counts.leaves {
                    if visited.next_if_eq(&leaf).is_none() {
                        self.visit(&mut asked, leaf, &[], allowed);
                    }
                }
            }
            Effort::Rows(budget) => {
                let (rows, within) = (self.within(None) as u128, self.within(allowed) as u128);
                let budget = (budget as u128 * rows / within).min(rows) as usize;
                self.walk(&mut asked, allowed, |scanned, _, _| scanned >= budget);
            }
            Effort::Margin(share) => {
                // The rows allowed lie more loosely around the query: their order agrees less with the leaves'.
                let rarity = self.within(None) as f64 / self.within(allowed) as f64;
                let share = f64::from(share) * rarity.powf(FILTER_EXPONENT);
                self.walk(&mut asked, allowed, |_, margin, limit| {
                    f64::from(margin) > share * limit * limit
                });
            }
        }
        Ok(self.answer(asked, k))
    }

    /// What is wrong with a question, if anything.
    pub(super) fn check(
        &self,
        query: &[f32],
        allowed: Option<&RowSet>,
        effort: Effort,
    ) -> Result<(), BlocksError> {
        let counts = self.scanner.view.counts;
        if query.len() != counts.dims {
            return Err(BlocksError::Shape { values: query.len(), dims: counts.dims });
        }
        check_values(query, counts.dims)?;
        if let Some(filter) = allowed
            && filter.rows() != counts.rows
        {
            return Err(BlocksError::FilterRows { filter_rows: filter.rows(), rows: counts.rows });
        }
        match effort {
            Effort::Margin(value) if !(value >= 0.0 && value.is_finite()) => {
                Err(BlocksError::Effort { value })
            }
            _ => Ok(()),
        }
    }

    /// Rows a search may return.
    pub(super) fn within(&self, allowed: Option<&RowSet>) -> usize {
        allowed.map_or(self.scanner.view.counts.rows, RowSet::len)
    }

    /// A query that has reached nothing yet.
    pub(super) fn ask(&self, query: &[f32], k: usize) -> Asked {
        let view = &self.scanner.view;
        let mut padded = vec![0.0; view.counts.padded_dims()];
        padded[..query.len()].copy_from_slice(query);
        Asked {
            query: padded,
            candidates: Candidates::new(k),
            frontier: Frontier::new(view),
            scanned: 0,
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

    /// The leaf a walk begins with; `None` in an empty index.
    pub(super) fn home(&self, query: &[f32]) -> Option<usize> {
        let mut asked = self.ask(query, 1);
        let Scanner { view, kernel, .. } = &self.scanner;
        asked.frontier.next(view, *kernel, &asked.query).map(|reached| reached.leaf)
    }

    pub(super) fn visit(
        &mut self,
        asked: &mut Asked,
        leaf: usize,
        upcoming: &[u8],
        allowed: Option<&RowSet>,
    ) {
        asked.scanned +=
            self.scanner.visit(&asked.query, leaf, upcoming, allowed, &mut asked.candidates);
    }

    /// Visits leaves nearest first, at least one, until `stop(rows scanned, next squared margin, limit)`.
    fn walk(
        &mut self,
        asked: &mut Asked,
        allowed: Option<&RowSet>,
        stop: impl Fn(usize, f32, f64) -> bool,
    ) {
        let Scanner { view, kernel, .. } = self.scanner;
        let mut next = asked.frontier.next(&view, kernel, &asked.query);
        while let Some(reached) = next {
            // Knowing the next leaf lets the scan of this one fetch it.
            next = asked.frontier.next(&view, kernel, &asked.query);
            let upcoming = next.map_or(&[][..], |next| view.leaf(next.leaf).codes);
            self.visit(asked, reached.leaf, upcoming, allowed);
            if next.is_some_and(|next| {
                stop(asked.scanned, next.squared_margin, asked.candidates.limit())
            }) {
                break;
            }
        }
    }

    /// Begins an exact search with the nearest leaves, so that the limit is tight for the rest; returns them, ascending.
    pub(super) fn visit_nearest(
        &mut self,
        asked: &mut Asked,
        allowed: Option<&RowSet>,
    ) -> Vec<usize> {
        let Scanner { view, kernel, .. } = self.scanner;
        let mut visited = Vec::with_capacity(EXACT_WALK);
        while visited.len() < EXACT_WALK
            && let Some(reached) = asked.frontier.next(&view, kernel, &asked.query)
        {
            self.visit(asked, reached.leaf, &[], allowed);
            visited.push(reached.leaf);
        }
        visited.sort_unstable();
        visited
    }

    /// Computes the distance of every allowed row.
    fn gather(&self, query: &[f32], k: usize, allowed: &RowSet) -> SearchResult {
        let Scanner { view, kernel, .. } = self.scanner;
        let mut nearest = Nearest::new(k);
        let rows: Vec<(u32, usize)> =
            allowed.iter().map(|row| (row, view.positions[row as usize] as usize)).collect();
        for (at, &(row, position)) in rows.iter().enumerate() {
            // The rows lie anywhere: waiting for one at a time would take most of the time.
            if let Some(&(_, soon)) = rows.get(at + FETCH_AHEAD) {
                Kernel::fetch(view.row_at(soon));
            }
            let squared_distance = kernel.squared_distance(query, view.row_at(position));
            nearest.offer(Hit { row, squared_distance });
        }
        SearchResult { hits: nearest.into_hits(), scanned: rows.len(), reranked: rows.len() }
    }
}
