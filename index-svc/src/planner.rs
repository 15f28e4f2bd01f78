//! Which engine answers a query, and with how much effort.
//!
//! Exact where that is cheap or asked for; else the smallest effort whose recall met the target
//! when the index was built ([`crate::calibration`]). A target that no effort met at a reasonable
//! cost, as on a catalogue without structure, is answered exactly.

use serde::{Deserialize, Serialize};

use crate::engine::{Effort, EngineName};

/// Up to this many rows, all of them are looked at: a walk saves nothing.
pub const SMALL_ROWS: usize = 10_000;
/// Recall at 10 when the request names none.
pub const DEFAULT_TARGET_RECALL: f64 = 0.99;
/// Targets a build calibrates, ascending.
pub const TARGETS: [f64; 3] = [0.95, 0.99, 0.999];

/// The smallest effort that met a target when the index was built.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecallPoint {
    /// The recall at 10 that was aimed at.
    pub target: f64,
    /// The margin of [`Effort::Margin`]; none where only the exact answer met the target.
    pub margin: Option<f32>,
    /// Recall at 10 that was measured.
    pub recall: f64,
    /// Share of the rows that were looked at.
    pub scored_share: f64,
    /// Median microseconds of an answer of 10, ranking included, metadata not.
    pub p50_us: f64,
}

/// What a request asks of the planner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Wanted {
    /// The default target.
    #[default]
    Default,
    /// This recall at 10, above 0 and at most 1.
    Recall(f64),
    /// The true neighbours.
    Exact,
    /// This many candidates from the forest.
    SearchK(usize),
}

/// How a query is answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// By which engine.
    pub engine: EngineName,
    /// How long it searches.
    pub effort: Effort,
}

impl Plan {
    /// Whether the answer is the exact one.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.effort == Effort::Exact
    }
}

/// Chooses among the open engines.
#[derive(Clone, Copy, Debug)]
pub struct Planner<'a> {
    /// The recall curve of the blocks engine, by ascending target.
    pub curve: &'a [RecallPoint],
    /// Whether the blocks engine is open.
    pub blocks: bool,
    /// Trees of the forest, where it is open.
    pub trees: Option<usize>,
}

impl Planner<'_> {
    /// The plan for `k` results out of `rows`: those of the index, or those a filter leaves.
    ///
    /// With the forest alone the default is its default effort, and a stated target is answered
    /// exactly: nobody has measured which effort would meet it. Without a forest `search_k` is the
    /// number of rows the blocks engine looks at.
    #[must_use]
    pub fn plan(&self, wanted: Wanted, k: usize, rows: usize) -> Plan {
        match (wanted, self.trees) {
            (Wanted::Exact, _) => self.exact(),
            (Wanted::SearchK(search_k), Some(_)) => forest(search_k),
            (Wanted::SearchK(rows), None) if self.blocks => blocks(Effort::Rows(rows)),
            (Wanted::SearchK(_), None) => self.exact(),
            _ if rows <= SMALL_ROWS => self.exact(),
            (Wanted::Default, _) if self.blocks => self.for_target(DEFAULT_TARGET_RECALL),
            (Wanted::Recall(target), _) if self.blocks => self.for_target(target),
            (Wanted::Default, Some(trees)) => forest(k.saturating_mul(trees)),
            (Wanted::Default | Wanted::Recall(_), _) => self.exact(),
        }
    }

    /// The exact plan.
    #[must_use]
    pub fn exact(&self) -> Plan {
        let engine = if self.blocks { EngineName::Blocks } else { EngineName::Scan };
        Plan { engine, effort: Effort::Exact }
    }

    fn for_target(&self, target: f64) -> Plan {
        // Both must reach it: what was aimed at, and what was found.
        let met = |point: &&RecallPoint| point.target >= target && point.recall >= target;
        match self.curve.iter().find(met).and_then(|point| point.margin) {
            Some(margin) => blocks(Effort::Margin(margin)),
            None => self.exact(),
        }
    }
}

fn blocks(effort: Effort) -> Plan {
    Plan { engine: EngineName::Blocks, effort }
}

fn forest(search_k: usize) -> Plan {
    Plan { engine: EngineName::Forest, effort: Effort::Rows(search_k) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = SMALL_ROWS + 1;

    fn point(target: f64, margin: Option<f32>, recall: f64) -> RecallPoint {
        RecallPoint { target, margin, recall, scored_share: 0.1, p50_us: 1.0 }
    }

    fn curve() -> [RecallPoint; 3] {
        [point(0.95, Some(0.25), 0.96), point(0.99, Some(0.5), 0.992), point(0.999, None, 1.0)]
    }

    #[track_caller]
    fn check(
        planner: Planner<'_>,
        wanted: Wanted,
        rows: usize,
        engine: EngineName,
        effort: Effort,
    ) {
        assert_eq!(planner.plan(wanted, 10, rows), Plan { engine, effort }, "{wanted:?}, {rows}");
    }

    #[test]
    fn the_smallest_effort_that_met_the_target_is_taken() {
        let curve = curve();
        let both = Planner { curve: &curve, blocks: true, trees: Some(50) };
        let blocks = EngineName::Blocks;
        check(both, Wanted::Default, MANY, blocks, Effort::Margin(0.5));
        check(both, Wanted::Recall(0.5), MANY, blocks, Effort::Margin(0.25));
        check(both, Wanted::Recall(0.95), MANY, blocks, Effort::Margin(0.25));
        check(both, Wanted::Recall(0.951), MANY, blocks, Effort::Margin(0.5));
        check(both, Wanted::Recall(0.995), MANY, blocks, Effort::Exact);
        check(both, Wanted::Recall(1.0), MANY, blocks, Effort::Exact);
    }

    #[test]
    fn a_point_that_missed_its_target_is_not_taken() {
        let curve = [point(0.95, Some(0.25), 0.96), point(0.99, Some(0.5), 0.98)];
        let planner = Planner { curve: &curve, blocks: true, trees: None };
        check(planner, Wanted::Default, MANY, EngineName::Blocks, Effort::Exact);
        let planner = Planner { curve: &[], ..planner };
        check(planner, Wanted::Default, MANY, EngineName::Blocks, Effort::Exact);
    }

    #[test]
    fn few_rows_and_the_word_exact_are_exact() {
        let curve = curve();
        let both = Planner { curve: &curve, blocks: true, trees: Some(50) };
        check(both, Wanted::Exact, MANY, EngineName::Blocks, Effort::Exact);
        for wanted in [Wanted::Default, Wanted::Recall(0.5)] {
            check(both, wanted, SMALL_ROWS, EngineName::Blocks, Effort::Exact);
        }
    }

    #[test]
    fn search_k_selects_the_forest_where_there_is_one() {
        let curve = curve();
        let both = Planner { curve: &curve, blocks: true, trees: Some(50) };
        for rows in [1, MANY] {
            check(both, Wanted::SearchK(7), rows, EngineName::Forest, Effort::Rows(7));
        }
        let alone = Planner { trees: None, ..both };
        check(alone, Wanted::SearchK(7), MANY, EngineName::Blocks, Effort::Rows(7));
        let forest = Planner { blocks: false, ..both };
        check(forest, Wanted::Default, MANY, EngineName::Forest, Effort::Rows(500));
        check(forest, Wanted::Recall(0.9), MANY, EngineName::Scan, Effort::Exact);
        check(forest, Wanted::Default, SMALL_ROWS, EngineName::Scan, Effort::Exact);
    }
}
