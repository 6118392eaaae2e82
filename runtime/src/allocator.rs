//! The allocator of the binaries. The system's gives the pages of every large batch back at once and
//! faults them in again for the next one; allocators with a heap per thread keep pages of every
//! thread that ever made a batch, since batches are freed by other threads than made them. It stands in
//! for `malloc` as well, so that a library in C takes from the same place.

use std::ffi::c_char;

pub use tikv_jemallocator::Jemalloc;

/// What jemalloc reads when it starts.
pub type Configuration = Option<&'static c_char>;

/// Two arenas, however many cores there are: what one thread frees, another takes, and small pieces
/// come from caches of the threads anyway. Free pages go back within half a second, by a thread of
/// jemalloc's own, so that an idle pipeline gives back what a busy one took.
pub const CONFIGURATION: Configuration = {
    const TEXT: &[u8] = b"narenas:2,dirty_decay_ms:500,muzzy_decay_ms:0,background_thread:true\0";
    // SAFETY: it is not null, and points into a constant that ends with a zero byte.
    Some(unsafe { &*TEXT.as_ptr().cast::<c_char>() })
};
