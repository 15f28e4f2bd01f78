//! How far a server is before it is ready, as `/readyz` tells it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// What a server waits for, and whether it is ready. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Startup(Arc<State>);

#[derive(Debug, Default)]
struct State {
    ready: AtomicBool,
    waits_for: Mutex<String>,
}

impl Startup {
    /// Says what the server waits for now, and how far that is.
    pub fn waits_for(&self, what: impl Into<String>) {
        *self.0.waits_for.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        if ready {
            self.waits_for("");
        }
        self.0.ready.store(ready, Ordering::Relaxed);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Relaxed)
    }

    /// The body of `/readyz`.
    pub(crate) fn text(&self) -> String {
        if self.is_ready() {
            return "ready\n".to_owned();
        }
        let waits_for = self.0.waits_for.lock().unwrap_or_else(PoisonError::into_inner);
        match waits_for.as_str() {
            "" => "not ready\n".to_owned(),
            what => format!("not ready: {what}\n"),
        }
    }
}
