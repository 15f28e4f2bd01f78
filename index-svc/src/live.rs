//! What the service shows of its searches: engines, effort, and the recall of live answers.
//!
//! The recall curve in the manifest is of the rows that a build held out. Callers' own queries may
//! lie elsewhere, so one of so many approximate answers is computed once more, exactly, and compared.
//! One at a time, on a worker, in turn with callers; where those have to be refused it is as well.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use engine::{EngineName, Stop};
use serving::{
    CpuPool,
    metrics::{Histogram, IntCounter, MetricError, Registry},
};

use crate::{planner::Wanted, query::Query, search::Answer, searcher::Searcher};

/// Upper bounds of the vectors that a query looked at.
const EFFORT_BUCKETS: &[f64] =
    &[100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8];

/// Counts answers, and checks some of them. Clones share all of it.
#[derive(Clone, Debug)]
pub struct LiveRecall(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: CpuPool,
    /// One of so many approximate answers is checked; none for 0.
    interval: u64,
    answered: AtomicU64,
    is_checking: AtomicBool,
    efforts: [(EngineName, [Searches; 2]); 3],
    checked: IntCounter,
    unchecked: IntCounter,
    found: IntCounter,
    missed: IntCounter,
}

/// The searches of one engine that are exact, or not.
#[derive(Debug)]
struct Searches {
    count: IntCounter,
    effort: Histogram,
}

impl LiveRecall {
    /// Adds the metrics to `registry`; checks are computed on `pool`, one for `interval` approximate
    /// answers, none for 0.
    ///
    /// # Errors
    /// When the registry has the metrics already.
    pub fn new(registry: &Registry, pool: CpuPool, interval: u64) -> Result<Self, MetricError> {
        let searches = registry.counter(
            "index_searches_total",
            "Searches that were answered, by the engine that the planner chose.",
            &["engine", "exact"],
        )?;
        let effort = registry.histogram(
            "index_search_candidates",
            "Vectors whose distance a search computed or bounded.",
            &["engine", "exact"],
            EFFORT_BUCKETS,
        )?;
        let checks = registry.counter(
            "index_recall_checks_total",
            "Approximate answers that were to be compared with the exact one; skipped where another one runs or workers are overloaded.",
            &["outcome"],
        )?;
        let neighbors = registry.counter(
            "index_recall_neighbors_total",
            "True neighbours of the answers that were compared; found over both is the live recall.",
            &["outcome"],
        )?;
        let of = |engine: EngineName| {
            let name = engine.to_string();
            let searches = |exact: &str| Searches {
                count: searches.with_label_values(&[&*name, exact]),
                effort: effort.with_label_values(&[&*name, exact]),
            };
            (engine, [searches("false"), searches("true")])
        };
        Ok(Self(Arc::new(Inner {
            pool,
            interval,
            answered: AtomicU64::new(0),
            is_checking: AtomicBool::new(false),
            efforts: [EngineName::Blocks, EngineName::Forest, EngineName::Scan].map(of),
            checked: checks.with_label_values(&["compared"]),
            unchecked: checks.with_label_values(&["skipped"]),
            found: neighbors.with_label_values(&["found"]),
            missed: neighbors.with_label_values(&["missed"]),
        })))
    }

    /// A query was answered from `index`.
    pub fn answered(&self, index: &Arc<Searcher>, query: &Query, answer: &Answer) {
        let exact = answer.plan.is_exact();
        let engine = self.0.efforts.iter().find(|(engine, _)| *engine == answer.plan.engine);
        if let Some((_, searches)) = engine {
            let searches = &searches[usize::from(exact)];
            searches.count.inc();
            searches.effort.observe(answer.candidate_count as f64);
        }
        if !exact && self.is_due() {
            self.check(Arc::clone(index), query.clone(), answer);
        }
    }

    fn is_due(&self) -> bool {
        let Inner { interval, answered, .. } = &*self.0;
        *interval > 0 && answered.fetch_add(1, Ordering::Relaxed).is_multiple_of(*interval)
    }

    /// Compares an answer with the exact one, in the background.
    fn check(&self, index: Arc<Searcher>, mut query: Query, answer: &Answer) {
        if self.0.is_checking.swap(true, Ordering::Relaxed) {
            return self.0.unchecked.inc();
        }
        query.options.wanted = Wanted::Exact;
        let rows: HashSet<u32> = answer.neighbors.iter().map(|near| near.row).collect();
        let live = self.clone();
        tokio::spawn(async move {
            let job = move |cancel: &serving::Cancel| {
                index.search_until(&query, Stop::when(&|| cancel.is_cancelled()))
            };
            let outcome = live.0.pool.run(job).await;
            live.0.is_checking.store(false, Ordering::Relaxed);
            match outcome {
                Ok(Ok(exact)) => {
                    let all = exact.neighbors.len() as u64;
                    let found =
                        exact.neighbors.iter().filter(|near| rows.contains(&near.row)).count();
                    live.0.found.inc_by(found as u64);
                    live.0.missed.inc_by(all - found as u64);
                    live.0.checked.inc();
                }
                Ok(Err(error)) => tracing::error!(%error, "the index could not be read"),
                Err(_) => live.0.unchecked.inc(),
            }
        });
    }
}
