//! Whether a connection carries a call, and for how long it has carried none.

use std::time::Duration;

use tokio::{sync::watch, time};

/// The calls of one connection. Clones share the count.
#[derive(Clone, Debug)]
pub(crate) struct Use(watch::Sender<usize>);

/// A call that its connection carries until this is dropped.
#[derive(Debug)]
pub(crate) struct InUse(watch::Sender<usize>);

impl Use {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub(super) fn begin(&self) -> InUse {
        self.0.send_modify(|calls| *calls += 1);
        InUse(self.0.clone())
    }

    /// Returns once the connection has carried no call for `time`.
    pub(super) async fn unused_for(&self, time: Duration) {
        let mut calls = self.0.subscribe();
        loop {
            // The sender is this one: waiting cannot fail.
            let _ = calls.wait_for(|&calls| calls == 0).await;
            if time::timeout(time, calls.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_time_without_a_call_counts() {
        let (connection, start) = (Use::new(), time::Instant::now());
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
