//! Whether anybody still waits for an answer: long work asks now and then, and ends when not.

use std::fmt;

use crate::error::Error;

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
    #[must_use]
    pub fn is_stopped(self) -> bool {
        (self.0)()
    }

    /// Goes on, or ends with [`Error::Stopped`].
    ///
    /// # Errors
    /// When nobody waits any more.
    pub fn check(self) -> Result<(), Error> {
        if self.is_stopped() { Err(Error::Stopped) } else { Ok(()) }
    }
}

impl fmt::Debug for Stop<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Stop")
    }
}
