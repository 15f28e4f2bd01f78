//! A job as a worker is handed it.

use std::any::Any;

/// What a worker is handed. Its answer is given once it no longer counts as running: whoever has it may
/// ask for the worker again.
pub(super) struct Job(Box<dyn FnOnce() -> Answer + Send>);

pub(super) type Answer = Box<dyn FnOnce() + Send>;

impl Job {
    pub(super) fn new<A>(run: impl FnOnce() -> A + Send + 'static) -> Self
    where
        A: FnOnce() + Send + 'static,
    {
        Self(Box::new(move || Box::new(run())))
    }

    pub(super) fn run(self) -> Answer {
        (self.0)()
    }
}

/// The text of a panic's payload, where it has one.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
