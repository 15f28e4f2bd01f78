//! The list of one server's metrics, which both services add theirs to.

use std::sync::Arc;

use prometheus::{
    HistogramVec, IntCounterVec, IntGaugeVec, Opts, TextEncoder, core::Collector,
    process_collector::ProcessCollector,
};
use thiserror::Error;

use super::lost::LostLines;

/// Upper bounds, in seconds, that suit anything from an index lookup to a long recording.
pub const DURATION_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 300.0,
];

/// Why a metric could not be made.
#[derive(Debug, Error)]
#[error("metric `{name}` cannot be registered: {source}")]
pub struct MetricError {
    name: String,
    source: prometheus::Error,
}

/// The metrics of one server. Clones share one list.
///
/// ```
/// use serving::metrics::{DURATION_BUCKETS, Registry};
///
/// # fn main() -> Result<(), serving::metrics::MetricError> {
/// let registry = Registry::new();
/// let stages = registry.histogram(
///     "extractor_stage_seconds",
///     "Time of one stage of an extraction.",
///     &["stage"],
///     DURATION_BUCKETS,
/// )?;
/// stages.with_label_values(&["decode"]).observe(0.04);
/// assert!(registry.text().contains("extractor_stage_seconds_count{stage=\"decode\"} 1"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<prometheus::Registry>);

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry that also shows the memory, processor time and open files of this process.
    ///
    /// # Errors
    /// Never for a new registry; the signature follows the library's.
    pub(crate) fn with_process() -> Result<Self, MetricError> {
        let registry = Self::new();
        registry.add("process", ProcessCollector::for_self())?;
        let lost = LostLines::new();
        let lost =
            lost.map_err(|source| MetricError { name: LostLines::NAME.to_owned(), source })?;
        registry.add(LostLines::NAME, lost)?;
        Ok(registry)
    }

    /// A counter; its name ends in `_total`.
    ///
    /// # Errors
    /// On a name that is taken or not a metric's name.
    pub fn counter(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, MetricError> {
        let made = IntCounterVec::new(Opts::new(name, help), labels);
        self.keep(name, made)
    }

    /// A gauge.
    ///
    /// # Errors
    /// On a name that is taken or not a metric's name.
    pub fn gauge(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, MetricError> {
        let made = IntGaugeVec::new(Opts::new(name, help), labels);
        self.keep(name, made)
    }

    /// A histogram with the given upper bounds, in the unit that ends its name.
    ///
    /// # Errors
    /// On a name that is taken or not a metric's name, or bounds that do not rise.
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, MetricError> {
        let options = prometheus::HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.keep(name, HistogramVec::new(options, labels))
    }

    /// All metrics in Prometheus' text form; what cannot be written is left out and logged.
    #[must_use]
    pub fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.0.gather()).unwrap_or_else(|error| {
            tracing::error!(%error, "metrics cannot be written");
            String::new()
        })
    }

    pub(super) fn keep<M: Collector + Clone + 'static>(
        &self,
        name: &str,
        made: Result<M, prometheus::Error>,
    ) -> Result<M, MetricError> {
        let metric = made.map_err(|source| MetricError { name: name.to_owned(), source })?;
        self.add(name, metric.clone())?;
        Ok(metric)
    }

    fn add(&self, name: &str, metric: impl Collector + 'static) -> Result<(), MetricError> {
        self.0
            .register(Box::new(metric))
            .map_err(|source| MetricError { name: name.to_owned(), source })
    }
}
