//! Compiling beside work that must not notice.

use rayon::ThreadPoolBuilder;
use rustix::process::setpriority_process;
use wasm_sink_core::error::{Blame, Error, Kind, Result};

/// The least that Linux gives: what is idle anyway.
const LOWEST: i32 = 19;

/// Does something that compiles on threads of the lowest priority, and waits for it: all threads that compile
/// come from the pool that asks.
///
/// # Errors
/// There are no threads.
pub fn quietly<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let pool = ThreadPoolBuilder::new()
        .thread_name(|number| format!("compiler-{number}"))
        .start_handler(|_| {
            // That of the thread which calls. Where it may not, compiling is noticed.
            let _ = setpriority_process(None, LOWEST);
        })
        .build()
        .map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "no threads to compile on").with_source(error)
        })?;
    pool.install(work)
}
