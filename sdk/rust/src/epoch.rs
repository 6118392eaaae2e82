//! The epoch that is open during `write` and `flush`.

use std::time::Duration;

use crate::bindings::wasm_sink::sink::epoch;

/// Commit no later than this from now; zero: after this `write`. The earliest wish of an epoch
/// counts, and the host's own limits may close it sooner. Whole milliseconds, at most 49 days.
pub fn commit_within(limit: Duration) {
    epoch::commit_within(u32::try_from(limit.as_millis()).unwrap_or(u32::MAX));
}

/// So many rows are left out on purpose. Say so: an epoch that took rows but staged, rejected and
/// skipped none fails.
pub fn skip(rows: u32, reason: &str) {
    epoch::skip(rows, reason);
}
