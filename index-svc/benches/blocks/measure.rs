//! Clocks, percentiles, recall.

use std::time::{Duration, Instant};

/// Times of single queries, and what they found.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    times: Vec<Duration>,
    pub(crate) rows: Vec<Vec<u32>>,
    pub(crate) scanned: usize,
    pub(crate) reranked: usize,
}

impl Sample {
    pub(crate) fn push(&mut self, time: Duration, rows: Vec<u32>) {
        self.times.push(time);
        self.rows.push(rows);
    }

    /// A quantile in microseconds.
    pub(crate) fn micros(&self, quantile: f64) -> f64 {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        let at = (quantile * (sorted.len() - 1) as f64).round() as usize;
        sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }

    pub(crate) fn mean_micros(&self) -> f64 {
        self.times.iter().sum::<Duration>().as_secs_f64() * 1e6 / self.times.len() as f64
    }

    /// Share of the true neighbours found.
    pub(crate) fn recall(&self, truth: &[Vec<u32>]) -> f64 {
        let found: usize = self
            .rows
            .iter()
            .zip(truth)
            .map(|(found, truth)| truth.iter().filter(|row| found.contains(row)).count())
            .sum();
        found as f64 / truth.iter().map(Vec::len).sum::<usize>() as f64
    }
}

/// Runs a closure and times it.
pub(crate) fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = run();
    (value, start.elapsed())
}

/// A field of this process's status, such as `VmRSS`, in MiB; 0 where there is no such file.
pub(crate) fn memory_mib(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(0.0, |kib| kib / 1024.0)
}

/// Nanoseconds this thread has run, as the scheduler last noted; 0 where the system does not tell. Unlike the clock it leaves out
/// what other processes took, but it moves in steps of a few milliseconds.
pub(crate) fn thread_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0.0)
}

/// Processor seconds this process has used; 0 where the system does not tell. Counted in hundredths.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    // Fields 14 and 15 of the file: the name, cut off here, is the second.
    (ticks(11) + ticks(12)) / 100.0
}
