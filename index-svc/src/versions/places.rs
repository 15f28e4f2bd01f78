//! Room for open versions: an open version has a place until the last call that holds it ends and its
//! files are closed, and there are no more places than two.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Versions that may be open at a time: the one that answers, and the one before it or the next one.
pub(super) const PLACES: usize = 2;

/// The places of one follower.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Arc<AtomicUsize>,
}

/// The place of one open version, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<AtomicUsize>,
    name: String,
}

impl Places {
    /// A place for the version `name`; none while all are taken.
    pub(super) fn take(&self, name: &str) -> Option<Place> {
        self.taken
            .try_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < PLACES).then_some(taken + 1)
            })
            .ok()?;
        tracing::info!(name, "a version is being opened");
        Some(Place { taken: Arc::clone(&self.taken), name: name.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        tracing::info!(name = self.name, "a version is closed");
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_places_and_they_are_given_back() {
        let places = Places::default();
        let first = places.take("one").expect("free");
        let second = places.take("two").expect("free");
        assert!(places.take("three").is_none());
        drop(first);
        let third = places.take("three").expect("given back");
        assert!(places.take("one").is_none());
        drop((second, third));
        assert_eq!(places.taken.load(Ordering::Acquire), 0);
    }
}
