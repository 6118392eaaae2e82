//! What Rust allocates is counted, so that an input which asks for too much is found at once, and itself. What libFuzzer
//! looks at is the memory that was touched, once a second.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::process::abort;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// More at once is a fault. Inputs have some kilobytes.
const MAX_BYTES: usize = 256 << 20;

struct Counted {
    bytes: AtomicUsize,
}

#[global_allocator]
static ALLOCATOR: Counted = Counted {
    bytes: AtomicUsize::new(0),
};

impl Counted {
    fn take(&self, bytes: usize) {
        let before = self.bytes.fetch_add(bytes, Relaxed);
        if before.saturating_add(bytes) > MAX_BYTES {
            // Nothing here allocates.
            let _ = std::io::stderr().write_all(b"an input takes more than 256 MiB\n");
            abort();
        }
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }
}

// SAFETY: all is done by the system's allocator, which is one, with the arguments that it is to have.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.take(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.take(size);
        self.give_back(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.give_back(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}
