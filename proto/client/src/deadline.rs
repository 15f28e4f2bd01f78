//! When nobody waits for the answer any more. Every call has one.

use std::time::Duration;

use tokio::time::Instant;

/// Longest time a call may have: what is longer is not a call but a leak.
const MAX: Duration = Duration::from_secs(24 * 3600);

/// The moment a call must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline this far from now; at most a day.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time.min(MAX))
    }

    /// Time left; zero when it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub(crate) fn instant(self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_finite_and_passes() {
        assert!(Deadline::after(Duration::MAX).left() <= MAX);
        assert_eq!(Deadline::after(Duration::ZERO).left(), Duration::ZERO);
    }
}
