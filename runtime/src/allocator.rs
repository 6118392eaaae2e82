//! The binary's allocator, and how long it keeps what is free.

use std::ffi::{c_int, c_long};

/// `mi_option_purge_delay` of mimalloc's `mi_option_e`, which its bindings do not name.
const PURGE_DELAY: c_int = 15;
/// Milliseconds. Batches are freed by other threads than made them, so that within the default of a
/// second some hundred MB of free pages gather; given back at once, they are faulted in again for
/// the next batch.
const PURGE_DELAY_MS: c_long = 20;

/// Sets the allocator up.
///
/// # Safety
/// No other thread has been started yet: options are plain integers that every thread reads.
pub unsafe fn tune() {
    // SAFETY: the option exists (a test sees to that), and by the above nobody reads it now.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number stands for what it should in the mimalloc of this build.
    #[test]
    fn the_option_is_the_purge_delay() {
        // SAFETY: nothing in this test binary sets options.
        let default_ms = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(default_ms, 1000);
    }
}
