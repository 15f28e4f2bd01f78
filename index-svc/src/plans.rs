//! How an index answers a query: what the query demands of the planner.

use engine::EngineName;
use index::curve::QueryKind;

use crate::{
    planner::{Demand, Plan, Planner, Wanted},
    query::Query,
    searcher::Searcher,
};

impl Searcher {
    /// How `k` results like a track are found.
    #[must_use]
    pub fn plan(&self, wanted: Wanted, k: usize) -> Plan {
        let rows = self.manifest().rows as usize;
        self.planner().plan(&Demand {
            wanted,
            queries: QueryKind::Track,
            is_by_vector: false,
            k,
            rows,
        })
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
        self.planner().recall_at_10(self.manifest().rows as usize)
    }

    pub(crate) fn planner(&self) -> Planner<'_> {
        Planner {
            curve: &self.manifest().recall_curve,
            blocks: self.engines().is_open(EngineName::Blocks),
            forest: self.engines().is_open(EngineName::Forest),
        }
    }

    /// How a query begins where a filter leaves `rows`. Weights scan everything; another order than nearest
    /// first, later pages, and lists within a filter, are exact.
    pub(crate) fn plan_for(&self, query: &Query, rows: usize) -> Plan {
        if query.is_weighted() {
            Self::weighted_plan()
        } else {
            self.planner().plan(&self.demand(query, rows))
        }
    }

    /// What a query without weights demands of the planner where a filter leaves `rows`.
    ///
    /// No recall is promised within a filter: one that follows the sound, as a genre does, leaves rows that are far
    /// from the query, and a walk calibrated without filters ends before them. Of ten, .90 were found where .95
    /// was aimed at.
    pub(crate) fn demand(&self, query: &Query, rows: usize) -> Demand {
        let options = &query.options;
        let is_filtered = rows < self.rows() as usize;
        let wanted = match options.wanted {
            _ if options.diversity > 0.0 || !query.place.is_first() => Wanted::Exact,
            Wanted::Default | Wanted::Recall(_) if is_filtered => Wanted::Exact,
            wanted => wanted,
        };
        let (queries, is_by_vector) = (query.kind(), query.is_by_vector());
        Demand { wanted, queries, is_by_vector, k: options.k, rows }
    }
}
