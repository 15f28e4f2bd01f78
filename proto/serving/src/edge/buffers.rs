//! Memory of requests that have come in part. A request that fits a frame is let through; what longer ones
//! hold beyond that is counted, all of them together, so that nobody fills the memory with messages that
//! stop halfway.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Bytes of a request that are not counted: an ordinary one is smaller.
const FREE_BYTES: u64 = 4 << 10;

/// Bytes beyond those that all requests may hold.
const MAX_BYTES: u64 = 16 << 20;

/// What all requests hold. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<AtomicU64>);

/// What one request holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    buffers: Buffers,
    counted: u64,
}

impl Buffers {
    /// A request of which nothing has come.
    pub(crate) fn share(&self) -> Share {
        Share { buffers: self.clone(), counted: 0 }
    }
}

impl Share {
    /// So many bytes have come of the request. Whether there is room for them.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> bool {
        let counted = bytes.saturating_sub(FREE_BYTES);
        let more = counted.saturating_sub(self.counted);
        if more == 0 {
            return true;
        }
        let taken = self.buffers.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(more).filter(|held| *held <= MAX_BYTES)
        });
        if taken.is_ok() {
            self.counted = counted;
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.counted > 0 {
            self.buffers.0.fetch_sub(self.counted, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_first_piece_is_counted_and_given_back() {
        let buffers = Buffers::default();
        let mut small: Vec<_> = (0..10_000).map(|_| buffers.share()).collect();
        assert!(small.iter_mut().all(|one| one.grow_to(FREE_BYTES)));
        assert_eq!(buffers.0.load(Ordering::Relaxed), 0);
        let (mut first, mut second) = (buffers.share(), buffers.share());
        assert!(first.grow_to(FREE_BYTES + MAX_BYTES - 10));
        assert!(second.grow_to(FREE_BYTES + 10) && !second.grow_to(FREE_BYTES + 11));
        assert!(small[0].grow_to(FREE_BYTES), "ordinary requests go on");
        drop(first);
        assert!(second.grow_to(FREE_BYTES + 11));
        drop(second);
        assert_eq!(buffers.0.load(Ordering::Relaxed), 0);
    }
}
