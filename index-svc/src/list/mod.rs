//! From a target to a list of rows: candidates with a bound on their score, an exact order of them as
//! far as the bounds allow, and the rules of what may be in a list.
//!
//! | file | holds |
//! |---|---|
//! | `leads` | candidates from an engine or a scan, each with a bound |
//! | `bounds` | what an engine's distance tells of the exact one |
//! | `scan` | candidates from a look at every row, with weights |
//! | `stream` | candidates in exact order, for as long as no unseen row can come between |
//! | `span` | which results are on a page |
//! | `rules` | what is left out: seeds, duplicates, artists over their limit, what is too far |
//!
//! A list is filled or the index is exhausted: the search widens until the bounds settle, and ends with
//! the exact plan. A list that ends is always an exact one.

mod bounds;
mod leads;
mod rules;
mod scan;
mod span;
mod stream;

pub use self::rules::LeftOut;
pub(crate) use self::{
    leads::within_reach,
    rules::{Chosen, Rules},
    span::Span,
};

use engine::{Candidates, RowSet, Stop};

use self::{
    rules::{End, Walk},
    stream::Stream,
};
use crate::{
    error::Error,
    planner::{Demand, Plan},
    searcher::Searcher,
    target::Target,
    work::{Work, comparisons},
};

/// Candidates beyond the results asked for: a seed, and one that shows the list to be settled.
const SLACK: usize = 2;
/// How much wider each next round is.
pub(crate) const WIDEN: usize = 4;

/// What a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) target: &'a Target,
    pub(crate) rules: &'a Rules<'a>,
    /// The rows that a filter leaves; all of them without.
    pub(crate) allowed: Option<&'a RowSet>,
    /// Results wanted.
    pub(crate) need: usize,
}

impl Wish<'_> {
    /// Candidates that are asked for first. An exact search for what is like many rows finds these first,
    /// and would have to begin anew if it asked for no more.
    pub(crate) fn fetch(&self, plan: Plan) -> usize {
        let seeds = if plan.is_exact() { self.rules.seed_vectors.len() } else { 0 };
        let fetch = self.need + self.rules.taken.len() + seeds + SLACK;
        if self.target.weights.is_some() { fetch.max(scan::LEAST_LEADS) } else { fetch }
    }
}

/// How a list is searched for.
#[derive(Clone, Debug)]
pub(crate) struct Way<'a> {
    /// Where it begins; it goes on more thoroughly where that leads to too few.
    pub(crate) plan: Plan,
    /// What the plan answers: a round that looks farther is planned anew, since recall is promised of what must
    /// be looked at and not of what is left of it. None keeps the plan.
    pub(crate) demand: Option<Demand>,
    /// Rows an engine may look at; with such a limit there is one round, as the next one takes longer.
    pub(crate) most: usize,
    /// What the engine found already, for [`Wish::fetch`] candidates of a plain target.
    pub(crate) first: Option<Candidates>,
    /// Counts what it takes.
    pub(crate) work: &'a Work,
}

impl<'a> Way<'a> {
    /// By a plan, whatever it takes.
    pub(crate) fn by(plan: Plan, work: &'a Work) -> Self {
        Self { plan, demand: None, most: usize::MAX, first: None, work }
    }
}

/// Rows in order, and how they were found.
#[derive(Clone, Debug)]
pub(crate) struct List {
    /// Best first, ties by row.
    pub(crate) chosen: Vec<Chosen>,
    /// All that was left out.
    pub(crate) left_out: LeftOut,
    /// Whether there is no more; then `within` counts the rows that are not too far.
    pub(crate) ended: bool,
    pub(crate) within: usize,
    /// How it was answered in the end.
    pub(crate) plan: Plan,
    /// Distinct vectors whose distance was computed or bounded.
    pub(crate) scored: usize,
}

impl Searcher {
    /// Lists rows; `None` where an engine would have to look at more than it may.
    pub(crate) fn list(
        &self,
        wish: Wish<'_>,
        way: Way<'_>,
        stop: Stop<'_>,
    ) -> Result<Option<List>, Error> {
        let Way { mut plan, demand, most, mut first, work } = way;
        let points = wish.target.wanted.len();
        let rows = wish.allowed.map_or(self.rows() as usize, RowSet::len);
        let mut fetch = wish.fetch(plan);
        loop {
            stop.check()?;
            work.foresee(comparisons(self.read_by(plan, rows), points))?;
            let leads = match first.take() {
                Some(found) => Some(self.leads_from(wish.target, &found, fetch, plan)),
                None => self.leads(wish.target, fetch, wish.allowed, (plan, most), stop)?,
            };
            let Some(leads) = leads else { return Ok(None) };
            work.did(leads.compared)?;
            // What an engine did not find for one of several points is in no list, and the recall of its kind
            // was measured on full ones.
            if leads.is_short && !plan.is_exact() && plan.promised_recall.is_some() {
                if most < usize::MAX {
                    return Ok(None);
                }
                plan = self.exact_plan();
                continue;
            }
            let scored = leads.scored;
            let stream = Stream::new(self, wish.target, leads, work);
            let walk = Walk::run(self, stream, wish.rules, wish.need, stop)?;
            match walk.end {
                End::Full if self.is_out_of_reach(plan, &walk.chosen) => {
                    if most < usize::MAX {
                        return Ok(None);
                    }
                    let exact = self.exact_plan();
                    if work.foresee(comparisons(self.read_by(exact, rows), points)).is_err() {
                        plan.promised_recall = None;
                        return Ok(Some(walk.list(plan, scored)));
                    }
                    plan = exact;
                }
                End::Full => return Ok(Some(walk.list(plan, scored))),
                End::Exhausted if plan.is_exact() => return Ok(Some(walk.list(plan, scored))),
                _ if most < usize::MAX => return Ok(None),
                End::Unsettled => {
                    fetch = fetch.saturating_mul(WIDEN);
                    if let Some(demand) = demand.filter(|_| !plan.is_exact()) {
                        plan = self.planner().plan(&Demand { k: fetch, ..demand });
                    }
                }
                // The engine led to too few rows; all of them will do.
                End::Exhausted => plan = self.exact_plan(),
            }
        }
    }
}

impl Searcher {
    /// Whether neighbours lie farther from a query than those of the queries that the promise was measured with. Where
    /// that is not known, than tracks lie from each other.
    fn is_out_of_reach(&self, plan: Plan, chosen: &[Chosen]) -> bool {
        if plan.is_exact() || plan.promised_recall.is_none() {
            return false;
        }
        let reach = plan.reach.or_else(|| self.pairs().quantiles().last().copied());
        let farthest = chosen.iter().map(|chosen| chosen.distance).fold(0.0, f64::max);
        reach.is_some_and(|reach| farthest > reach)
    }
}

impl Walk {
    fn list(self, plan: Plan, scored: usize) -> List {
        let Self { chosen, left_out, end, within } = self;
        List { chosen, left_out, ended: end == End::Exhausted, within, plan, scored }
    }
}
