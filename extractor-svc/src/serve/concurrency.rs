//! How many uploads may be in flight: a concurrency limit, of which the last eighth of the permits is
//! reserved for callers that hold less than an eighth, so that no caller keeps all others out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serving::{PeerKey, metrics::IntGauge};

/// One permit of so many is reserved for callers that hold few.
const RESERVE: usize = 8;

/// A number of permits. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct ConcurrencyLimit {
    held: Arc<Mutex<HashMap<PeerKey, usize>>>,
    count: usize,
    gauge: Option<IntGauge>,
}

/// One upload's permit, released when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    limit: ConcurrencyLimit,
    peer: PeerKey,
}

impl ConcurrencyLimit {
    pub(crate) fn new(count: usize) -> Self {
        Self { held: Arc::default(), count, gauge: None }
    }

    /// The same limit; how many permits are held is shown in `gauge`.
    pub(crate) fn shown_in(self, gauge: IntGauge) -> Self {
        Self { gauge: Some(gauge), ..self }
    }

    /// A permit for an upload of `peer`, unless there is none for it.
    pub(crate) fn take(&self, peer: PeerKey) -> Option<Permit> {
        let mut held = self.held();
        let free = self.count.saturating_sub(held.values().sum());
        let own = held.get(&peer).copied().unwrap_or(0);
        let reserve = self.count / RESERVE;
        if free == 0 || (free <= reserve && own >= reserve) {
            return None;
        }
        *held.entry(peer.clone()).or_default() += 1;
        drop(held);
        self.gauge.iter().for_each(IntGauge::inc);
        Some(Permit { limit: self.clone(), peer })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<PeerKey, usize>> {
        // Each change is one counter.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.limit.held();
        if let Some(own) = held.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.peer);
            }
        }
        drop(held);
        self.limit.gauge.iter().for_each(IntGauge::dec);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str) -> PeerKey {
        PeerKey::Identity(name.into())
    }

    fn crowd(limit: &ConcurrencyLimit, name: &str) -> Vec<Permit> {
        std::iter::from_fn(|| limit.take(peer(name))).collect()
    }

    #[test]
    fn a_crowd_leaves_limit_to_others() {
        let limit = ConcurrencyLimit::new(64);
        let mut of_crowd = crowd(&limit, "crowd");
        assert_eq!(of_crowd.len(), 56);
        let single = limit.take(peer("single"));
        assert!(single.is_some());
        of_crowd.truncate(50);
        of_crowd.extend(crowd(&limit, "crowd"));
        assert_eq!(of_crowd.len(), 55, "one is another's");
        of_crowd.truncate(50);
        drop(single);
        let others: Vec<_> = (0..).map_while(|name| limit.take(peer(&name.to_string()))).collect();
        assert_eq!(others.len(), 14);
    }

    #[test]
    fn what_is_taken_is_shown() {
        let gauge = IntGauge::new("taken", "limit").expect("a name");
        let limit = ConcurrencyLimit::new(3).shown_in(gauge.clone());
        let taken = crowd(&limit, "one");
        assert_eq!(gauge.get(), 3);
        drop(taken);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn few_limit_are_for_anybody() {
        let limit = ConcurrencyLimit::new(2);
        let both = crowd(&limit, "one");
        assert_eq!(both.len(), 2);
        assert!(limit.take(peer("other")).is_none());
        drop(both);
        assert!(limit.take(peer("other")).is_some());
        assert!(limit.held().is_empty());
    }
}
