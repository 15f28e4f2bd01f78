//! What a query costs, in units that do not depend on the machine: one is a row compared with a point, some
//! nanoseconds. A row that is read whole, for its exact score or its place in a list, counts as
//! [`READ`] more.
//!
//! The limit is on one query. What its first round will take is known before it begins; rounds that follow
//! because much was left out are counted before each of them.

use std::cell::Cell;

use engine::Effort;

use crate::{error::Error, list::Span, planner::Plan, query::Query, searcher::Searcher};

/// Work of one query unless told otherwise, in rows compared with a point: some tenths of a second. A hundred
/// times what an exact answer over a million rows takes, twice a list of a hundred thousand.
pub const DEFAULT_MAX_WORK: u64 = 100_000_000;
/// Comparisons that cost as much as to read a row whole, by measurement.
pub(crate) const READ: u64 = 512;

/// The work of one query, and its limit.
#[derive(Debug)]
pub(crate) struct Work {
    done: Cell<u64>,
    limit: u64,
}

impl Work {
    /// Without a limit.
    pub(crate) fn unlimited() -> Self {
        Self::within(u64::MAX)
    }

    /// At most `limit`.
    pub(crate) fn within(limit: u64) -> Self {
        Self { done: Cell::new(0), limit }
    }

    /// Whether `more` is within the limit.
    ///
    /// # Errors
    /// [`Error::WorkTooLarge`] where it is not.
    pub(crate) fn foresee(&self, more: u64) -> Result<(), Error> {
        let work = self.done.get().saturating_add(more);
        if work > self.limit {
            return Err(Error::WorkTooLarge { work, limit: self.limit });
        }
        Ok(())
    }

    /// Counts what was done.
    ///
    /// # Errors
    /// [`Error::WorkTooLarge`] where that is more than the limit.
    pub(crate) fn did(&self, more: u64) -> Result<(), Error> {
        self.done.set(self.done.get().saturating_add(more));
        self.foresee(0)
    }

    /// What was done.
    pub(crate) fn done(&self) -> u64 {
        self.done.get()
    }
}

/// Rows, each compared with all of some points.
pub(crate) fn comparisons(rows: usize, points: usize) -> u64 {
    (rows as u64).saturating_mul(points as u64)
}

/// Rows read whole, each compared with all of some points.
pub(crate) fn reads(rows: usize, points: usize) -> u64 {
    (rows as u64).saturating_mul(READ.saturating_add(points as u64))
}

impl Searcher {
    /// Refuses a query whose first round takes more work than it may, as far as that is known without its
    /// filter.
    ///
    /// # Errors
    /// [`Error::WorkTooLarge`].
    pub fn check_work(&self, query: &Query, max_work: u64) -> Result<(), Error> {
        if query.options.filter.is_some() {
            return Ok(());
        }
        Work::within(max_work).foresee(self.foreseen(query, self.rows() as usize))
    }

    /// What the first round of a query takes where a filter leaves `rows`: candidates, a list as long as the
    /// page needs, and its order.
    pub(crate) fn foreseen(&self, query: &Query, rows: usize) -> u64 {
        let plan = self.plan_for(query, rows);
        let span = Span::of(query);
        let listed = (span.need() + query.place.first.len()).min(rows);
        // Each result of a block is compared with all results before it.
        let compared = match span.block {
            1 => 0,
            block => {
                let blocks = span.begin.min(rows) / block..span.end().min(rows).div_ceil(block);
                blocks.map(|before| (before as u64 + 1) * (block * block) as u64).sum()
            }
        };
        comparisons(self.read_by(plan, rows), query.wanted_points())
            .saturating_add(reads(listed, query.points()))
            .saturating_add(compared)
    }

    /// Rows out of `rows` that a plan compares with a point; for a margin those that it did on average when
    /// the index was built, for the kind of query and length of list that took most.
    pub(crate) fn read_by(&self, plan: Plan, rows: usize) -> usize {
        match plan.effort {
            Effort::Exact => rows,
            Effort::Rows(most) => most.min(rows),
            Effort::Margin(margin) => {
                let curve = self.manifest().recall_curve.iter();
                let points = curve.filter(|point| point.margin == Some(margin));
                let share = points.map(|point| point.scored_share).reduce(f64::max).unwrap_or(1.0);
                (share.clamp(0.0, 1.0) * rows as f64) as usize
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_and_refused_beyond_its_limit() {
        let work = Work::within(100);
        work.foresee(100).expect("as much as may be");
        assert!(matches!(work.foresee(101), Err(Error::WorkTooLarge { work: 101, limit: 100 })));
        work.did(60).expect("within it");
        work.foresee(40).expect("as much as is left");
        assert!(matches!(work.did(41), Err(Error::WorkTooLarge { work: 101, limit: 100 })));
        assert!(matches!(work.foresee(u64::MAX), Err(Error::WorkTooLarge { work: u64::MAX, .. })));
        Work::unlimited().did(u64::MAX).expect("without a limit");
    }
}
