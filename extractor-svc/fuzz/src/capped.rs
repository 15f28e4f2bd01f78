//! An allocator that fails beyond a bound, also for memory that is never touched.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, up to `limit` bytes in use. Beyond it an allocation fails, which ends
/// the process: a finding.
#[derive(Debug)]
pub struct Capped {
    limit: usize,
    used: AtomicUsize,
}

impl Capped {
    /// An allocator of `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    fn take(&self, bytes: usize) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit;
        if !fits {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

// SAFETY: every call is passed on to the system's allocator unchanged, or fails with a null pointer
// as the trait allows; `used` only counts.
unsafe impl GlobalAlloc for Capped {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !self.take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !self.take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !self.take(new_size) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise about `pointer`, `layout` and `new_size` is handed on.
        let moved = unsafe { System.realloc(pointer, layout, new_size) };
        let freed = if moved.is_null() { new_size } else { layout.size() };
        self.used.fetch_sub(freed, Ordering::Relaxed);
        moved
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.used.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise about `pointer` and `layout` is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
