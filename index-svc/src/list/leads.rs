//! Candidate rows, each with a bound that its exact score is not below, and one for all other rows.
//!
//! Without weights an engine finds them, for each wanted point by itself; with weights all rows are
//! scanned, because a tree over plain distances bounds weighted ones too loosely. A score is at least what
//! is near ([`Target`]), so bounds on that will do, and unwanted points are looked at only later.

use std::collections::HashMap;

use crate::{
    engine::{Candidates, EngineName, RowSet, blocks::MAX_MAGNITUDE},
    error::Error,
    index::Index,
    planner::Plan,
    stop::Stop,
    target::{Point, Target},
    vectors::{to_f32, weighted_squared_distance},
};

/// Rows scanned between two looks at whether anybody still waits.
const STOP_ROWS: usize = 1 << 13;

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
    /// Whether the engine had no more.
    pub(super) exhausted: bool,
    /// Distinct vectors whose distance was computed or bounded.
    pub(super) scored: usize,
}

impl Index {
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
        if let Some(weights) = &target.weights {
            return self.scanned(target, weights, fetch, allowed, stop).map(Some);
        }
        let Plan { engine, effort } = plan;
        let mut found = Vec::with_capacity(target.wanted.len());
        for point in &target.wanted {
            stop.check()?;
            let query = within_reach(&point.scaled);
            let candidates =
                self.engines.nearest_within(engine, &query, fetch, allowed, effort, most)?;
            let Some(candidates) = candidates else { return Ok(None) };
            found.push(of_point(&candidates, point, norm(&query), fetch));
        }
        Ok(Some(match found.pop() {
            Some(only) if found.is_empty() => only,
            Some(last) => {
                found.push(last);
                merged(&found)
            }
            None => merged(&found),
        }))
    }

    /// The candidates that an engine has found for a plain target already.
    pub(super) fn leads_from(target: &Target, found: &Candidates, fetch: usize) -> Leads {
        let point = &target.wanted[0];
        of_point(found, point, norm(&within_reach(&point.scaled)), fetch)
    }

    /// Candidates by weighted distance, from a look at every row.
    fn scanned(
        &self,
        target: &Target,
        weights: &[f64],
        fetch: usize,
        allowed: Option<&RowSet>,
        stop: Stop<'_>,
    ) -> Result<Leads, Error> {
        let weights_f32 = to_f32(weights);
        let points: Vec<(Vec<f32>, f64, f64)> = target
            .wanted
            .iter()
            .map(|point| {
                let query = within_reach(&point.scaled);
                let squares = query.iter().zip(weights).map(|(x, w)| f64::from(*x).powi(2) * w);
                let norm = squares.sum::<f64>().sqrt();
                (query, point.factor, norm)
            })
            .collect();
        let mut nearest = Nearest::new(fetch);
        let mut offer = |row: u32, vector: &[f32]| {
            let bounds = points.iter().map(|(query, factor, norm)| {
                // What overflowed is at least the largest there is.
                let squared = weighted_squared_distance(query, vector, &weights_f32).min(f32::MAX);
                factor * lower(f64::from(squared).sqrt(), *norm)
            });
            let at_least = bounds.fold(f64::INFINITY, f64::min);
            nearest.offer(Lead { at_least, row });
        };
        let scored = match allowed {
            None => {
                for (number, vector) in self.vectors.iter().enumerate() {
                    if number % STOP_ROWS == 0 {
                        stop.check()?;
                    }
                    // Row numbers are 32 bits wide by the format.
                    offer(number as u32, vector);
                }
                self.vectors.rows()
            }
            Some(allowed) => {
                for (number, row) in allowed.iter().enumerate() {
                    if number % STOP_ROWS == 0 {
                        stop.check()?;
                    }
                    offer(row, self.vectors.row(row));
                }
                allowed.len()
            }
        };
        let leads = nearest.finish();
        let exhausted = leads.len() < fetch;
        let unseen = unseen(leads.last(), exhausted);
        Ok(Leads { leads, unseen, exhausted, scored })
    }

    /// How a target with weights is answered.
    pub(crate) fn weighted_plan() -> Plan {
        Plan { engine: EngineName::Scan, effort: crate::engine::Effort::Exact }
    }
}

/// An engine's candidates with their bounds; they are in order already.
fn of_point(found: &Candidates, point: &Point, norm: f64, fetch: usize) -> Leads {
    let leads: Vec<Lead> = found
        .hits
        .iter()
        .map(|hit| {
            let at_least = point.factor * lower(hit.squared_distance.sqrt(), norm);
            Lead { at_least, row: hit.row }
        })
        .collect();
    let exhausted = leads.len() < fetch;
    let unseen = unseen(leads.last(), exhausted);
    Leads { leads, unseen, exhausted, scored: found.scored }
}

/// The candidates of several points: a row is bounded by what bounds it for each of them.
fn merged(found: &[Leads]) -> Leads {
    let unseen = found.iter().map(|leads| leads.unseen).fold(f64::INFINITY, f64::min);
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
    Leads { leads, unseen, exhausted, scored }
}

fn unseen(last: Option<&Lead>, exhausted: bool) -> f64 {
    if exhausted { f64::INFINITY } else { last.map_or(0.0, |last| last.at_least) }
}

/// A scaled query as engines take it. What lies beyond the largest value they take is put there:
/// farther from every row than any row is from another, so that no bound below is too large.
pub(crate) fn within_reach(scaled: &[f64]) -> Vec<f32> {
    let mut query = to_f32(scaled);
    query.iter_mut().for_each(|value| *value = value.clamp(-MAX_MAGNITUDE, MAX_MAGNITUDE));
    query
}

fn norm(query: &[f32]) -> f64 {
    query.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt()
}

/// A distance, perhaps weighted, that is not above the exact one where an engine computed `distance`.
///
/// Engines rank `f32` rows, the roughest of them in `f32`. A coordinate is rounded by at most 2⁻²⁴ of
/// its size, a weight by as much, and the sum of 74 squares by far less than 1e-5 of itself, so the
/// distance is off by at most `1e-5 d + 2e-7 |query|`; the factors are several times what the bound needs,
/// and the last term covers squares that are too small for `f32`.
fn lower(distance: f64, norm: f64) -> f64 {
    distance * (1.0 - 1e-5) - 2e-7 * norm - 1e-15
}

impl Lead {
    fn rank(&self, other: &Self) -> std::cmp::Ordering {
        self.at_least.total_cmp(&other.at_least).then(self.row.cmp(&other.row))
    }
}

/// Keeps the leads with the `count` least bounds: a buffer of twice as many, cut back when it is full.
struct Nearest {
    leads: Vec<Lead>,
    count: usize,
    bound: f64,
}

impl Nearest {
    fn new(count: usize) -> Self {
        Self { leads: Vec::with_capacity(2 * count.min(1 << 16)), count, bound: f64::INFINITY }
    }

    fn offer(&mut self, lead: Lead) {
        if lead.at_least <= self.bound {
            self.leads.push(lead);
            if self.leads.len() >= self.count.saturating_mul(2).max(2) {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if self.leads.len() > self.count && self.count > 0 {
            self.leads.select_nth_unstable_by(self.count - 1, Lead::rank);
            self.bound = self.leads[self.count - 1].at_least;
        }
        self.leads.truncate(self.count);
    }

    fn finish(mut self) -> Vec<Lead> {
        self.cut();
        self.leads.sort_unstable_by(Lead::rank);
        self.leads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(f64, u32)], unseen: f64, exhausted: bool) -> Leads {
        let leads = pairs.iter().map(|(at_least, row)| Lead { at_least: *at_least, row: *row });
        Leads { leads: leads.collect(), unseen, exhausted, scored: pairs.len() }
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

    #[test]
    fn the_nearest_leads_are_kept_with_ties() {
        let mut nearest = Nearest::new(3);
        for (at_least, row) in
            [(5.0, 0), (1.0, 9), (1.0, 4), (9.0, 1), (1.0, 2), (2.0, 3), (0.5, 8)]
        {
            nearest.offer(Lead { at_least, row });
        }
        let rows: Vec<u32> = nearest.finish().iter().map(|lead| lead.row).collect();
        assert_eq!(rows, [8, 2, 4]);
    }
}
