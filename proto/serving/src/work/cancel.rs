//! Whether anybody still waits for a job.

use tokio_util::sync::CancellationToken;

/// Tells a job that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub struct Cancel(CancellationToken);

impl Cancel {
    /// Whether the job should stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns once nobody waits for the job.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }

    /// Asks the job to stop.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}
