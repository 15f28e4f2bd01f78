//! The workers: a fixed number of threads, and the line before them.

use std::{
    cell::Cell,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use thiserror::Error;
use tokio::{sync::oneshot, time};

use super::{
    cancel::Cancel,
    job::{Job, panic_text},
    queue::{Ask, Queue, Ticket},
};
use crate::{
    call::{context::CallContext, peer::PeerKey},
    observe::metrics::{MetricError, Registry, WorkerMetrics},
};

/// Wait for a worker, unless told otherwise.
const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(30);
/// Bounds of the advice when to try again.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

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
        /// When a place may be free.
        retry_after: Duration,
    },
    /// No worker is free soon enough for this call.
    #[error("no worker is free within {} ms", .allowed.as_millis())]
    Late {
        /// What the deadline and the limit on waiting allow.
        allowed: Duration,
        /// When a worker may be free.
        retry_after: Duration,
    },
    /// The call's deadline had passed before the job was queued.
    #[error("the deadline passed before the work began")]
    Expired,
    /// The job panicked; the pool is unharmed.
    #[error("the job panicked")]
    Panicked,
}

/// Fixed worker threads with a bounded queue. Clones share both.
#[derive(Clone, Debug)]
pub struct CpuPool {
    threads: Arc<rayon::ThreadPool>,
    line: Arc<Line>,
    pub(super) name: &'static str,
    max_wait: Duration,
    overload_after: Duration,
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
        let line =
            Line { queue: Mutex::new(Queue::new(workers)), workers, max_queue, metrics: None };
        let (threads, line) = (Arc::new(threads), Arc::new(line));
        let overload_after = Duration::MAX;
        Ok(Self { threads, line, name, max_wait: DEFAULT_MAX_WAIT, overload_after })
    }

    /// The same pool, where no job waits longer than `max_wait`.
    #[must_use]
    pub fn with_max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait, ..self }
    }

    /// The same pool, which lets only one new job wait for each worker once jobs have had to wait for
    /// `overload_after` without a break, as long as more is asked for than the workers can do.
    #[must_use]
    pub fn with_overload_after(self, overload_after: Duration) -> Self {
        Self { overload_after, ..self }
    }

    /// The same pool with an empty queue, which shows its length and times in `registry`. To be
    /// called before the pool is used.
    ///
    /// # Errors
    /// When a pool of this name is in there already.
    pub fn with_metrics(mut self, registry: &Registry) -> Result<Self, MetricError> {
        let metrics = Some(WorkerMetrics::new(registry, self.name, self.line.workers)?);
        let Line { workers, max_queue, .. } = *self.line;
        self.line =
            Arc::new(Line { queue: Mutex::new(Queue::new(workers)), workers, max_queue, metrics });
        Ok(self)
    }

    /// Longest wait of a job for a worker.
    #[must_use]
    pub fn max_wait(&self) -> Duration {
        self.max_wait
    }

    /// Number of worker threads.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.line.workers
    }

    /// Runs `job` on a worker: first come first served within a peer, peers in turn. Dropping the
    /// future cancels the job.
    ///
    /// # Errors
    /// At once: [`PoolError::Full`] when there is no place or none while overloaded, [`PoolError::Late`] and
    /// [`PoolError::Expired`] when the call cannot wait that long. Later: [`PoolError::Full`] when
    /// the place went to a peer with fewer jobs in line, [`PoolError::Late`] when the queue moved
    /// slower than expected, [`PoolError::Panicked`] when the job panicked.
    pub async fn run<T, F>(&self, job: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce(&Cancel) -> T + Send + 'static,
    {
        self.run_as(Ask::New, job).await
    }

    /// As [`Self::run`], for the next part of work that comes in parts: it takes its turn like any other, but
    /// what is done already is not thrown away because others have come meanwhile.
    ///
    /// # Errors
    /// As [`Self::run`], but never [`PoolError::Full`].
    pub async fn run_next<T, F>(&self, job: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce(&Cancel) -> T + Send + 'static,
    {
        self.run_as(Ask::Next, job).await
    }

    pub(super) async fn run_as<T, F>(&self, ask: Ask, job: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce(&Cancel) -> T + Send + 'static,
    {
        let now = Instant::now();
        let call = CallContext::current();
        let peer = call.as_ref().map_or(PeerKey::Local, |call| call.peer.key());
        let until_deadline = call
            .and_then(|call| call.deadline)
            .map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(now));
        let allowed = self.max_wait.min(until_deadline);
        if allowed.is_zero() {
            return Err(PoolError::Expired);
        }

        let cancel = Cancel::default();
        let (start, mut started) = oneshot::channel();
        let (sender, outcome) = oneshot::channel();
        let job = {
            let (cancel, span) = (cancel.clone(), tracing::Span::current());
            Job::new(move || {
                // The caller may have left; then nobody reads these.
                let _ = start.send(());
                let result = span.in_scope(|| catch_unwind(AssertUnwindSafe(|| job(&cancel))));
                if let Err(panic) = &result {
                    tracing::error!(panic = panic_text(panic.as_ref()), "job panicked");
                }
                move || drop(sender.send(result))
            })
        };
        let ticket = self.line.join(ask, peer, job, allowed, (now, self.overload_after))?;
        let place = Place { line: &self.line, ticket, cancel };
        let line = Arc::clone(&self.line);
        self.threads.spawn_fifo(move || line.serve_next());

        if time::timeout(allowed, &mut started).await.is_err() && place.leave() {
            return Err(PoolError::Late { allowed, retry_after: self.line.retry_after() });
        }
        match outcome.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(PoolError::Panicked),
            // Dropped unrun: a lighter peer got the place.
            Err(_) => Err(self.line.full(self.line.max_queue)),
        }
    }
}

thread_local! {
    /// Since when this worker has had nothing to do.
    static FREE_SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The queue and those who serve it.
struct Line {
    queue: Mutex<Queue>,
    workers: usize,
    max_queue: usize,
    metrics: Option<WorkerMetrics>,
}

impl Line {
    /// Joins the queue, or says why that is of no use.
    fn join(
        &self,
        ask: Ask,
        peer: PeerKey,
        job: Job,
        allowed: Duration,
        (now, patience): (Instant, Duration),
    ) -> Result<Ticket, PoolError> {
        let mut queue = self.lock();
        let overloaded = queue.is_overloaded(now, patience);
        let expected = queue.expected_wait(ask, &peer);
        if expected > allowed {
            return Err(PoolError::Late { allowed, retry_after: advice(expected) });
        }
        // Those that have begun are as many as their callers let begin.
        if ask == Ask::New {
            let max_queue =
                if overloaded { self.max_queue.min(self.workers) } else { self.max_queue };
            let full = queue.length() + queue.running() >= self.workers.saturating_add(max_queue);
            if full && queue.displace(&peer).is_none() {
                drop(queue);
                return Err(self.full(max_queue));
            }
        }
        let ticket = queue.push(ask, peer, job, now);
        self.show(&mut queue, now);
        Ok(ticket)
    }

    /// Runs the job whose turn it is, if its caller has not left.
    fn serve_next(&self) {
        let popped = {
            let mut queue = self.lock();
            let now = Instant::now();
            let popped = queue.pop(now);
            self.show(&mut queue, now);
            popped
        };
        let Some((job, waited)) = popped else { return };
        let began = Instant::now();
        let answer = job.run();
        let ended = Instant::now();
        let ran = ended.duration_since(began);
        // A worker that a job waits for and that gets no processor is as good as busy with it.
        let idle =
            FREE_SINCE.replace(Some(ended)).map(|free| began.saturating_duration_since(free));
        let busy = ran + idle.map_or(waited, |idle| idle.min(waited));
        {
            let mut queue = self.lock();
            queue.finished(ran, busy);
            self.show(&mut queue, ended);
        }
        if let Some(metrics) = &self.metrics {
            metrics.waited(waited);
            metrics.ran(ran);
        }
        answer();
    }

    fn full(&self, max_queue: usize) -> PoolError {
        PoolError::Full { workers: self.workers, max_queue, retry_after: self.retry_after() }
    }

    fn retry_after(&self) -> Duration {
        advice(self.lock().expected_wait(Ask::New, &PeerKey::Local))
    }

    /// To be called after every change.
    fn show(&self, queue: &mut Queue, now: Instant) {
        queue.note(now);
        if let Some(metrics) = &self.metrics {
            metrics.queued.set(i64::try_from(queue.length()).unwrap_or(i64::MAX));
            metrics.busy.set(i64::try_from(queue.running()).unwrap_or(i64::MAX));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No job runs under the lock, so the queue is whole even after a panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Line")
            .field("workers", &self.workers)
            .field("max_queue", &self.max_queue)
            .finish_non_exhaustive()
    }
}

/// A call's place in the line; dropped, which is how a future is cancelled, it gives up both place
/// and job.
struct Place<'a> {
    line: &'a Line,
    ticket: Ticket,
    cancel: Cancel,
}

impl Place<'_> {
    /// Leaves the queue; false when the job is out of it already.
    fn leave(&self) -> bool {
        let withdrawn = {
            let mut queue = self.line.lock();
            let withdrawn = queue.withdraw(&self.ticket);
            self.line.show(&mut queue, Instant::now());
            withdrawn
        };
        withdrawn.is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.leave();
    }
}

fn advice(expected: Duration) -> Duration {
    expected.clamp(RETRY.0, RETRY.1)
}

#[cfg(test)]
mod tests;
