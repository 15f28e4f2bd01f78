//! How much work is asked for, beside what the workers can do.

use std::time::{Duration, Instant};

/// Jobs that the mean of times goes back over: of all kinds, where one queue has several.
const JOBS_IN_MEAN: f64 = 64.0;
/// Jobs that the count of what was asked for goes back over, at least: one long job alone is no load.
const JOBS_IN_COUNT: f64 = 8.0;

/// Jobs that were asked for, fading with age, and how long one keeps a worker busy.
#[derive(Debug)]
pub(super) struct Load {
    workers: f64,
    asked: f64,
    faded: Option<Instant>,
    ended: f64,
    mean_busy: f64,
}

impl Load {
    pub(super) fn new(workers: usize) -> Self {
        Self { workers: workers as f64, asked: 0.0, faded: None, ended: 0.0, mean_busy: 0.0 }
    }

    /// A job is asked for, whether or not it finds a place. What is older than `memory` hardly counts.
    pub(super) fn asked(&mut self, now: Instant, memory: Duration) {
        self.fade(now, memory);
        self.asked += 1.0;
    }

    /// A job has ended that kept a worker busy for so long.
    pub(super) fn ended(&mut self, busy: Duration) {
        self.ended = (self.ended + 1.0).min(JOBS_IN_MEAN);
        self.mean_busy += (busy.as_secs_f64() - self.mean_busy) / self.ended;
    }

    /// Work asked for, in parts of what the workers can do: above 1 they fall behind. Infinite until a
    /// job has ended, since nothing is known of jobs then.
    pub(super) fn level(&mut self, now: Instant, memory: Duration) -> f64 {
        self.fade(now, memory);
        match self.ended > 0.0 {
            true => self.asked * self.mean_busy / (self.seconds(memory) * self.workers),
            false => f64::INFINITY,
        }
    }

    /// The age at which a job counts for 1/e.
    fn seconds(&self, memory: Duration) -> f64 {
        memory.as_secs_f64().max(JOBS_IN_COUNT * self.mean_busy / self.workers).max(1e-3)
    }

    fn fade(&mut self, now: Instant, memory: Duration) {
        let then = self.faded.replace(now).unwrap_or(now);
        let age = now.saturating_duration_since(then).as_secs_f64();
        self.asked *= (-age / self.seconds(memory)).exp();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(2);

    /// The level after `seconds` of `rate` jobs a second, each of which runs for `run` seconds.
    fn level(workers: usize, rate: f64, run: f64, seconds: f64) -> f64 {
        let (mut load, start) = (Load::new(workers), Instant::now());
        let mut now = start;
        for job in 0..(rate * seconds) as usize {
            now = start + Duration::from_secs_f64(job as f64 / rate);
            load.asked(now, MEMORY);
            load.ended(Duration::from_secs_f64(run));
        }
        load.level(now, MEMORY)
    }

    #[test]
    fn it_is_the_part_of_the_workers_time_that_is_asked_for() {
        for (workers, rate, run) in [(1, 800.0, 0.001), (4, 100.0, 0.1), (1, 0.2, 5.0)] {
            let (got, part) = (level(workers, rate, run, 400.0), rate * run / workers as f64);
            assert!((got / part - 1.0).abs() < 0.15, "{got} of {part}");
        }
        assert!(level(1, 10.0, 10.0, 0.1) < 0.2, "one long job");
    }

    #[test]
    fn it_fades_and_nothing_known_is_no_limit() {
        let (mut load, now) = (Load::new(1), Instant::now());
        load.asked(now, MEMORY);
        assert!(load.level(now, MEMORY).is_infinite());
        load.ended(Duration::from_millis(200));
        let level = load.level(now, MEMORY);
        let later = load.level(now + MEMORY, MEMORY);
        assert!((later / level * std::f64::consts::E - 1.0).abs() < 1e-9, "{level}, {later}");
    }
}
