//! Candidate rows, each with a bound that its exact score is not below, and one for all other rows.
//!
//! Without weights an engine finds them for each wanted point; with weights all rows are scanned, because a
//! tree over plain distances bounds weighted ones too loosely. A score is at least what
//! is near ([`Target`]), so bounds on that will do, and unwanted points are looked at only later.

use std::collections::HashMap;

use engine::{
    Candidates, EngineName, RowSet, Stop, blocks::MAX_MAGNITUDE, squared_distance, to_f32,
};

use super::{bounds::Bounds, scan::scan};
use crate::{
    error::Error,
    planner::Plan,
    searcher::Searcher,
    target::{Point, Target},
    work::comparisons,
};

/// A row whose score is at least this.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lead {
    pub(super) at_least: f64,
    pub(super) row: u32,
}

/// Candidates by ascending bound.
#[derive(Clone, Debug)]
pub(super) struct Leads {
    pub(super) leads: Vec<Lead>,
    /// A bound for the rows that were looked at and are not among them.
    pub(super) unseen: f64,
    /// Scores below this need no more candidates: the bound for all other rows where that is to be proved. Where
    /// the engine looked at some rows only, nothing is proved, so its own distances will do; else a query
    /// whose rounding is longer than rows are apart would end with a look at all of them.
    pub(super) enough: f64,
    /// Whether the engine had no more.
    pub(super) exhausted: bool,
    /// Whether the engine found fewer rows than there are for one of several points, without having looked at all.
    pub(super) is_short: bool,
    /// Distinct vectors whose distance was computed or bounded.
    pub(super) scored: usize,
    /// Rows compared with a point.
    pub(super) compared: u64,
}

impl Searcher {
    /// Up to `fetch` candidates for each wanted point; `None` where an engine would have to look at
    /// more than `most` rows.
    pub(super) fn leads(
        &self,
        target: &Target,
        fetch: usize,
        allowed: Option<&RowSet>,
        (plan, most): (Plan, usize),
        stop: Stop<'_>,
    ) -> Result<Option<Leads>, Error> {
        let wanted = &target.wanted;
        let weights = target.weights.as_deref();
        if weights.is_some() || plan.engine == EngineName::Scan && wanted.len() > 1 {
            return scan(self.vectors(), wanted, weights, (fetch, allowed), stop).map(Some);
        }
        let Plan { engine, effort, .. } = plan;
        let queries: Vec<f32> =
            wanted.iter().flat_map(|point| within_reach(&point.scaled)).collect();
        let found = if wanted.len() == 1 {
            let found =
                self.engines().nearest_within(engine, &queries, fetch, allowed, effort, most)?;
            let Some(found) = found else { return Ok(None) };
            vec![found]
        } else {
            let found =
                self.engines().nearest_many(engine, &queries, fetch, allowed, effort, stop)?;
            found.ok_or(Error::Stopped)?
        };
        let mut leads: Vec<Leads> = wanted
            .iter()
            .zip(&found)
            .map(|(point, found)| self.of_point(found, point, fetch, plan))
            .collect();
        Ok(Some(if leads.len() == 1 {
            leads.remove(0)
        } else if plan.is_exact() {
            merged(&leads)
        } else {
            let rows = allowed.map_or(self.vectors().rows(), RowSet::len);
            self.met(&leads, wanted, rows)
        }))
    }

    /// The candidates of several points by an engine that looked at some rows only. That it did not find a row
    /// for a point says nothing of how far that is, so every candidate is compared with every point: a row
    /// that the engine missed for its nearest point comes where it belongs.
    fn met(&self, found: &[Leads], points: &[Point], rows: usize) -> Leads {
        let mut leads = merged(found);
        leads.is_short = found.iter().any(|of| of.exhausted && of.leads.len() < rows);
        let asked: Vec<(Vec<f32>, Bounds, f64)> = points
            .iter()
            .map(|point| {
                let query = within_reach(&point.scaled);
                let bounds = Bounds::new(&point.scaled, &query, EngineName::Scan, None);
                (query, bounds, point.factor)
            })
            .collect();
        for lead in &mut leads.leads {
            let row = self.vectors().row(lead.row);
            let bounds = asked.iter().map(|(query, bounds, factor)| {
                factor * bounds.lower(f64::from(squared_distance(query, row)).sqrt())
            });
            // What lies beyond is not to be handed out before more candidates are fetched.
            lead.at_least = bounds.fold(leads.enough, f64::min);
        }
        leads.leads.sort_unstable_by(Lead::rank);
        leads.compared =
            leads.compared.saturating_add(comparisons(leads.leads.len(), points.len()));
        leads
    }

    /// The candidates that an engine has found for a target of one point already.
    pub(super) fn leads_from(
        &self,
        target: &Target,
        found: &Candidates,
        fetch: usize,
        plan: Plan,
    ) -> Leads {
        self.of_point(found, &target.wanted[0], fetch, plan)
    }

    /// An engine's candidates with their bounds; they are in order already.
    fn of_point(&self, found: &Candidates, point: &Point, fetch: usize, plan: Plan) -> Leads {
        let query = within_reach(&point.scaled);
        let blocks = self.engines().blocks();
        let bounds = Bounds::new(&point.scaled, &query, plan.engine, blocks);
        let leads: Vec<Lead> = found
            .hits
            .iter()
            .map(|hit| {
                let at_least = point.factor * bounds.lower(hit.squared_distance.sqrt());
                Lead { at_least, row: hit.row }
            })
            .collect();
        let exhausted = leads.len() < fetch;
        let unseen = unseen(leads.last(), exhausted);
        let enough = match found.hits.last() {
            Some(last) if !exhausted && !plan.is_exact() => {
                point.factor * bounds.upper(last.squared_distance.sqrt())
            }
            _ => unseen,
        };
        let (scored, compared) = (found.scored, found.scored as u64);
        Leads { leads, unseen, enough, exhausted, is_short: false, scored, compared }
    }

    /// How a target with weights is answered.
    pub(crate) fn weighted_plan() -> Plan {
        Plan::exact_by(EngineName::Scan)
    }
}

/// The candidates of several points: a row is bounded by what bounds it for each of them.
fn merged(found: &[Leads]) -> Leads {
    let least = |of: fn(&Leads) -> f64| found.iter().map(of).fold(f64::INFINITY, f64::min);
    let (unseen, enough) = (least(|leads| leads.unseen), least(|leads| leads.enough));
    let mut bounds: HashMap<u32, f64> = HashMap::new();
    for lead in found.iter().flat_map(|leads| &leads.leads) {
        let bound = bounds.entry(lead.row).or_insert(unseen);
        *bound = bound.min(lead.at_least);
    }
    let mut leads: Vec<Lead> =
        bounds.into_iter().map(|(row, at_least)| Lead { at_least, row }).collect();
    leads.sort_unstable_by(Lead::rank);
    let exhausted = found.iter().all(|leads| leads.exhausted);
    let scored = found.iter().map(|leads| leads.scored).sum();
    let compared = found.iter().map(|leads| leads.compared).sum();
    Leads { leads, unseen, enough, exhausted, is_short: false, scored, compared }
}

/// A bound for the rows beyond the last lead.
pub(super) fn unseen(last: Option<&Lead>, exhausted: bool) -> f64 {
    if exhausted { f64::INFINITY } else { last.map_or(0.0, |last| last.at_least) }
}

/// A scaled query as engines take it. What lies beyond the largest value they take is put there:
/// farther from every row than any row is from another, so that no bound below is too large.
pub(crate) fn within_reach(scaled: &[f64]) -> Vec<f32> {
    let mut query = to_f32(scaled);
    query.iter_mut().for_each(|value| *value = value.clamp(-MAX_MAGNITUDE, MAX_MAGNITUDE));
    query
}

impl Lead {
    pub(super) fn rank(&self, other: &Self) -> std::cmp::Ordering {
        self.at_least.total_cmp(&other.at_least).then(self.row.cmp(&other.row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(f64, u32)], unseen: f64, exhausted: bool) -> Leads {
        let leads = pairs.iter().map(|(at_least, row)| Lead { at_least: *at_least, row: *row });
        let (scored, compared) = (pairs.len(), pairs.len() as u64);
        let leads = leads.collect();
        Leads { leads, unseen, enough: unseen, exhausted, is_short: false, scored, compared }
    }

    #[test]
    fn a_row_that_one_point_did_not_find_may_be_as_near_to_it_as_what_it_did() {
        let both =
            merged(&[of(&[(1.0, 7), (3.0, 8)], 3.0, false), of(&[(2.0, 9)], f64::INFINITY, true)]);
        let expected = [(1.0, 7), (2.0, 9), (3.0, 8)];
        let got: Vec<_> = both.leads.iter().map(|lead| (lead.at_least, lead.row)).collect();
        assert_eq!((got.as_slice(), both.unseen, both.exhausted), (&expected[..], 3.0, false));
        // Row 9 may be anywhere beyond 1.5 for the first point.
        let both = merged(&[of(&[(1.5, 7)], 1.5, false), of(&[(2.0, 9)], 2.0, false)]);
        assert_eq!(both.leads[1], Lead { at_least: 1.5, row: 9 });
    }
}
