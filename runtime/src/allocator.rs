//! The binary's allocator, and how long it keeps what is free.

use std::ffi::c_int;

/// `mi_option_purge_delay` of mimalloc's `mi_option_e`, which its bindings do not name.
const PURGE_DELAY: c_int = 15;
/// Milliseconds. Batches are freed by other threads than made them, so that within the default of a
/// second some hundred MB of free pages gather; given back at once, they are faulted in again for
/// the next batch.
const PURGE_DELAY_MS: std::ffi::c_long = 20;

/// Sets the allocator up. The first thing that `main` does.
pub fn tune() {
    // SAFETY: mimalloc's options are plain integers that may be set at any time by one thread, and
    // no other thread has been started yet.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) }
}
