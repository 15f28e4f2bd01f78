//! Which results of a list are on a page, and where the list goes on.

use super::{Chosen, LeftOut, List};
use crate::{
    diversity,
    pages::{MAX_LISTED, Place},
    query::Query,
};

/// Which results of a list a page has.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) begin: usize,
    pub(crate) size: usize,
    /// Results that are ordered together.
    pub(crate) block: usize,
}

impl Span {
    pub(crate) fn of(query: &Query) -> Self {
        let size = query.options.k.min(MAX_LISTED - query.place.passed());
        let block = if query.options.diversity > 0.0 { diversity::BLOCK } else { 1 };
        Self { begin: query.place.offset, size, block }
    }

    pub(crate) fn end(&self) -> usize {
        self.begin + self.size
    }

    /// One more than the page, to know whether another one follows.
    pub(crate) fn need(&self) -> usize {
        (self.end() + 1).next_multiple_of(self.block)
    }

    /// Where the list goes on after this page.
    pub(crate) fn next(&self, query: &Query, list: &List, page: &[Chosen]) -> Option<Place> {
        if list.chosen.len() <= self.end() {
            return None;
        }
        if list.plan.is_exact() {
            let first = query.place.first.clone();
            return Some(Place { first, offset: self.end() });
        }
        let mut first: Vec<u32> = page.iter().map(|chosen| chosen.row).collect();
        first.sort_unstable();
        Some(Place { first, offset: 0 })
    }

    /// What was left out between the results of this page, and before the first of all.
    pub(crate) fn left_out(&self, list: &List) -> LeftOut {
        // Another order than the list's has no between.
        if self.block > 1 {
            return list.left_out;
        }
        let before = |place: usize| list.chosen.get(place).map(|chosen| chosen.before);
        let begin = self.begin.checked_sub(1).and_then(before).unwrap_or_default();
        let last = list.chosen.len() > self.end();
        let end = last.then(|| before(self.end() - 1)).flatten().unwrap_or(list.left_out);
        end.since(begin)
    }
}
