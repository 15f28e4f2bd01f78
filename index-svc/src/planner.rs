//! Which engine answers a query, and with how much effort.
//!
//! Exact where that is cheap or asked for; else the cheapest effort whose recall met the target when the
//! index was built ([`index::curve`]), for lists at least as long. A target that no effort met at a
//! reasonable cost, as on a catalogue without structure, is answered exactly, and so are lists longer
//! than those that were measured.

use engine::{Effort, EngineName};
use index::curve::{QueryKind, RecallPoint};

/// Up to this many rows, all of them are looked at: a walk saves nothing.
pub const SMALL_ROWS: usize = 10_000;
/// Recall when the request names none.
pub const DEFAULT_TARGET_RECALL: f64 = 0.99;
/// Rows that the blocks engine looks at in the time the forest takes for one, which it reads from its file:
/// by measurement.
const FOREST_ROW_COST: f64 = 50.0;

/// What a request asks of the planner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Wanted {
    /// The default target.
    #[default]
    Default,
    /// This recall, above 0 and at most 1.
    Recall(f64),
    /// The true neighbours.
    Exact,
    /// This many candidates from the forest.
    SearchK(usize),
}

/// What decides how a list is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// What the request asks for.
    pub wanted: Wanted,
    /// What the query starts from.
    pub queries: QueryKind,
    /// Whether it starts from a vector that was sent, which need not lie among the rows.
    pub is_by_vector: bool,
    /// Rows that the list needs.
    pub k: usize,
    /// Rows of the index, or those a filter leaves.
    pub rows: usize,
}

/// How a query is answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// By which engine.
    pub engine: EngineName,
    /// How long it searches.
    pub effort: Effort,
    /// Share of the true neighbours that such answers have on average: 1 for an exact one, the target that
    /// the effort met, or unknown where a caller chose the effort.
    pub promised_recall: Option<f64>,
    /// How far the last of the neighbours may be for the promise to hold; none where that is not known, or does not
    /// matter.
    pub reach: Option<f64>,
}

impl Plan {
    /// The exact answer of an engine.
    #[must_use]
    pub fn exact_by(engine: EngineName) -> Self {
        Self { engine, effort: Effort::Exact, promised_recall: Some(1.0), reach: None }
    }

    /// An effort of which nobody knows the recall.
    #[must_use]
    pub fn unmeasured(engine: EngineName, effort: Effort) -> Self {
        Self { engine, effort, promised_recall: None, reach: None }
    }

    /// Whether the answer is the exact one.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.effort == Effort::Exact
    }
}

/// Chooses among the open engines.
#[derive(Clone, Copy, Debug)]
pub struct Planner<'a> {
    /// The recall curve of the index.
    pub curve: &'a [RecallPoint],
    /// Whether the blocks engine is open.
    pub blocks: bool,
    /// Whether the forest is open.
    pub forest: bool,
}

impl Planner<'_> {
    /// The plan for a list. Without a forest `search_k` is the number of rows the blocks engine looks at.
    #[must_use]
    pub fn plan(&self, demand: &Demand) -> Plan {
        let target = match demand.wanted {
            Wanted::Exact => return self.exact(),
            Wanted::SearchK(rows) => return self.by_search_k(rows),
            Wanted::Default => DEFAULT_TARGET_RECALL,
            Wanted::Recall(target) => target,
        };
        if demand.rows <= SMALL_ROWS {
            return self.exact();
        }
        let points = [EngineName::Blocks, EngineName::Forest]
            .into_iter()
            .filter_map(|engine| self.point(engine, target, demand));
        let cheapest = points.min_by(|a, b| cost(a).total_cmp(&cost(b)));
        cheapest.and_then(plan_of).unwrap_or_else(|| self.exact())
    }

    /// The exact plan.
    #[must_use]
    pub fn exact(&self) -> Plan {
        Plan::exact_by(if self.blocks { EngineName::Blocks } else { EngineName::Scan })
    }

    /// Recall at 10 of a query for a track without options, out of `rows`.
    #[must_use]
    pub fn recall_at_10(&self, rows: usize) -> f64 {
        let queries = QueryKind::Track;
        let demand = Demand { wanted: Wanted::Default, queries, is_by_vector: false, k: 10, rows };
        let plan = self.plan(&demand);
        let point = self.point(plan.engine, DEFAULT_TARGET_RECALL, &demand);
        point.filter(|_| !plan.is_exact()).map_or(1.0, |point| point.recall)
    }

    fn by_search_k(&self, rows: usize) -> Plan {
        let engine = match (self.forest, self.blocks) {
            (true, _) => EngineName::Forest,
            (false, true) => EngineName::Blocks,
            (false, false) => return self.exact(),
        };
        Plan::unmeasured(engine, Effort::Rows(rows))
    }

    /// The point of an engine that is open with the least target that will do, at the shortest lists that
    /// are long enough; none where only the exact answer will do.
    fn point(&self, engine: EngineName, target: f64, demand: &Demand) -> Option<&RecallPoint> {
        let is_open = match engine {
            EngineName::Blocks => self.blocks,
            EngineName::Forest => self.forest,
            EngineName::Scan => false,
        };
        // Trees are cut between rows: what lies between clusters is led astray, be it a centroid or a vector
        // that was sent, for which the recall of rows promised .90 where .20 to .60 was found.
        let queries = match (engine, demand.is_by_vector) {
            (EngineName::Forest, true) => QueryKind::Centroid,
            _ => demand.queries,
        };
        let of_engine =
            |point: &&RecallPoint| is_open && point.engine == engine && point.queries == queries;
        let of_engine = self.curve.iter().filter(of_engine);
        let long_enough = of_engine.filter(|point| point.k as usize >= demand.k);
        let k = long_enough.clone().map(|point| point.k).min()?;
        let of_length = long_enough.filter(|point| point.k == k);
        let meets = of_length.filter(|point| point.target >= target && point.holds());
        let point = meets.min_by(|a, b| a.target.total_cmp(&b.target))?;
        point.effort().map(|_| point)
    }
}

/// Counted work, in shares of the rows by the blocks engine.
fn cost(point: &RecallPoint) -> f64 {
    match point.engine {
        EngineName::Forest => FOREST_ROW_COST * point.scored_share,
        EngineName::Blocks | EngineName::Scan => point.scored_share,
    }
}

fn plan_of(point: &RecallPoint) -> Option<Plan> {
    let promised_recall = Some(point.target);
    let RecallPoint { engine, reach, .. } = *point;
    point.effort().map(|effort| Plan { engine, effort, promised_recall, reach })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = SMALL_ROWS + 1;

    fn point(k: u32, target: f64, margin: Option<f32>, recall: f64) -> RecallPoint {
        RecallPoint {
            engine: EngineName::Blocks,
            queries: QueryKind::Track,
            k,
            target,
            margin,
            search_k: None,
            recall,
            sample: 100,
            scored_share: 0.1,
            reach: None,
        }
    }

    fn by_forest(k: u32, search_k: u32, scored_share: f64) -> RecallPoint {
        let (engine, search_k) = (EngineName::Forest, Some(search_k));
        RecallPoint { engine, search_k, scored_share, ..point(k, 0.99, None, 0.995) }
    }

    fn curve() -> Vec<RecallPoint> {
        let centroid =
            RecallPoint { queries: QueryKind::Centroid, ..point(10, 0.99, Some(2.0), 0.99) };
        vec![
            point(10, 0.95, Some(0.25), 0.96),
            point(10, 0.99, Some(0.5), 0.992),
            point(10, 0.999, None, 1.0),
            point(100, 0.95, Some(0.75), 0.96),
            point(100, 0.99, Some(1.0), 0.99),
            centroid,
        ]
    }

    fn both(curve: &[RecallPoint]) -> Planner<'_> {
        Planner { curve, blocks: true, forest: true }
    }

    fn demand(wanted: Wanted, k: usize) -> Demand {
        Demand { wanted, queries: QueryKind::Track, is_by_vector: false, k, rows: MANY }
    }

    #[track_caller]
    fn check(planner: Planner<'_>, demand: Demand, engine: EngineName, effort: Effort) {
        let plan = planner.plan(&demand);
        assert_eq!((plan.engine, plan.effort), (engine, effort), "{demand:?}");
    }

    #[test]
    fn the_smallest_effort_that_met_the_target_is_taken() {
        let curve = curve();
        let blocks = EngineName::Blocks;
        for (wanted, effort) in [
            (Wanted::Default, Effort::Margin(0.5)),
            (Wanted::Recall(0.5), Effort::Margin(0.25)),
            (Wanted::Recall(0.95), Effort::Margin(0.25)),
            (Wanted::Recall(0.951), Effort::Margin(0.5)),
            (Wanted::Recall(0.995), Effort::Exact),
            (Wanted::Recall(1.0), Effort::Exact),
        ] {
            check(both(&curve), demand(wanted, 10), blocks, effort);
        }
    }

    #[test]
    fn a_list_takes_the_curve_of_lists_that_are_as_long_and_of_its_kind() {
        let curve = curve();
        let blocks = EngineName::Blocks;
        for (k, effort) in [
            (1, Effort::Margin(0.5)),
            (10, Effort::Margin(0.5)),
            (11, Effort::Margin(1.0)),
            (100, Effort::Margin(1.0)),
            (101, Effort::Exact),
        ] {
            check(both(&curve), demand(Wanted::Default, k), blocks, effort);
        }
        let centroid = Demand { queries: QueryKind::Centroid, ..demand(Wanted::Default, 10) };
        check(both(&curve), centroid, blocks, Effort::Margin(2.0));
        check(both(&curve), Demand { k: 11, ..centroid }, blocks, Effort::Exact);
    }

    #[test]
    fn the_promise_is_the_target_that_was_met() {
        let curve = curve();
        let promised = |wanted| both(&curve).plan(&demand(wanted, 10)).promised_recall;
        assert_eq!(promised(Wanted::Recall(0.5)), Some(0.95));
        assert_eq!(promised(Wanted::Default), Some(0.99));
        assert_eq!(promised(Wanted::Recall(0.999)), Some(1.0));
        assert_eq!(promised(Wanted::Exact), Some(1.0));
        assert_eq!(promised(Wanted::SearchK(5)), None);
    }

    #[test]
    fn the_cheapest_open_engine_is_taken() {
        let mut curve = curve();
        curve.push(by_forest(10, 700, 0.1 / FOREST_ROW_COST * 0.9));
        let forest = Effort::Rows(700);
        check(both(&curve), demand(Wanted::Default, 10), EngineName::Forest, forest);
        let blocks = Planner { forest: false, ..both(&curve) };
        check(blocks, demand(Wanted::Default, 10), EngineName::Blocks, Effort::Margin(0.5));
        let forest_alone = Planner { blocks: false, ..both(&curve) };
        check(forest_alone, demand(Wanted::Default, 10), EngineName::Forest, forest);
        check(forest_alone, demand(Wanted::Default, 11), EngineName::Scan, Effort::Exact);
        if let Some(last) = curve.last_mut() {
            last.scored_share = 0.1 / FOREST_ROW_COST * 1.1;
        }
        check(both(&curve), demand(Wanted::Default, 10), EngineName::Blocks, Effort::Margin(0.5));
    }

    #[test]
    fn a_vector_is_no_row_to_the_forest() {
        let curve = [by_forest(10, 700, 0.001)];
        let alone = Planner { blocks: false, ..both(&curve) };
        let row = demand(Wanted::Default, 10);
        check(alone, row, EngineName::Forest, Effort::Rows(700));
        let vector = Demand { is_by_vector: true, ..row };
        check(alone, vector, EngineName::Scan, Effort::Exact);
        let of_centroids =
            RecallPoint { queries: QueryKind::Centroid, ..by_forest(10, 9_000, 0.01) };
        let curve = [curve[0], of_centroids];
        let alone = Planner { curve: &curve, ..alone };
        check(alone, vector, EngineName::Forest, Effort::Rows(9_000));
    }

    #[test]
    fn a_point_that_missed_its_target_is_not_taken() {
        let curve = [point(10, 0.95, Some(0.25), 0.96), point(10, 0.99, Some(0.5), 0.98)];
        for curve in [&curve[..], &[]] {
            let planner = Planner { curve, blocks: true, forest: false };
            check(planner, demand(Wanted::Default, 10), EngineName::Blocks, Effort::Exact);
        }
    }

    #[test]
    fn few_rows_and_the_word_exact_are_exact() {
        let curve = curve();
        check(both(&curve), demand(Wanted::Exact, 10), EngineName::Blocks, Effort::Exact);
        for wanted in [Wanted::Default, Wanted::Recall(0.5)] {
            let few = Demand { rows: SMALL_ROWS, ..demand(wanted, 10) };
            check(both(&curve), few, EngineName::Blocks, Effort::Exact);
        }
    }

    #[test]
    fn search_k_selects_the_forest_where_there_is_one() {
        let curve = curve();
        for rows in [1, MANY] {
            let asked = Demand { rows, ..demand(Wanted::SearchK(7), 10) };
            check(both(&curve), asked, EngineName::Forest, Effort::Rows(7));
        }
        let alone = Planner { forest: false, ..both(&curve) };
        check(alone, demand(Wanted::SearchK(7), 10), EngineName::Blocks, Effort::Rows(7));
        let none = Planner { blocks: false, ..alone };
        check(none, demand(Wanted::SearchK(7), 10), EngineName::Scan, Effort::Exact);
    }
}
