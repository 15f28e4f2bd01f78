//! How far a run is: a bar on a terminal, a line of the log now and then otherwise.

use std::{
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{findings::Warning, table::Measured};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What has been done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Work {
    /// Files that are finished, those of an earlier run included.
    done: usize,
    /// Files that this run worked on.
    worked: usize,
    /// Files without a row.
    failed: usize,
    /// Rows with warnings.
    warned: usize,
    /// Analysed audio, in seconds.
    audio_seconds: f64,
}

/// How fast it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Speed {
    files_per_second: f64,
    audio_hours_per_hour: f64,
    eta: Duration,
}

impl Work {
    /// Means over the whole run; `None` before the first file.
    fn speed(&self, total: usize, elapsed: Duration) -> Option<Speed> {
        let seconds = elapsed.as_secs_f64();
        if self.worked == 0 || seconds <= 0.0 {
            return None;
        }
        let files_per_second = self.worked as f64 / seconds;
        let left = total.saturating_sub(self.done) as f64 / files_per_second;
        Some(Speed {
            files_per_second,
            audio_hours_per_hour: self.audio_seconds / seconds,
            // A run of centuries has no use for the digits.
            eta: Duration::from_secs(left.min(1e9).ceil() as u64),
        })
    }

    fn message(&self, total: usize, elapsed: Duration) -> String {
        let count = |count: usize, what: &str| match count {
            0 => String::new(),
            count => format!(", {count} {what}"),
        };
        let counts = count(self.failed, "failed") + &count(self.warned, "with warnings");
        self.speed(total, elapsed).map_or(counts.clone(), |speed| {
            format!(
                "{:.1} files/s, {:.0} h audio/h, ETA {}{counts}",
                speed.files_per_second,
                speed.audio_hours_per_hour,
                humantime::format_duration(speed.eta),
            )
        })
    }
}

/// The progress of one run.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    work: Work,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Begins to count; a bar is drawn if standard error is a terminal.
    #[must_use]
    pub fn start(total: usize) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(
                Some(total as u64),
                ProgressDrawTarget::stderr_with_hz(5),
            );
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files {wide_msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let now = Instant::now();
        Self { bar, total, work: Work::default(), started: now, last_line: now }
    }

    /// One more file was worked on, and gave this row of so much audio, or failed.
    pub fn worked(&mut self, row: Option<(&Measured, f64)>) {
        self.work.worked += 1;
        self.work.audio_seconds += row.map_or(0.0, |(_, audio_seconds)| audio_seconds);
        self.known(row.map(|(measured, _)| measured));
    }

    /// One more file was known from an earlier run, with this row, or as failed.
    pub fn known(&mut self, row: Option<&Measured>) {
        self.work.done += 1;
        self.work.failed += usize::from(row.is_none());
        self.work.warned += usize::from(row.is_some_and(|row| !row.warnings.is_empty()));
        let elapsed = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.set_position(self.work.done as u64);
            bar.set_message(self.work.message(self.total, elapsed));
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            self.line("progress");
        }
    }

    /// Says what was found in a file that gave a row.
    pub fn findings(&self, path: &str, warnings: &[Warning]) {
        for warning in warnings {
            let (code, message) = (warning.code.name(), &warning.message);
            self.log(|| tracing::warn!(path, code, message, "file read with a finding"));
        }
    }

    /// Says why a file gave none.
    pub fn skipped(&self, path: &str, reason: &str, message: &str) {
        self.log(|| tracing::warn!(path, reason, message, "file skipped"));
    }

    /// Writes to the log without running into the bar.
    fn log(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Files that are finished.
    #[must_use]
    pub fn done(&self) -> usize {
        self.work.done
    }

    /// Rows with warnings.
    #[must_use]
    pub fn warned(&self) -> usize {
        self.work.warned
    }

    /// Files that this run worked on.
    #[must_use]
    pub fn worked_on(&self) -> usize {
        self.work.worked
    }

    /// Removes the bar and says how it went.
    pub fn end(self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.line(message);
    }

    fn line(&self, message: &str) {
        let Work { done, failed, warned, audio_seconds, .. } = self.work;
        let elapsed = self.started.elapsed();
        let speed = self.work.speed(self.total, elapsed);
        tracing::info!(
            done,
            total = self.total,
            failed,
            warned,
            audio_hours = audio_seconds / 3600.0,
            files_per_second = speed.map(|speed| speed.files_per_second),
            audio_hours_per_hour = speed.map(|speed| speed.audio_hours_per_hour),
            eta_seconds = speed.map(|speed| speed.eta.as_secs()),
            "{message}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_of_this_run_and_time_left_of_all_files() {
        let work = Work { done: 70, worked: 20, failed: 1, warned: 2, audio_seconds: 7200.0 };
        let speed = work.speed(100, Duration::from_secs(10)).expect("files were worked on");
        let expected = Speed {
            files_per_second: 2.0,
            audio_hours_per_hour: 720.0,
            eta: Duration::from_secs(15),
        };
        assert_eq!(speed, expected);
        assert_eq!(
            work.message(100, Duration::from_secs(10)),
            "2.0 files/s, 720 h audio/h, ETA 15s, 1 failed, 2 with warnings"
        );
        assert_eq!(Work { worked: 0, ..work }.speed(100, Duration::from_secs(10)), None);
    }
}
