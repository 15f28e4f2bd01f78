//! What is known of a call before its service sees it: id, caller, deadline. It travels with the
//! call's task, so that the worker pool can honour it without being told.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::HeaderMap;

use crate::call::peer::Peer;

/// Header that carries the request id, in and out.
pub(crate) const REQUEST_ID_HEADER: &str = "x-request-id";

/// Longest request id that is taken over from a caller.
const MAX_REQUEST_ID_BYTES: usize = 128;

tokio::task_local! {
    pub(crate) static CURRENT: CallContext;
}

/// One call's id, caller and deadline.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// As brought by the caller, else made here; returned in the reply's headers.
    pub request_id: Arc<str>,
    /// Who calls.
    pub peer: Peer,
    /// When nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

impl CallContext {
    /// The call this task works for; none outside of calls, in spawned tasks and on worker threads.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }
}

/// Makes request ids: unique in this process, and never the same for two processes but by a
/// chance of 2^-64.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { process: random(), next: AtomicU64::new(1) }
    }

    /// The caller's id, where it has one of sensible length and visible ASCII, else a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Arc<str> {
        headers
            .get(REQUEST_ID_HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|id| (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()))
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
            .map_or_else(|| self.fresh(), Arc::from)
    }

    fn fresh(&self) -> Arc<str> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{call:x}", self.process).into()
    }
}

/// 64 random bits, from the seed the standard library gives each hash table. Not for secrets.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// The time a call has left by its `grpc-timeout` header: up to eight digits and a unit. A header
/// that is not of this form counts as none.
pub(crate) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        let read = |value| grpc_timeout(&headers("grpc-timeout", value));
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("99999999M"), Some(Duration::from_secs(99_999_999 * 60)));
        assert_eq!(read("30S"), Some(Duration::from_secs(30)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("0n"), Some(Duration::ZERO));
        for wrong in ["", "S", "1", "+1S", "1.5S", "123456789S", "1s", "-1S"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert_eq!(grpc_timeout(&HeaderMap::new()), None);
    }

    #[test]
    fn a_request_id_is_taken_over_only_when_it_is_fit_for_a_log_line() {
        let ids = RequestIds::new();
        let of = |value| ids.of(&headers(REQUEST_ID_HEADER, value)).to_string();
        assert_eq!(of("order-17/a"), "order-17/a");
        assert_ne!(of("two words"), "two words");
        assert_ne!(of(""), "");
        assert_ne!(of(""), of(""));
        let long: &'static str = Box::leak("x".repeat(MAX_REQUEST_ID_BYTES + 1).into_boxed_str());
        assert_ne!(of(long), long);
    }
}
