//! How an index answers a query: what the query demands of the planner.

use crate::{
    curve::QueryKind,
    index::Index,
    planner::{Demand, Plan, Planner, Wanted},
    query::Query,
};

impl Index {
    /// How `k` results like a track are found.
    #[must_use]
    pub fn plan(&self, wanted: Wanted, k: usize) -> Plan {
        let rows = self.manifest.rows as usize;
        self.planner().plan(&Demand { wanted, queries: QueryKind::Track, k, rows })
    }

    /// The plan whose answers are the true neighbours.
    #[must_use]
    pub fn exact_plan(&self) -> Plan {
        self.planner().exact()
    }

    /// Recall at 10 of a query without options by the engines that are open: what was measured at its effort,
    /// or 1 where it is exact.
    #[must_use]
    pub fn recall_at_10(&self) -> f64 {
        self.planner().recall_at_10(self.manifest.rows as usize)
    }

    pub(crate) fn planner(&self) -> Planner<'_> {
        Planner {
            curve: &self.manifest.recall_curve,
            blocks: self.engines.blocks.is_some(),
            forest: self.engines.forest.is_some(),
        }
    }

    /// How a query begins where a filter leaves `rows`. Weights scan everything; another order than nearest
    /// first, and later pages, are exact.
    pub(crate) fn plan_for(&self, query: &Query, rows: usize) -> Plan {
        if query.is_weighted() {
            Self::weighted_plan()
        } else {
            self.planner().plan(&demand(query, rows))
        }
    }
}

/// What a query without weights demands of the planner.
pub(crate) fn demand(query: &Query, rows: usize) -> Demand {
    let options = &query.options;
    let is_exact = options.diversity > 0.0 || !query.place.is_first();
    let wanted = if is_exact { Wanted::Exact } else { options.wanted };
    Demand { wanted, queries: query.kind(), k: options.k, rows }
}
