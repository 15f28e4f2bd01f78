//! Work that pauses: a job with a thread of its own, which computes only while a worker is its.
//!
//! A job that waits for its caller, say for the next part of an upload, must not keep a worker
//! from others. So the worker is only reserved: it stands still while the job's own thread
//! computes, and goes to the next in line while that thread waits. Queue, fairness, deadlines and
//! metrics are those of [`CpuPool::run`], once for every turn.

use std::{
    convert::Infallible,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError, mpsc},
};

use tokio::{runtime::Handle, sync::oneshot, task};

use super::{
    cancel::Cancel,
    job::panic_text,
    pool::{CpuPool, PoolError},
    queue::Ask,
};
use crate::call::context::{CURRENT, CallContext};

/// A job's right to a worker, which it can give back for a while.
pub struct Turn {
    pool: CpuPool,
    /// Of the job: who has left waits for no worker.
    cancel: Cancel,
    call: Option<CallContext>,
    runtime: Handle,
    worker: Mutex<Option<Reserved>>,
}

/// A worker that stands still.
struct Reserved {
    /// It goes on when this is dropped.
    hold: mpsc::Sender<Infallible>,
    /// Ends when it no longer counts as running.
    free: mpsc::Receiver<Infallible>,
}

impl Turn {
    /// Lets the worker go to others; to be called before the job waits for anything.
    pub fn give_back(&self) {
        drop(self.hold(None));
    }

    /// Waits for a worker again. Must not be called on an async thread.
    ///
    /// # Errors
    /// As [`CpuPool::run`], when there is no worker in time.
    pub fn take_again(&self) -> Result<(), PoolError> {
        match &self.call {
            Some(call) => self.runtime.block_on(CURRENT.scope(call.clone(), self.take(Ask::Begun))),
            None => self.runtime.block_on(self.take(Ask::Begun)),
        }
    }

    async fn take(&self, ask: Ask) -> Result<(), PoolError> {
        let (granted, grant) = oneshot::channel();
        let (hold, end) = mpsc::channel();
        let (until_free, free) = mpsc::channel();
        let reserve = self.pool.run_as(ask, move |_| {
            // Whoever asked may have left; then `hold` is gone too, and `recv` returns at once.
            let _ = granted.send(());
            let _ = end.recv();
            // Part of the answer, and dropped with it.
            until_free
        });
        tokio::select! {
            Ok(()) = grant => {
                drop(self.hold(Some(Reserved { hold, free })));
                Ok(())
            }
            refused = reserve => refused.map(|_: mpsc::Sender<Infallible>| ()),
            () = self.cancel.cancelled() => Err(PoolError::Expired),
        }
    }

    /// Takes another worker for its own, and returns the one it had.
    fn hold(&self, worker: Option<Reserved>) -> Option<Reserved> {
        // An exchange cannot leave it half done.
        mem::replace(&mut *self.worker.lock().unwrap_or_else(PoisonError::into_inner), worker)
    }
}

impl Drop for Turn {
    /// The end of the job: its answer is not given before its worker.
    fn drop(&mut self) {
        if let Some(Reserved { hold, free }) = self.hold(None) {
            drop(hold);
            let _ = free.recv();
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Turn").field("pool", &self.pool.name).finish_non_exhaustive()
    }
}

/// Cancels a job when the future that waits for it is dropped.
struct Interest(Cancel);

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl CpuPool {
    /// Runs `job`, which may pause, on a thread of its own once a worker is free for it. Dropping
    /// the future cancels the job.
    ///
    /// There are as many such threads as there are calls of this; the caller bounds them.
    ///
    /// # Errors
    /// As [`CpuPool::run`].
    pub async fn run_in_turns<T, F>(&self, job: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce(&Cancel, Turn) -> T + Send + 'static,
    {
        let cancel = Cancel::default();
        let turn = Turn {
            pool: self.clone(),
            cancel: cancel.clone(),
            call: CallContext::current(),
            runtime: Handle::current(),
            worker: Mutex::new(None),
        };
        turn.take(Ask::New).await?;
        let _interest = Interest(cancel.clone());
        let span = tracing::Span::current();
        let job = move || {
            let result = catch_unwind(AssertUnwindSafe(|| span.in_scope(|| job(&cancel, turn))));
            result.inspect_err(|panic| {
                tracing::error!(panic = panic_text(panic.as_ref()), "job panicked");
            })
        };
        match task::spawn_blocking(job).await {
            Ok(Ok(value)) => Ok(value),
            // The second: the runtime is going down.
            Ok(Err(_)) | Err(_) => Err(PoolError::Panicked),
        }
    }
}
