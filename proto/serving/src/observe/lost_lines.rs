//! How many log lines were lost because nobody read standard error.

use std::sync::OnceLock;

use tracing_appender::non_blocking::ErrorCounter;

/// The count of the log's writer, once lines are written behind.
static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// From now on the lines are those that this writer lost. A process has one subscriber, and so one
/// writer: a second is not taken.
pub(crate) fn count_by(counter: ErrorCounter) {
    let _ = LOST.set(counter);
}

/// Lines that were lost until now.
pub(crate) fn count() -> u64 {
    LOST.get().map_or(0, |lost| lost.dropped_lines() as u64)
}
