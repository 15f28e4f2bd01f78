//! CPU work off the async threads: a fixed number of workers and a bounded queue.
//!
//! A call that is dropped (deadline passed, caller gone) cancels its job: a job that still waits
//! never starts, one that runs sees [`Cancel::is_cancelled`] and stops.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use thiserror::Error;
use tokio::sync::{Semaphore, oneshot};

/// Why a job gave no result.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// Every worker is busy and the queue is full.
    #[error("all {workers} workers are busy and {max_queue} jobs wait already")]
    Full {
        /// Number of workers.
        workers: usize,
        /// Most jobs that may wait.
        max_queue: usize,
    },
    /// The job panicked; the pool is unharmed.
    #[error("the job panicked")]
    Panicked,
}

/// Tells a job that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Whether the job should stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks the job to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Cancels when dropped, which is how a future is cancelled.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Fixed worker threads with a bounded queue.
#[derive(Clone, Debug)]
pub struct CpuPool {
    threads: Arc<rayon::ThreadPool>,
    places: Arc<Semaphore>,
    workers: usize,
    max_queue: usize,
}

impl CpuPool {
    /// Starts `workers` threads named `name-N`; up to `max_queue` more jobs may wait.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn new(
        name: &'static str,
        workers: usize,
        max_queue: usize,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let workers = workers.max(1);
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(move |worker| format!("{name}-{worker}"))
            .build()?;
        let places = Arc::new(Semaphore::new(workers.saturating_add(max_queue)));
        Ok(Self { threads: Arc::new(threads), places, workers, max_queue })
    }

    /// Number of worker threads.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Runs `job` on a worker, first come first served. Dropping the future cancels the job.
    ///
    /// # Errors
    /// [`PoolError::Full`] at once when there is no place; [`PoolError::Panicked`] when the job
    /// panicked.
    pub async fn run<T, F>(&self, job: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce(&Cancel) -> T + Send + 'static,
    {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| PoolError::Full { workers: self.workers, max_queue: self.max_queue })?;
        let cancel = Cancel::default();
        let guard = CancelOnDrop(cancel.clone());
        let (sender, receiver) = oneshot::channel();
        self.threads.spawn_fifo(move || {
            // The place is given back when the job ends, not when its caller leaves.
            let _place = place;
            if cancel.is_cancelled() {
                return;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| job(&cancel)));
            if let Err(panic) = &outcome {
                tracing::error!(panic = panic_text(panic.as_ref()), "job panicked");
            }
            // The caller may have left.
            let _ = sender.send(outcome);
        });
        let outcome = receiver.await;
        drop(guard);
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) | Err(_) => Err(PoolError::Panicked),
        }
    }
}

/// The text of a panic's payload, where it has one.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_full_pool_refuses_and_recovers() {
        let pool = CpuPool::new("test", 1, 0).expect("one thread");
        let (release, wait) = mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move |_| wait.recv().is_ok()).await }
        });
        while pool.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|_| ()).await, Err(PoolError::Full { workers: 1, max_queue: 0 }));
        release.send(()).expect("the job waits");
        assert_eq!(busy.await.expect("no panic"), Ok(true));
        while pool.places.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_ends_one_job_only() {
        let pool = CpuPool::new("test", 1, 4).expect("one thread");
        let outcome: Result<(), _> = pool.run(|_| panic!("on purpose")).await;
        assert_eq!(outcome, Err(PoolError::Panicked));
        assert_eq!(pool.run(|_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn dropping_the_call_cancels_the_job() {
        let pool = CpuPool::new("test", 1, 4).expect("one thread");
        let (sender, receiver) = mpsc::channel();
        let call = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(move |cancel| {
                    sender.send("started").expect("the test listens");
                    while !cancel.is_cancelled() {
                        std::hint::spin_loop();
                    }
                    sender.send("stopped").expect("the test listens");
                })
                .await
            }
        });
        let receiver = tokio::task::spawn_blocking(move || {
            assert_eq!(receiver.recv(), Ok("started"));
            receiver
        })
        .await
        .expect("the job starts");
        call.abort();
        let last = tokio::task::spawn_blocking(move || receiver.recv()).await;
        assert_eq!(last.expect("no panic"), Ok("stopped"));
    }
}
