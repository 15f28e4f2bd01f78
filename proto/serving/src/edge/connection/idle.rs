//! Whether a connection carries a call, and for how long it has carried none.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{self, Instant};

/// The calls of one connection. Clones share the count.
#[derive(Clone, Debug)]
pub(crate) struct Use(Arc<Calls>);

/// A call that its connection carries until this is dropped.
#[derive(Debug)]
pub(crate) struct InUse(Arc<Calls>);

/// Numbers alone: a call wakes nobody by beginning or ending.
#[derive(Debug)]
struct Calls {
    running: AtomicUsize,
    opened: Instant,
    /// When the last one ended, in nanoseconds after the opening.
    last_end: AtomicU64,
}

impl Use {
    pub(super) fn new() -> Self {
        Self(Arc::new(Calls {
            running: AtomicUsize::new(0),
            opened: Instant::now(),
            last_end: AtomicU64::new(0),
        }))
    }

    pub(super) fn begin(&self) -> InUse {
        self.0.running.fetch_add(1, Ordering::AcqRel);
        InUse(Arc::clone(&self.0))
    }

    /// Returns once the connection has carried no call for `time`.
    pub(super) async fn unused_for(&self, time: Duration) {
        loop {
            // A call that runs now ends later, so that `time` after now is not too late to look again.
            let left = match self.0.running.load(Ordering::Acquire) {
                0 => time.saturating_sub(self.0.unused()),
                _ => time,
            };
            if left.is_zero() {
                return;
            }
            time::sleep(left).await;
        }
    }
}

impl Calls {
    /// Time since the last call ended.
    fn unused(&self) -> Duration {
        let last_end = Duration::from_nanos(self.last_end.load(Ordering::Acquire));
        self.opened.elapsed().saturating_sub(last_end)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.opened.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.last_end.store(now, Ordering::Release);
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_time_without_a_call_counts() {
        let (connection, start) = (Use::new(), Instant::now());
        let call = connection.begin();
        let short = connection.clone();
        tokio::spawn(async move {
            time::sleep(Duration::from_secs(50)).await;
            drop(call);
            time::sleep(Duration::from_secs(9)).await;
            // A call that ends at once counts as well.
            drop(short.begin());
        });
        connection.unused_for(Duration::from_secs(10)).await;
        assert_eq!(start.elapsed().as_secs(), 69);
    }
}
