//! How many files the operating system lets this process open, which bounds its connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are kept for everything but callers' connections.
const RESERVED: u64 = 128;

/// Raises the soft limit to the hard one, and returns how many connections fit below it; none is
/// without a limit.
pub(crate) fn room_for_connections() -> Option<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = if raised.is_ok() { maximum? } else { current? };
    usize::try_from(files.saturating_sub(RESERVED).max(1)).ok()
}
