//! What a worker pool shows. Pools of one server are told apart by a label with their name.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntGauge, Opts};

use super::registry::{DURATION_BUCKETS, MetricError, Registry};

/// The metrics of one worker pool.
#[derive(Clone, Debug)]
pub(crate) struct WorkerMetrics {
    pub(crate) queued: IntGauge,
    pub(crate) busy: IntGauge,
    waited: Histogram,
    ran: Histogram,
}

impl WorkerMetrics {
    pub(crate) fn new(
        registry: &Registry,
        pool: &str,
        workers: usize,
    ) -> Result<Self, MetricError> {
        let gauge = |name: &str, help: &str| {
            let made = IntGauge::with_opts(Opts::new(name, help).const_label("pool", pool));
            registry.keep(name, made)
        };
        let histogram = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help)
                .const_label("pool", pool)
                .buckets(DURATION_BUCKETS.to_vec());
            registry.keep(name, Histogram::with_opts(options))
        };
        gauge("workers", "Threads that run jobs.")?.set(i64::try_from(workers).unwrap_or(i64::MAX));
        Ok(Self {
            queued: gauge("worker_queue_length", "Jobs that wait for a worker.")?,
            busy: gauge("workers_busy", "Workers that run a job.")?,
            waited: histogram("worker_queue_seconds", "Time jobs waited before they ran.")?,
            ran: histogram("worker_job_seconds", "Time jobs ran.")?,
        })
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.waited.observe(time.as_secs_f64());
    }

    pub(crate) fn ran(&self, time: Duration) {
        self.ran.observe(time.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pools_share_a_registry_but_not_a_name() {
        let registry = Registry::new();
        WorkerMetrics::new(&registry, "search", 2).expect("new");
        WorkerMetrics::new(&registry, "load", 2).expect("another name");
        assert!(WorkerMetrics::new(&registry, "load", 2).is_err());
    }
}
