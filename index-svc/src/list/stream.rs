//! Candidates in exact order. A candidate's exact score is computed when its bound comes up, and it is
//! handed out once no candidate left, nor any row unseen, can be before it: mostly not more vectors are
//! read than results are wanted.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use super::leads::Leads;
use crate::{
    error::Error,
    searcher::Searcher,
    target::Target,
    work::{Work, reads},
};

/// A row with its exact score.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) score: f64,
    pub(super) distance: f64,
    pub(super) row: u32,
    pub(super) scaled: Vec<f64>,
}

/// What a stream hands out.
#[derive(Debug)]
pub(super) enum Next {
    /// The best row that is left.
    Row(Candidate),
    /// Nothing: an unseen row may be before all that is left.
    Unsettled,
    /// Nothing: there are no more.
    Exhausted,
}

/// Candidates in exact order.
pub(super) struct Stream<'a> {
    index: &'a Searcher,
    target: &'a Target,
    leads: Leads,
    /// Leads whose score is known.
    looked_at: usize,
    work: &'a Work,
    ready: BinaryHeap<Reverse<Candidate>>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(
        index: &'a Searcher,
        target: &'a Target,
        leads: Leads,
        work: &'a Work,
    ) -> Self {
        Self { index, target, leads, looked_at: 0, work, ready: BinaryHeap::new() }
    }

    pub(super) fn next(&mut self) -> Result<Next, Error> {
        loop {
            let lead = self.leads.leads.get(self.looked_at);
            let bound = lead.map_or(self.leads.enough, |lead| lead.at_least);
            let done = lead.is_none() && self.leads.exhausted;
            // An equal score may belong to a lower row, so it does not settle.
            if let Some(Reverse(best)) = self.ready.peek()
                && (done || best.score < bound)
                && let Some(Reverse(best)) = self.ready.pop()
            {
                return Ok(Next::Row(best));
            }
            match lead {
                Some(lead) => {
                    self.ready.push(Reverse(self.look_at(lead.row)?));
                    self.looked_at += 1;
                }
                None if done => return Ok(Next::Exhausted),
                None => return Ok(Next::Unsettled),
            }
        }
    }

    /// What it ranks by.
    pub(super) fn target(&self) -> &'a Target {
        self.target
    }

    /// The exact score of a row.
    pub(super) fn look_at(&self, row: u32) -> Result<Candidate, Error> {
        self.work.did(reads(1, self.target.points()))?;
        let scaled = self.index.scaled(row)?;
        let scored = self.target.score(&scaled);
        Ok(Candidate { score: scored.score, distance: scored.distance, row, scaled })
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(self.row.cmp(&other.row))
    }
}
