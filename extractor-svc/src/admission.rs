//! Memory of the recordings in flight: a budget in bytes, of which each takes a share before its
//! first byte is read, and more as it grows.
//!
//! A recording that does not fit waits for others to end. Recordings that all wait to grow would
//! wait for each other, so the one that would complete such a circle is refused; its share then
//! lets the others go on.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serving::metrics::IntGauge;
use thiserror::Error;
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time,
};

/// What is counted: a share is a whole number of these bytes.
const UNIT: u64 = 64 << 10;

/// What a share grows by, where that much is free.
const STEP: u64 = 4 << 20;

/// Why a recording gets no memory.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MemoryError {
    /// Others have it, and none gave enough back in time.
    #[error("no {bytes} bytes became free of the {budget} bytes for recordings in flight")]
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
pub struct Memory {
    free: Arc<Semaphore>,
    crowd: Arc<Mutex<Crowd>>,
    budget: u64,
    shown: Option<IntGauge>,
}

/// Who is in flight.
#[derive(Debug, Default)]
struct Crowd {
    shares: usize,
    /// Of these, those that wait to grow.
    waiting: usize,
}

impl Memory {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX);
        Self {
            free: Arc::new(Semaphore::new(units as usize)),
            crowd: Arc::default(),
            budget: u64::from(units) * UNIT,
            shown: None,
        }
    }

    /// The same budget, unused, whose used bytes are shown in `gauge`.
    #[must_use]
    pub fn shown_in(self, gauge: IntGauge) -> Self {
        Self { shown: Some(gauge), ..self }
    }

    /// Bytes that shares have.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        self.budget - self.free.available_permits() as u64 * UNIT
    }

    /// A share of `bytes`, as soon as that much is free; waits for `patience` at most.
    ///
    /// # Errors
    /// [`MemoryError`] when there is not enough in time.
    pub async fn admit(&self, bytes: u64, patience: Duration) -> Result<Share, MemoryError> {
        let permit = self.acquire(self.units(bytes)?, bytes, patience).await?;
        self.crowd().shares += 1;
        self.show(permit.num_permits(), 1);
        Ok(Share { memory: self.clone(), permit: Mutex::new(permit) })
    }

    fn show(&self, units: usize, sign: i64) {
        if let Some(gauge) = &self.shown {
            gauge.add(sign * (units as u64 * UNIT).cast_signed());
        }
    }

    async fn acquire(
        &self,
        units: u32,
        bytes: u64,
        patience: Duration,
    ) -> Result<OwnedSemaphorePermit, MemoryError> {
        let acquired = Arc::clone(&self.free).acquire_many_owned(units);
        match time::timeout(patience, acquired).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed.
            Ok(Err(AcquireError { .. })) | Err(_) => {
                Err(MemoryError::Taken { bytes, budget: self.budget })
            }
        }
    }

    fn units(&self, bytes: u64) -> Result<u32, MemoryError> {
        let too_much = MemoryError::TooMuch { bytes, budget: self.budget };
        if bytes > self.budget {
            return Err(too_much);
        }
        u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| too_much)
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        // Two counters that are changed one at a time.
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one recording has; given back when dropped.
#[derive(Debug)]
pub struct Share {
    memory: Memory,
    permit: Mutex<OwnedSemaphorePermit>,
}

impl Share {
    /// Whether the share is `bytes` already, or can be without waiting.
    pub fn try_grow_to(&self, bytes: u64) -> bool {
        let held = self.held();
        if bytes <= held {
            return true;
        }
        [STEP.max(bytes - held), bytes - held].into_iter().any(|more| {
            let Ok(units) = self.memory.units(more) else { return false };
            match Arc::clone(&self.memory.free).try_acquire_many_owned(units) {
                Ok(more) => {
                    self.merge(more);
                    true
                }
                Err(_) => false,
            }
        })
    }

    /// Makes the share `bytes` at least; waits for `patience` at most.
    ///
    /// # Errors
    /// [`MemoryError`] when there is not enough in time, or everybody waits like this.
    pub async fn grow_to(&self, bytes: u64, patience: Duration) -> Result<(), MemoryError> {
        if self.try_grow_to(bytes) {
            return Ok(());
        }
        self.memory.units(bytes)?;
        let more = bytes - self.held();
        let _waiting = {
            let mut crowd = self.memory.crowd();
            if crowd.waiting + 1 >= crowd.shares {
                return Err(MemoryError::Taken { bytes: more, budget: self.memory.budget });
            }
            crowd.waiting += 1;
            Waiting(&self.memory)
        };
        let more = self.memory.acquire(self.memory.units(more)?, more, patience).await?;
        self.merge(more);
        Ok(())
    }

    fn merge(&self, more: OwnedSemaphorePermit) {
        self.memory.show(more.num_permits(), 1);
        self.permit().merge(more);
    }

    fn held(&self) -> u64 {
        self.permit().num_permits() as u64 * UNIT
    }

    fn permit(&self) -> MutexGuard<'_, OwnedSemaphorePermit> {
        // Merging cannot stop halfway.
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.crowd().shares -= 1;
        self.memory.show(self.permit().num_permits(), -1);
    }
}

struct Waiting<'a>(&'a Memory);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.crowd().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_share_waits_for_others_to_end() {
        let memory = Memory::new(20 * MIB);
        let (first, second) =
            (memory.admit(8 * MIB, LONG).await.unwrap(), memory.admit(8 * MIB, LONG).await);
        assert_eq!(memory.in_use(), 16 * MIB);
        let taken = MemoryError::Taken { bytes: 8 * MIB, budget: 20 * MIB };
        let late = memory.admit(8 * MIB, Duration::from_millis(10)).await;
        assert_eq!(late.map(drop), Err(taken));
        let third = tokio::spawn({
            let memory = memory.clone();
            async move { memory.admit(8 * MIB, LONG).await }
        });
        // Its turn comes before that of whoever asks later, even for less.
        while memory.free.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(!third.is_finished());
        drop(first);
        let third = third.await.unwrap().unwrap();
        drop((second, third));
        assert_eq!(memory.in_use(), 0);
        let much = MemoryError::TooMuch { bytes: 21 * MIB, budget: 20 * MIB };
        assert_eq!(memory.admit(21 * MIB, LONG).await.map(drop), Err(much));
    }

    #[tokio::test]
    async fn a_circle_of_growing_shares_is_broken() {
        let gauge = IntGauge::new("memory", "of shares").unwrap();
        let memory = Memory::new(20 * MIB).shown_in(gauge.clone());
        let first = Arc::new(memory.admit(8 * MIB, LONG).await.unwrap());
        let second = memory.admit(8 * MIB, LONG).await.unwrap();
        // A step of 4 MiB, then what is asked for.
        first.grow_to(9 * MIB, LONG).await.unwrap();
        assert_eq!((memory.in_use(), gauge.get()), (20 * MIB, 20 << 20));
        first.grow_to(12 * MIB, LONG).await.unwrap();
        let waiting = tokio::spawn({
            let first = Arc::clone(&first);
            async move { first.grow_to(13 * MIB, LONG).await }
        });
        while memory.crowd().waiting == 0 {
            tokio::task::yield_now().await;
        }
        let refused = second.grow_to(10 * MIB, LONG).await;
        assert_eq!(refused, Err(MemoryError::Taken { bytes: 2 * MIB, budget: 20 * MIB }));
        drop(second);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!((first.held(), gauge.get()), (13 * MIB, 13 << 20));
        let much = MemoryError::TooMuch { bytes: 21 * MIB, budget: 20 * MIB };
        assert_eq!(first.grow_to(21 * MIB, LONG).await, Err(much));
    }
}
