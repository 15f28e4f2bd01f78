//! How many calls are let in: so many in all, so many of one peer. One more is refused at once,
//! with a hint when to come back, since a call that waits here would wait for nothing in particular.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    call::{
        context::random,
        peer::{Peer, PeerKey},
        status::Refusal,
    },
    config::CallLimits,
};

/// Least advice when to try again; up to as much again is added, so that refused callers do not
/// come back as one.
const RETRY_AFTER_MILLIS: u64 = 250;

/// Health checks in flight, those that watch among them: so many in all, so many of one peer.
const MAX_PROBES: usize = 2048;
const MAX_PROBES_PER_PEER: usize = 512;

/// Counts the calls in flight, and apart from them the health checks.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    calls: Limited,
    probes: Limited,
    domain: &'static str,
}

/// One kind of call, and how many of it may be in flight.
#[derive(Clone, Debug)]
struct Limited {
    what: &'static str,
    in_flight: Arc<Mutex<InFlight>>,
    max: usize,
    max_per_peer: usize,
}

#[derive(Debug, Default)]
struct InFlight {
    all: usize,
    of_peer: HashMap<PeerKey, usize>,
}

/// A call that was let in; it counts until dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    in_flight: Arc<Mutex<InFlight>>,
    peer: PeerKey,
}

impl Admission {
    pub(crate) fn new(limits: &CallLimits, domain: &'static str) -> Self {
        let limited = |what, max, max_per_peer| Limited {
            what,
            in_flight: Arc::default(),
            max,
            max_per_peer,
        };
        Self {
            calls: limited("calls", limits.max_calls, limits.max_calls_per_peer),
            probes: limited("health checks", MAX_PROBES, MAX_PROBES_PER_PEER),
            domain,
        }
    }

    /// Calls in flight, health checks aside.
    pub(crate) fn in_flight(&self) -> usize {
        self.calls.in_flight.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    pub(crate) fn admit(&self, peer: &Peer) -> Result<Admitted, Refusal> {
        self.calls.admit(peer, self.domain)
    }

    /// Lets a health check in, whatever calls are in flight.
    pub(crate) fn admit_probe(&self, peer: &Peer) -> Result<Admitted, Refusal> {
        self.probes.admit(peer, self.domain)
    }
}

impl Limited {
    fn admit(&self, peer: &Peer, domain: &'static str) -> Result<Admitted, Refusal> {
        let (key, what) = (peer.key(), self.what);
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = in_flight.of_peer.get(&key).copied().unwrap_or(0);
        let refuse = |message: String| {
            let delay = RETRY_AFTER_MILLIS + random() % RETRY_AFTER_MILLIS;
            Err(Refusal::overloaded(domain, message, Duration::from_millis(delay)))
        };
        if in_flight.all >= self.max {
            let max = self.max;
            return refuse(format!("{max} {what} are in flight, which is the most; try again"));
        }
        if of_peer >= self.max_per_peer {
            let max = self.max_per_peer;
            return refuse(format!(
                "{max} {what} of this peer are in flight, which is the most; try again"
            ));
        }
        in_flight.all += 1;
        in_flight.of_peer.insert(key.clone(), of_peer + 1);
        Ok(Admitted { in_flight: Arc::clone(&self.in_flight), peer: key })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.all -= 1;
        if let Some(of_peer) = in_flight.of_peer.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                in_flight.of_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(max_calls: usize, max_calls_per_peer: usize) -> Admission {
        let max_call_time = Duration::from_secs(1);
        let log_sample = 1.0;
        let limits = CallLimits { max_calls, max_calls_per_peer, max_call_time, log_sample };
        Admission::new(&limits, "here")
    }

    fn peer(name: &str, port: u16) -> Peer {
        Peer { address: ([127, 0, 0, 1], port).into(), identity: Some(name.into()) }
    }

    #[test]
    fn places_are_counted_by_peer_and_given_back() {
        let admission = admission(3, 2);
        let first = admission.admit(&peer("a", 1)).expect("free");
        let second = admission.admit(&peer("a", 2)).expect("free");
        assert!(admission.admit(&peer("a", 3)).is_err(), "two of a are the most");
        let third = admission.admit(&peer("b", 1)).expect("one place is left for others");
        assert!(admission.admit(&peer("c", 1)).is_err(), "three in all are the most");
        drop((first, second, third));
        let in_flight = admission.calls.in_flight.lock().expect("not poisoned");
        assert_eq!((in_flight.all, in_flight.of_peer.len()), (0, 0));
    }
}
