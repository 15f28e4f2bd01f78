//! CPU work off the async threads: a fixed number of workers and a bounded, fair queue.
//!
//! A call that is dropped (deadline passed, caller gone) cancels its job: a job that still waits
//! gives its place back and never starts, one that runs sees [`Cancel::is_cancelled`] and stops.
//! Who calls, and until when, comes with the task ([`CallContext`](crate::CallContext)): peers take turns, and a call
//! that would wait past its deadline is refused at once instead.
//!
//! Work that pauses ([`CpuPool::run_in_turns`]) goes on before other work begins, and is refused only
//! where its deadline would pass: what it has cost already would be lost.
//!
//! The queue is for bursts. Where jobs have waited without a break for a while and more is asked for than
//! the workers can do, waiting makes every answer late and no more of them, so then one job for each
//! worker may wait and others are refused, until less is asked for: goodput stays, and an answer takes
//! about twice its own time.

mod cancel;
mod job;
mod load;
pub(crate) mod pool;
mod queue;
mod turn;

pub use self::{
    cancel::Cancel,
    pool::{CpuPool, PoolError},
    turn::Turn,
};
