//! How many connections there may be, and how many streams on them: so many connections in all, and a
//! quarter of that of one address, so that no single caller keeps all others out; and fewer streams the
//! more connections an address has, since each stream takes memory even where its call is refused.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use ipnet::IpNet;

/// One address may have one of so many of all connections.
const SHARE_OF_ONE: usize = 4;

/// Connections of one address that get all their streams; the streams of so many are shared by all others.
const FULL_CONNECTIONS: u32 = 4;

/// Streams of a connection, however many its address has.
const LEAST_STREAMS: u32 = 4;

/// Counts the open connections. Clones share the count.
#[derive(Clone, Debug)]
pub(super) struct Room {
    open: Arc<Mutex<Open>>,
    max: usize,
    max_of_one: usize,
    /// Networks whose addresses stand for many callers: gateways and meshes.
    trusted: Arc<[IpNet]>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of_address: HashMap<IpAddr, usize>,
}

/// A connection that counts until dropped.
#[derive(Debug)]
pub(super) struct Place {
    open: Arc<Mutex<Open>>,
    address: IpAddr,
    /// Which connection of its address it is, from 1; each of a gateway's is the first.
    number: u32,
}

impl Room {
    pub(super) fn new(max: usize, trusted: &[IpNet]) -> Self {
        let max_of_one = max.div_ceil(SHARE_OF_ONE);
        Self { open: Arc::default(), max, max_of_one, trusted: trusted.into() }
    }

    /// Room for a connection from `address`, or what there is too much of.
    pub(super) fn take(&self, address: IpAddr) -> Result<Place, &'static str> {
        let is_trusted =
            self.trusted.iter().any(|network| network.contains(&address.to_canonical()));
        let address = one_caller(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.max {
            return Err("too_many");
        }
        let of_address = open.of_address.get(&address).copied().unwrap_or(0);
        if of_address >= self.max_of_one && !is_trusted {
            return Err("too_many_of_address");
        }
        open.all += 1;
        open.of_address.insert(address, of_address + 1);
        let number = if is_trusted { 1 } else { u32::try_from(of_address + 1).unwrap_or(u32::MAX) };
        Ok(Place { open: Arc::clone(&self.open), address, number })
    }
}

impl Place {
    /// Streams that the connection may have open at a time, of at most `max`.
    pub(super) fn streams(&self, max: u32) -> u32 {
        let share = max.saturating_mul(FULL_CONNECTIONS) / self.number;
        share.max(LEAST_STREAMS).min(max)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(count) = open.of_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.of_address.remove(&self.address);
            }
        }
    }
}

/// What one caller has: an IPv4 address, or the first half of an IPv6 address (RFC 4291, section
/// 2.5.4), of which a host may use any.
fn one_caller(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & (u128::MAX << 64)).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_a_quarter_unless_it_is_trusted() {
        let trusted = ["10.1.0.0/16".parse().expect("a network")];
        let room = Room::new(8, &trusted);
        let take = |address: &str| room.take(address.parse().expect("an address"));
        let first = take("192.0.2.1").expect("room");
        let _second = take("::ffff:192.0.2.1").expect("room");
        assert_eq!(take("192.0.2.1").err(), Some("too_many_of_address"));
        drop(first);
        let _again = take("192.0.2.1").expect("a place was given back");
        let _host = [take("2001:db8::1"), take("2001:db8::2")];
        assert_eq!(take("2001:db8::3").err(), Some("too_many_of_address"));
        let _gateway: Vec<_> = (0..4).map(|_| take("10.1.2.3").expect("trusted")).collect();
        assert_eq!(take("192.0.2.9").err(), Some("too_many"));
        assert_eq!(take("10.1.2.3").err(), Some("too_many"), "all in all are the most");
    }

    #[test]
    fn the_more_connections_an_address_has_the_fewer_streams_has_the_next() {
        let trusted = ["10.1.0.0/16".parse().expect("a network")];
        let room = Room::new(10_000, &trusted);
        let take = |address: &str| room.take(address.parse().expect("an address")).expect("room");
        let crowd: Vec<_> = (0..1000).map(|_| take("192.0.2.1")).collect();
        let streams: Vec<_> = crowd.iter().map(|place| place.streams(256)).collect();
        assert_eq!([streams[0], streams[3], streams[15], streams[99]], [256, 256, 64, 10]);
        assert_eq!(streams[999], LEAST_STREAMS);
        assert!(streams.iter().sum::<u32>() < 9_000, "{streams:?}");
        assert_eq!(crowd[999].streams(3), 3, "never more than are allowed");
        assert_eq!(take("192.0.2.2").streams(256), 256, "another address has its own");
        let gateway: Vec<_> = (0..100).map(|_| take("10.1.2.3")).collect();
        assert_eq!(gateway[99].streams(256), 256);
        drop(crowd);
        assert_eq!(take("192.0.2.1").streams(256), 256, "places are given back");
    }
}
