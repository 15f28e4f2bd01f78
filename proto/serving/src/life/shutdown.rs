//! Process signals: SIGTERM (Kubernetes sends it) and SIGINT (Ctrl-C). The first begins the drain,
//! the second ends at once.

use std::io;

use tokio::sync::watch;

/// Counts the termination signals of this process.
#[derive(Clone, Debug)]
pub struct Signals {
    seen: watch::Receiver<u32>,
}

impl Signals {
    /// Starts to listen; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the operating system refuses the handler.
    pub fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let (sender, seen) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = term.recv() => tracing::info!(signal = "SIGTERM", "signal received"),
                    _ = int.recv() => tracing::info!(signal = "SIGINT", "signal received"),
                }
                sender.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { seen })
    }

    /// Resolves when `count` signals have come since [`Signals::install`].
    pub async fn nth(mut self, count: u32) {
        if self.seen.wait_for(|seen| *seen >= count).await.is_err() {
            // The listening task lives as long as the runtime; without it no signal can come.
            std::future::pending::<()>().await;
        }
    }
}
