//! Whether anybody still waits for an answer: long work asks now and then, and ends when not.

use std::fmt;

use thiserror::Error;

/// Nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("stopped: nobody waits for the answer any more")]
pub struct Stopped;

/// A question that long work asks now and then. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Stop<'a>(&'a (dyn Fn() -> bool + Sync));

impl<'a> Stop<'a> {
    /// Stops when `is_stopped` says so.
    pub fn when(is_stopped: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self(is_stopped)
    }

    /// Goes on to the end.
    #[must_use]
    pub fn never() -> Self {
        Self(&|| false)
    }

    /// Whether nobody waits any more.
    #[inline]
    #[must_use]
    pub fn is_stopped(self) -> bool {
        (self.0)()
    }

    /// Goes on, or ends with [`Stopped`].
    ///
    /// # Errors
    /// When nobody waits any more.
    pub fn check(self) -> Result<(), Stopped> {
        if self.is_stopped() { Err(Stopped) } else { Ok(()) }
    }
}

impl fmt::Debug for Stop<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Stop")
    }
}
