//! The caller as an extraction sees it: who may leave, pauses between chunks, and has a share of
//! the memory.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serving::{Cancel, Turn};
use tokio::runtime::Handle;

use crate::{
    decode::{Pause, Stop},
    error::ExtractError,
    limits::Limits,
    pipeline::ExtractionContext,
    serve::{
        memory::{MemoryError, Reservation},
        status::CallError,
    },
};

/// Unread bytes of an upload from which on it is no longer read.
pub(crate) const MAX_UNREAD_BYTES: u64 = 1 << 20;

/// Memory of an extraction beside its samples and features: unread and half-read chunks, decoder,
/// filters, thread.
const FIXED_BYTES: u64 = 4 << 20;

/// Memory that an upload is admitted with: enough for 30 s.
pub(crate) const CLIP_BYTES: u64 = 8 << 20;

/// Memory of samples and features for each second of a recording.
const BYTES_PER_SECOND: u64 = 120_000;

/// Memory that the longest recording needs, where it is read as it comes.
pub(crate) fn need_of(limits: &Limits) -> u64 {
    FIXED_BYTES + 2 * MAX_UNREAD_BYTES + limits.max_audio.as_secs() * BYTES_PER_SECOND
}

/// What an upload and its extraction take of the memory.
#[derive(Debug)]
pub(crate) struct Account {
    reservation: Reservation,
    patience: Duration,
    /// Bytes of samples and features.
    analysis: AtomicU64,
    /// Bytes of chunks that are kept.
    chunks: AtomicU64,
}

impl Account {
    pub(crate) fn new(reservation: Reservation, patience: Duration) -> Self {
        Self { reservation, patience, analysis: AtomicU64::new(0), chunks: AtomicU64::new(0) }
    }

    /// The upload is about to keep `bytes` of chunks.
    pub(crate) async fn holds(&self, bytes: u64) -> Result<(), MemoryError> {
        self.chunks.store(bytes, Ordering::Relaxed);
        self.reservation.grow_to(self.total(), self.patience).await
    }

    fn total(&self) -> u64 {
        let chunks = self.chunks.load(Ordering::Relaxed).saturating_sub(2 * MAX_UNREAD_BYTES);
        FIXED_BYTES + chunks + self.analysis.load(Ordering::Relaxed)
    }
}

/// The caller of one extraction.
#[derive(Debug)]
pub(crate) struct Caller {
    cancel: Cancel,
    turn: Turn,
    account: Arc<Account>,
    runtime: Handle,
    /// Nanoseconds for which the work stood still.
    waited: AtomicU64,
    /// Why the extraction cannot go on, where that is nothing the pipeline knows of.
    refusal: Mutex<Option<CallError>>,
}

impl Caller {
    /// To be called on a thread of the runtime.
    pub(crate) fn new(cancel: Cancel, turn: Turn, account: Arc<Account>) -> Self {
        Self {
            cancel,
            turn,
            account,
            runtime: Handle::current(),
            waited: AtomicU64::new(0),
            refusal: Mutex::new(None),
        }
    }

    /// Work stood still since `start`.
    fn stood_still(&self, start: Instant) {
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.waited.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Why the extraction was stopped from outside, if it was.
    pub(crate) fn refusal(&self) -> Option<CallError> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn refuse(&self, why: impl Into<CallError>) -> ExtractError {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why.into());
        ExtractError::Cancelled
    }
}

impl ExtractionContext for Caller {
    fn stop(&self) -> Stop {
        let cancel = self.cancel.clone();
        Arc::new(move || cancel.is_cancelled())
    }

    fn allow(&self, bytes: usize) -> Result<(), ExtractError> {
        self.account.analysis.store(bytes as u64, Ordering::Relaxed);
        let total = self.account.total();
        if self.account.reservation.try_grow_to(total) {
            return Ok(());
        }
        let start = Instant::now();
        self.turn.give_back();
        let grown = self.runtime.block_on(async {
            tokio::select! {
                grown = self.account.reservation.grow_to(total, self.account.patience) => Some(grown),
                () = self.cancel.cancelled() => None,
            }
        });
        // Nobody waits for the answer: what the upload holds is free at once.
        grown.ok_or(ExtractError::Cancelled)?.map_err(|error| self.refuse(error))?;
        let taken = self.turn.take_again().map_err(|error| self.refuse(error));
        self.stood_still(start);
        taken
    }

    fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }
}

/// Between chunks the worker is others'.
#[derive(Debug)]
pub(crate) struct CallerPause {
    caller: Arc<Caller>,
    start: Mutex<Instant>,
}

impl CallerPause {
    pub(crate) fn new(caller: Arc<Caller>) -> Self {
        Self { caller, start: Mutex::new(Instant::now()) }
    }

    fn start(&self) -> MutexGuard<'_, Instant> {
        self.start.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pause for CallerPause {
    fn begin(&self) {
        *self.start() = Instant::now();
        self.caller.turn.give_back();
    }

    fn end(&self) -> Result<(), ExtractError> {
        let taken = self.caller.turn.take_again().map_err(|error| self.caller.refuse(error));
        self.caller.stood_still(*self.start());
        taken
    }
}
