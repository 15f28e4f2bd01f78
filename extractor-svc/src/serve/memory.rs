//! Memory of the uploads in flight: a budget in bytes, of which each upload reserves a part before its
//! first byte is read, and more as it grows.
//!
//! Three rules decide who gets memory:
//! 1. Uploads wait in the order in which they began, and none begins while one that has begun waits.
//! 2. A reserve, enough for the longest recording that is read as it comes, is for the oldest upload
//!    alone. So the oldest comes to its end, and frees what the others wait for.
//! 3. Recordings that are collected whole may need more than the reserve. Where every upload waits
//!    for another, the youngest gives way.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serving::metrics::IntGauge;
use thiserror::Error;
use tokio::{sync::oneshot, time};

/// What a reservation grows by, where that much is free.
const STEP: u64 = 4 << 20;

/// Why an upload gets no memory.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MemoryError {
    /// Others have it, and none gave enough back in time.
    #[error("no {bytes} bytes became free of the {budget} bytes for uploads in flight")]
    Taken {
        /// Bytes that were asked for.
        bytes: u64,
        /// The whole budget.
        budget: u64,
    },
    /// It needs more than there is.
    #[error("the recording needs {bytes} bytes of memory, expected at most {budget}")]
    TooMuch {
        /// Bytes that were asked for.
        bytes: u64,
        /// The whole budget.
        budget: u64,
    },
}

/// The budget. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    state: Arc<Mutex<State>>,
    budget: u64,
}

#[derive(Debug, Default)]
struct State {
    budget: u64,
    reserve: u64,
    next: u64,
    /// Bytes of each upload in flight, the oldest first.
    held: BTreeMap<Upload, u64>,
    waiting: BTreeMap<Ticket, Wait>,
    gauge: Option<IntGauge>,
}

/// An upload, by the order in which they asked to begin.
type Upload = u64;

/// A place among those who wait: uploads that have begun come before those that have not, and older ones
/// before younger ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    is_new: bool,
    upload: Upload,
    number: u64,
}

#[derive(Debug)]
struct Wait {
    bytes: u64,
    answer: oneshot::Sender<Result<(), MemoryError>>,
}

impl State {
    fn used(&self) -> u64 {
        self.held.values().sum()
    }

    /// Whether `upload` may hold `bytes` in all.
    fn fits(&self, upload: Upload, bytes: u64) -> bool {
        let others = self.used() - self.held.get(&upload).copied().unwrap_or(0);
        match self.held.first_key_value() {
            Some((&oldest, &held)) if oldest < upload => {
                // The rest of the reserve is not to be had.
                let kept = self.reserve.saturating_sub(held);
                others + bytes + kept <= self.budget
            }
            _ => others + bytes <= self.budget,
        }
    }

    /// Whether somebody waits who comes before `upload`, which has begun.
    fn is_before(&self, upload: Upload) -> bool {
        let first = self.waiting.first_key_value();
        first.is_some_and(|(ticket, _)| !ticket.is_new && ticket.upload < upload)
    }

    fn hold(&mut self, upload: Upload, bytes: u64) {
        let held = self.held.entry(upload).or_default();
        *held = bytes.max(*held);
    }

    /// Gives what there is to those who wait, in their order.
    fn settle(&mut self) {
        while let Some((&ticket, wait)) = self.waiting.first_key_value() {
            let bytes = wait.bytes;
            let outcome = if self.fits(ticket.upload, bytes) {
                self.hold(ticket.upload, bytes);
                Some((ticket, Ok(())))
            } else {
                self.deadlocked().map(|youngest| {
                    let bytes = self.waiting.get(&youngest).map_or(0, |wait| wait.bytes);
                    (youngest, Err(MemoryError::Taken { bytes, budget: self.budget }))
                })
            };
            let Some((ticket, answer)) = outcome else { break };
            let granted = answer.is_ok();
            let told =
                self.waiting.remove(&ticket).is_some_and(|wait| wait.answer.send(answer).is_ok());
            if granted && !told && ticket.is_new {
                self.held.remove(&ticket.upload);
            }
        }
        if let Some(gauge) = &self.gauge {
            gauge.set(self.used().cast_signed());
        }
    }

    /// The youngest of the uploads in flight, if all of them wait and so none will free anything.
    fn deadlocked(&self) -> Option<Ticket> {
        let waits = |upload: &Upload| {
            let tickets = Ticket { is_new: false, upload: *upload, number: 0 }..;
            self.waiting
                .range(tickets)
                .next()
                .map(|(ticket, _)| *ticket)
                .filter(|ticket| !ticket.is_new && ticket.upload == *upload)
        };
        let tickets: Option<Vec<Ticket>> = self.held.keys().map(waits).collect();
        // One that waits alone has all the budget.
        tickets.filter(|tickets| tickets.len() > 1)?.last().copied()
    }
}

impl MemoryBudget {
    /// A budget of `bytes`, of which `reserve` bytes, but at most half, are for the oldest upload.
    #[must_use]
    pub fn new(bytes: u64, reserve: u64) -> Self {
        let state = State { budget: bytes, reserve: reserve.min(bytes / 2), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), budget: bytes }
    }

    /// The same budget, whose used bytes are shown in `gauge`.
    #[must_use]
    pub fn shown_in(self, gauge: IntGauge) -> Self {
        self.state().gauge = Some(gauge);
        self
    }

    /// Bytes that uploads hold.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        self.state().used()
    }

    /// Lets an upload begin with `bytes`, as soon as that much is free and its turn has come; waits for
    /// `patience` at most.
    ///
    /// # Errors
    /// [`MemoryError`] when there is not enough in time.
    pub async fn admit(&self, bytes: u64, patience: Duration) -> Result<Reservation, MemoryError> {
        let waiting = {
            let mut state = self.state();
            let upload = state.next;
            state.next += 1;
            self.wait(&mut state, upload, true, bytes)?
        };
        let upload = waiting.ticket.upload;
        waiting.granted(patience).await?;
        Ok(Reservation { budget: self.clone(), upload })
    }

    /// Puts a request among those that wait, and answers it at once where that is possible.
    fn wait(
        &self,
        state: &mut State,
        upload: Upload,
        is_new: bool,
        bytes: u64,
    ) -> Result<Waiting, MemoryError> {
        let budget = self.budget;
        if bytes > budget {
            return Err(MemoryError::TooMuch { bytes, budget });
        }
        let (answer, answered) = oneshot::channel();
        let ticket = Ticket { is_new, upload, number: state.next };
        state.next += 1;
        state.waiting.insert(ticket, Wait { bytes, answer });
        state.settle();
        Ok(Waiting { budget: self.clone(), ticket, bytes, answered, is_taken: false })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that may wait; dropped, it is withdrawn.
struct Waiting {
    budget: MemoryBudget,
    ticket: Ticket,
    bytes: u64,
    answered: oneshot::Receiver<Result<(), MemoryError>>,
    is_taken: bool,
}

impl Waiting {
    async fn granted(mut self, patience: Duration) -> Result<(), MemoryError> {
        let taken = MemoryError::Taken { bytes: self.bytes, budget: self.budget.budget };
        match time::timeout(patience, &mut self.answered).await {
            Ok(Ok(answer)) => {
                self.is_taken = answer.is_ok();
                answer
            }
            // The sender is answered before it is dropped.
            Ok(Err(_)) | Err(_) => Err(taken),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_taken {
            return;
        }
        let mut state = self.budget.state();
        let was_answered = state.waiting.remove(&self.ticket).is_none();
        if was_answered && self.ticket.is_new {
            // Granted to nobody, or refused, and then there is nothing to remove.
            state.held.remove(&self.ticket.upload);
        }
        state.settle();
    }
}

/// What one upload holds; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: MemoryBudget,
    upload: Upload,
}

impl Reservation {
    /// Whether the upload holds `bytes` already, or can without waiting.
    pub fn try_grow_to(&self, bytes: u64) -> bool {
        let mut state = self.budget.state();
        let held = state.held.get(&self.upload).copied().unwrap_or(0);
        if bytes <= held {
            return true;
        }
        let fitting = [bytes.max(held + STEP), bytes]
            .into_iter()
            .find(|&bytes| state.fits(self.upload, bytes) && !state.is_before(self.upload));
        if let Some(bytes) = fitting {
            state.hold(self.upload, bytes);
            state.settle();
        }
        fitting.is_some()
    }

    /// Makes the reservation `bytes` at least; waits for `patience` at most.
    ///
    /// # Errors
    /// [`MemoryError`] when there is not enough in time, or every upload waits like this.
    pub async fn grow_to(&self, bytes: u64, patience: Duration) -> Result<(), MemoryError> {
        if self.try_grow_to(bytes) {
            return Ok(());
        }
        let waiting = {
            let mut state = self.budget.state();
            self.budget.wait(&mut state, self.upload, false, bytes)?
        };
        waiting.granted(patience).await
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.held.remove(&self.upload);
        state.settle();
    }
}

#[cfg(test)]
mod tests;
