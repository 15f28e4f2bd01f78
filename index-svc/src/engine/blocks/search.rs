//! The story of a query: walk the tree, scan leaves, re-rank what may be near.

use super::Blocks;
use super::bounds::{
    Decisions, Interval, QueryTerms, ROW_CODE_LIMIT, SCALE_FLOOR, beyond, distance_at_least,
    query_code_limit,
};
use super::build::check_values;
use super::candidates::{Candidates, Nearest};
use super::error::BlocksError;
use super::frontier::Frontier;
use super::kernel::{GROUP_ROWS, Groups, Kernel, LANES, QueryCode, Survivors};
use super::row_set::RowSet;
use super::view::{Leaf, View};

/// A row found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Row number, as given to the build.
    pub row: u32,
    /// Squared Euclidean distance to the query.
    pub squared_distance: f64,
}

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

/// How long to search. The hits are always the exact nearest among the rows scanned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effort {
    /// Until no unscanned row can be among the k nearest: the exact answer.
    Exact,
    /// Until this many rows are scanned, in whole leaves, nearest leaves first. With a filter, this many divided by the share of
    /// rows it allows.
    Rows(usize),
    /// Until the next leaf's squared margin exceeds this share of the squared distance of the k-th best row so far. Adapts to
    /// the query: spends more where neighbours are scattered. 0 scans one leaf.
    Margin(f32),
}

/// Leaves an exact search visits in the walk's order, to learn how near the k-th row is, before it takes the rest as stored.
const EXACT_WALK: usize = 12;
/// Groups scanned between two looks at the limit while it is unknown.
const FIRST_GROUPS: usize = 4;
/// A filter that allows fewer rows than one in this many is answered by computing every allowed row's distance.
const GATHER_SHARE: usize = 64;
/// As [`GATHER_SHARE`], for small sets whatever their share.
const GATHER_ROWS: usize = 512;

/// The state of one query, reused for the next.
#[derive(Debug)]
pub(super) struct Searcher<'a> {
    view: View<'a>,
    kernel: Kernel,
    code_limit: f32,
    norm_limit: f64,
    query: Vec<f32>,
    residual: Vec<f32>,
    code: QueryCode,
    slopes: Vec<f32>,
    floors: Vec<f32>,
    survivors: Survivors,
    candidates: Candidates,
    frontier: Frontier,
    scanned: usize,
}

impl<'a> Searcher<'a> {
    pub(super) fn new(blocks: &'a Blocks) -> Self {
        let view = blocks.view();
        let padded = view.counts.padded_dims();
        let groups = view.counts.leaf_rows.div_ceil(GROUP_ROWS).next_multiple_of(LANES);
        Self {
            view,
            kernel: blocks.kernel(),
            code_limit: query_code_limit(view.counts.dims),
            norm_limit: ROW_CODE_LIMIT * ROW_CODE_LIMIT * view.counts.dims as f64,
            query: vec![0.0; padded],
            residual: vec![0.0; padded],
            code: QueryCode::new(padded),
            slopes: vec![0.0; groups],
            floors: vec![0.0; groups],
            survivors: Survivors::default(),
            candidates: Candidates::default(),
            frontier: Frontier::default(),
            scanned: 0,
        }
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
        let rows = self.view.counts.rows;
        let within = allowed.map_or(rows, RowSet::len);
        let k = k.min(within);
        if k == 0 {
            return Ok(SearchResult { hits: Vec::new(), scanned: 0, reranked: 0 });
        }
        self.query[..query.len()].copy_from_slice(query);
        if let Some(allowed) = allowed
            && (within <= GATHER_ROWS || within <= rows / GATHER_SHARE)
        {
            return Ok(self.gather(query, k, allowed));
        }
        self.candidates.restart(k);
        self.frontier.restart(&self.view);
        self.scanned = 0;
        match effort {
            Effort::Exact => self.scan_all(allowed),
            Effort::Rows(budget) => {
                let budget =
                    (budget as u128 * rows as u128 / within as u128).min(rows as u128) as usize;
                self.walk(allowed, |scanned, _, _| scanned >= budget);
            }
            Effort::Margin(share) => {
                let share = f64::from(share);
                self.walk(allowed, |_, margin, limit| f64::from(margin) > share * limit * limit);
            }
        }
        let mut nearest = Nearest::new(k);
        let reranked = self.candidates.rerank(&self.view, self.kernel, query, &mut nearest);
        Ok(SearchResult { hits: nearest.into_hits(), scanned: self.scanned, reranked })
    }

    fn check(
        &self,
        query: &[f32],
        allowed: Option<&RowSet>,
        effort: Effort,
    ) -> Result<(), BlocksError> {
        let counts = self.view.counts;
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

    /// Visits leaves nearest first, at least one, until `stop(rows scanned, next squared margin, limit)`.
    fn walk(&mut self, allowed: Option<&RowSet>, stop: impl Fn(usize, f32, f64) -> bool) {
        let mut next = self.frontier.next(&self.view, self.kernel, &self.query);
        while let Some(reached) = next {
            // Knowing the next leaf lets the scan of this one fetch it.
            next = self.frontier.next(&self.view, self.kernel, &self.query);
            let upcoming = next.map_or(&[][..], |next| self.view.leaf(next.leaf).codes);
            self.visit(reached.leaf, upcoming, allowed);
            if next.is_some_and(|next| {
                stop(self.scanned, next.squared_margin, self.candidates.limit())
            }) {
                break;
            }
        }
    }

    /// Visits every leaf: the nearest first, so that the limit is tight for the rest.
    fn scan_all(&mut self, allowed: Option<&RowSet>) {
        let mut visited = Vec::with_capacity(EXACT_WALK);
        while visited.len() < EXACT_WALK
            && let Some(reached) = self.frontier.next(&self.view, self.kernel, &self.query)
        {
            self.visit(reached.leaf, &[], allowed);
            visited.push(reached.leaf);
        }
        visited.sort_unstable();
        let mut visited = visited.into_iter().peekable();
        for leaf in 0..self.view.counts.leaves {
            if visited.next_if_eq(&leaf).is_none() {
                self.visit(leaf, &[], allowed);
            }
        }
    }

    /// Scans a leaf, unless all its rows are beyond the limit.
    fn visit(&mut self, leaf: usize, upcoming: &[u8], allowed: Option<&RowSet>) {
        let leaf = self.view.leaf(leaf);
        let dims = self.view.counts.dims;
        let residual = self.kernel.residual(&self.query, leaf.centroid, &mut self.residual);
        if beyond(
            distance_at_least(residual.squared_norm, dims),
            leaf.radius,
            self.candidates.limit(),
        ) {
            return;
        }
        let scale = (residual.max_abs / self.code_limit).max(SCALE_FLOOR);
        self.kernel.encode(&self.residual, 1.0 / scale, &mut self.code);
        let terms = QueryTerms::new(
            scale,
            self.code.squares,
            f64::from(residual.squared_norm).sqrt(),
            dims,
        );
        self.scanned += leaf.rows;
        let groups = leaf.groups;
        let mut from = 0;
        while from < groups {
            let to = if self.candidates.limit().is_finite() {
                groups
            } else {
                groups.min(from + FIRST_GROUPS)
            };
            self.scan_groups(&leaf, from, to, &terms, upcoming, allowed);
            from = to;
        }
    }

    fn scan_groups(
        &mut self,
        leaf: &Leaf<'_>,
        from: usize,
        to: usize,
        terms: &QueryTerms,
        upcoming: &[u8],
        allowed: Option<&RowSet>,
    ) {
        let limit = self.candidates.limit();
        let count = to - from;
        let room = count.next_multiple_of(LANES);
        let decisions = Decisions::new(terms, limit, self.norm_limit);
        self.kernel.decide(
            &decisions,
            &leaf.scales[from..],
            &leaf.errors[from..],
            &mut self.slopes[..room],
            &mut self.floors[..room],
        );
        let bytes = self.view.counts.group_bytes();
        let groups = Groups {
            codes: &leaf.codes[from * bytes..to * bytes],
            norms: &leaf.norms[from * GROUP_ROWS..to * GROUP_ROWS],
            slopes: &self.slopes[..count],
            floors: &self.floors[..count],
            next: upcoming.get(from * bytes..).unwrap_or_default(),
        };
        self.kernel.scan(groups, &self.code, &mut self.survivors);
        for (row, dot) in self.survivors.iter() {
            let row = from * GROUP_ROWS + row as usize;
            let position = leaf.first + row;
            if allowed.is_some_and(|allowed| !allowed.contains(self.view.row_numbers[position])) {
                continue;
            }
            let group = row / GROUP_ROWS;
            let interval =
                Interval::new(terms, leaf.scales[group], leaf.errors[group], leaf.norms[row], dot);
            self.candidates.offer(position, interval);
        }
    }

    /// Computes the distance of every allowed row.
    fn gather(&self, query: &[f32], k: usize, allowed: &RowSet) -> SearchResult {
        let mut nearest = Nearest::new(k);
        for row in allowed.iter() {
            let position = self.view.positions[row as usize] as usize;
            let squared_distance = self.kernel.squared_distance(query, self.view.row_at(position));
            nearest.offer(Hit { row, squared_distance });
        }
        SearchResult { hits: nearest.into_hits(), scanned: allowed.len(), reranked: allowed.len() }
    }
}
