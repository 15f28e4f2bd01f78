//! One leaf, one query: code the query, scan the groups, offer the survivors as candidates.

use std::ops::Range;

use super::bounds::{
    Decisions, Interval, QueryTerms, ROW_CODE_LIMIT, SCALE_FLOOR, beyond, distance_at_least,
    query_code_limit, query_error,
};
use super::candidates::Candidates;
use super::filter::LeafOrder;
use super::kernel::{GROUP_ROWS, Groups, Kernel, LANES, QueryCode, Survivors};
use super::view::{Leaf, View};

/// Groups scanned between two looks at the limit while it is unknown.
const FIRST_GROUPS: usize = 4;
/// Largest magnitude of a coarse code: what every kernel multiplies without widening it.
const COARSE_CODE_LIMIT: f32 = 63.0;
/// A coarse code's error may be this share of the limit,
const COARSE_SHARE: f64 = 0.1;
/// and so many times the rows' own: beyond that it would blur distances that they can tell apart, as an outlier in the query does.
const COARSE_TIMES: f64 = 8.0;

/// What scans need, reused from leaf to leaf and query to query.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    pub(super) view: View<'a>,
    pub(super) kernel: Kernel,
    code_limit: f32,
    norm_limit: f64,
    /// A query's code may be coarse: half the arithmetic for a few more distances to compute. For exact searches; in a limited
    /// one it would also decide which leaves are visited.
    pub(super) coarse: bool,
    residual: Vec<f32>,
    code: QueryCode,
    slopes: Vec<f32>,
    floors: Vec<f32>,
    survivors: Survivors,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(view: View<'a>, kernel: Kernel) -> Self {
        let padded = view.counts.padded_dims();
        let groups = view.counts.leaf_rows.div_ceil(GROUP_ROWS).next_multiple_of(LANES);
        Self {
            view,
            kernel,
            code_limit: query_code_limit(view.counts.dims),
            norm_limit: ROW_CODE_LIMIT * ROW_CODE_LIMIT * view.counts.dims as f64,
            coarse: false,
            residual: vec![0.0; padded],
            code: QueryCode::new(padded),
            slopes: vec![0.0; groups],
            floors: vec![0.0; groups],
            survivors: Survivors::default(),
        }
    }

    /// Scans a leaf for a padded query, unless all its rows are beyond the limit; returns the rows scanned.
    /// `upcoming` is fetched meanwhile.
    pub(super) fn visit(
        &mut self,
        query: &[f32],
        leaf: usize,
        upcoming: &[u8],
        allowed: Option<&LeafOrder>,
        candidates: &mut Candidates,
    ) -> usize {
        let leaf = self.view.leaf(leaf);
        let dims = self.view.counts.dims;
        let residual = self.kernel.residual(query, leaf.centroid, &mut self.residual);
        let at_least = distance_at_least(residual.squared_norm, dims);
        if beyond(at_least, leaf.radius, candidates.limit()) {
            return 0;
        }
        // Groups are sorted by their largest residual: mostly the first ones are near the centroid.
        let within = |reach: &f32| !beyond(at_least, *reach, candidates.limit());
        let Some(first) = leaf.reaches.iter().position(within) else { return leaf.rows };
        let norm = f64::from(residual.squared_norm).sqrt();
        let mut scale = (residual.max_abs / self.code_limit).max(SCALE_FLOOR);
        if query_error(f64::from(scale), dims, norm) > f64::from(leaf.radius) {
            self.compute(query, &leaf, allowed, candidates);
            return leaf.rows;
        }
        if self.coarse && candidates.limit().is_finite() {
            let coarse = (residual.max_abs / COARSE_CODE_LIMIT).max(SCALE_FLOOR);
            let error = query_error(f64::from(coarse), dims, norm);
            // Groups are sorted by their largest residual: the middle one's error is usual in the leaf.
            let usual = f64::from(leaf.errors[leaf.groups / 2]);
            if error <= COARSE_SHARE * candidates.limit() && error <= COARSE_TIMES * usual {
                scale = coarse;
            }
        }
        self.kernel.encode(&self.residual, 1.0 / scale, &mut self.code);
        let terms = QueryTerms::new(scale, self.code.squares, norm, dims);
        let groups = leaf.groups;
        let mut from = first;
        while from < groups {
            let to = if candidates.limit().is_finite() {
                groups
            } else {
                groups.min(from + FIRST_GROUPS)
            };
            self.scan_groups(&leaf, from..to, &terms, upcoming, allowed, candidates);
            from = to;
        }
        leaf.rows
    }

    /// Computes the distances of a leaf's rows. For a query so far away that its code's error is longer than they are apart: codes
    /// would rule none of them out.
    fn compute(
        &self,
        query: &[f32],
        leaf: &Leaf<'_>,
        allowed: Option<&LeafOrder>,
        candidates: &mut Candidates,
    ) {
        let query = &query[..self.view.counts.dims];
        for position in leaf.first..leaf.first + leaf.rows {
            if allowed.is_none_or(|allowed| allowed.allows(position)) {
                let row = self.view.row_at(position);
                let squared_distance = self.kernel.squared_distance(query, row);
                candidates.offer(position, Interval::around(squared_distance));
            }
        }
    }

    fn scan_groups(
        &mut self,
        leaf: &Leaf<'_>,
        range: Range<usize>,
        terms: &QueryTerms,
        upcoming: &[u8],
        allowed: Option<&LeafOrder>,
        candidates: &mut Candidates,
    ) {
        let Range { start: from, end: to } = range;
        let limit = candidates.limit();
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
            // Rows that pad are infinitely far, but where somebody has changed the numbers.
            if row >= leaf.rows || allowed.is_some_and(|allowed| !allowed.allows(position)) {
                continue;
            }
            let group = row / GROUP_ROWS;
            let interval =
                Interval::new(terms, leaf.scales[group], leaf.errors[group], leaf.norms[row], dot);
            candidates.offer(position, interval);
        }
    }
}
