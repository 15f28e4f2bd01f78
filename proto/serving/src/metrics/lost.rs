//! Log lines that were lost, as a metric: the count lies with the log's writer.

use prometheus::{
    IntCounter,
    core::{Collector, Desc},
    proto as exposition,
};

use super::MetricError;
use crate::telemetry::lost_lines;

/// `log_lines_lost_total`.
#[derive(Debug)]
pub(super) struct LostLines(IntCounter);

impl LostLines {
    pub(super) fn new() -> Result<Self, MetricError> {
        const NAME: &str = "log_lines_lost_total";
        let help = "Log lines that were lost because nobody read standard error.";
        let counter = IntCounter::new(NAME, help);
        counter.map(Self).map_err(|source| MetricError { name: NAME.to_owned(), source })
    }
}

impl Collector for LostLines {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<exposition::MetricFamily> {
        self.0.inc_by(lost_lines().saturating_sub(self.0.get()));
        self.0.collect()
    }
}
