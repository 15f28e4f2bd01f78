//! Log lines that were lost, as a metric: the count lies with the log's writer.

use prometheus::{
    IntCounter,
    core::{Collector, Desc},
    proto as exposition,
};

use crate::observe::lost_lines;

/// `log_lines_lost_total`.
#[derive(Debug)]
pub(super) struct LostLines(IntCounter);

impl LostLines {
    pub(super) const NAME: &str = "log_lines_lost_total";

    pub(super) fn new() -> prometheus::Result<Self> {
        let help = "Log lines that were lost because nobody read standard error.";
        IntCounter::new(Self::NAME, help).map(Self)
    }
}

impl Collector for LostLines {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<exposition::MetricFamily> {
        self.0.inc_by(lost_lines::count().saturating_sub(self.0.get()));
        self.0.collect()
    }
}
