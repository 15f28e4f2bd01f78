//! Places of uploads in flight: so many in all, the last eighth of them for callers that hold fewer
//! than that, so that no caller's crowd keeps all others out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serving::{metrics::IntGauge, peer::PeerKey};

/// The share of the places that is kept for callers that hold few.
const RESERVE: usize = 8;

/// The places. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    held: Arc<Mutex<HashMap<PeerKey, usize>>>,
    count: usize,
    gauge: Option<IntGauge>,
}

/// One upload's place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    peer: PeerKey,
}

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        Self { held: Arc::default(), count, gauge: None }
    }

    /// The same places; how many are taken is shown in `gauge`.
    pub(crate) fn shown_in(self, gauge: IntGauge) -> Self {
        Self { gauge: Some(gauge), ..self }
    }

    /// A place for an upload of `peer`, unless there is none for it.
    pub(crate) fn take(&self, peer: PeerKey) -> Option<Place> {
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
        Some(Place { places: self.clone(), peer })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<PeerKey, usize>> {
        // Each change is one counter.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held();
        if let Some(own) = held.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.peer);
            }
        }
        drop(held);
        self.places.gauge.iter().for_each(IntGauge::dec);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str) -> PeerKey {
        PeerKey::Identity(name.into())
    }

    fn crowd(places: &Places, name: &str) -> Vec<Place> {
        std::iter::from_fn(|| places.take(peer(name))).collect()
    }

    #[test]
    fn a_crowd_leaves_places_to_others() {
        let places = Places::new(64);
        let mut of_crowd = crowd(&places, "crowd");
        assert_eq!(of_crowd.len(), 56);
        let single = places.take(peer("single"));
        assert!(single.is_some());
        of_crowd.truncate(50);
        of_crowd.extend(crowd(&places, "crowd"));
        assert_eq!(of_crowd.len(), 55, "one is another's");
        of_crowd.truncate(50);
        drop(single);
        let others: Vec<_> = (0..).map_while(|name| places.take(peer(&name.to_string()))).collect();
        assert_eq!(others.len(), 14);
    }

    #[test]
    fn what_is_taken_is_shown() {
        let gauge = IntGauge::new("taken", "places").expect("a name");
        let places = Places::new(3).shown_in(gauge.clone());
        let taken = crowd(&places, "one");
        assert_eq!(gauge.get(), 3);
        drop(taken);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn few_places_are_for_anybody() {
        let places = Places::new(2);
        let both = crowd(&places, "one");
        assert_eq!(both.len(), 2);
        assert!(places.take(peer("other")).is_none());
        drop(both);
        assert!(places.take(peer("other")).is_some());
        assert!(places.held().is_empty());
    }
}
