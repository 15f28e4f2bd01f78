//! Pauses that grow and are drawn at random, so that many who failed together do not come back
//! together.

use std::time::Duration;

/// Pauses between one client's tries of one thing.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, failures: 0 }
    }

    /// The next pause: anything up to a limit that doubles from `first` to `max`.
    pub(crate) fn next(&mut self) -> Duration {
        let limit = self.limit();
        self.failures = self.failures.saturating_add(1);
        limit.mul_f64(rand::random_range(0.0..=1.0))
    }

    /// After a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    fn limit(&self) -> Duration {
        self.first.saturating_mul(1 << self.failures.min(20)).min(self.max)
    }
}

/// A server's advice, up to a fifth later.
pub(crate) fn later(advice: Duration) -> Duration {
    advice
        .saturating_add(advice.min(Duration::from_secs(60)).mul_f64(rand::random_range(0.0..=0.2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most_and_begin_again() {
        let mut pauses = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let mut limits = Vec::new();
        for _ in 0..4 {
            let limit = pauses.limit();
            limits.push(limit.as_millis());
            assert!(pauses.next() <= limit);
        }
        assert_eq!(limits, [100, 200, 350, 350]);
        pauses.reset();
        assert_eq!(pauses.limit().as_millis(), 100);
    }

    #[test]
    fn pauses_differ() {
        let draw = || Backoff::new(Duration::from_secs(1), Duration::from_secs(1)).next();
        let (least, most) = (0..100)
            .map(|_| draw())
            .fold((Duration::MAX, Duration::ZERO), |(least, most), pause| {
                (least.min(pause), most.max(pause))
            });
        assert!(least < Duration::from_millis(200) && most > Duration::from_millis(800));
    }

    #[test]
    fn advice_is_never_undercut() {
        let advice = Duration::from_millis(500);
        assert!((0..100).all(|_| (advice..=advice.mul_f64(1.2)).contains(&later(advice))));
        assert_eq!(later(Duration::MAX), Duration::MAX);
    }
}
