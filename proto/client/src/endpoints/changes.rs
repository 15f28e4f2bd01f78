//! What those who keep endpoints tell to those who wait for one.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

/// How the keepers of endpoints make themselves heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// An endpoint is ready, or no longer.
    pub(crate) readiness: watch::Sender<u64>,
    /// Somebody wants the name to be looked up.
    pub(crate) look_up: Arc<Notify>,
}

impl Changes {
    pub(crate) fn announce(&self) {
        self.readiness.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn look_up(&self) {
        self.look_up.notify_one();
    }
}
