//! One suite that every destination must pass: the real binary, a real server, and a reader that is
//! not ours. What a destination is, says its file here; what it must do, says `suite`.
//!
//! | variable | |
//! |---|---|
//! | `WASM_SINK_CRASHES` | how often a process is killed at random instants, per destination (20) |
//! | `WASM_SINK_SEED` | the seed of those instants (a fresh one, printed) |
//! | `WASM_SINK_UPDATE_README` | set: writes the table of promises into README.md |
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod destination;
mod promises;
mod suite;

/// A file per destination, of those that promise what the suite asks for, and of those that promise less. One that a
/// build has and this list lacks does not compile.
macro_rules! kits {
    ($($file:ident: $kit:ident),+; $($less:ident),+) => {
        $(mod $file;)+
        $(mod $less;)+

        /// What each of them promises.
        const PROMISES: &[destination::Promise] = &[
            $(<$file::$kit as destination::Destination>::PROMISE,)+
            $($less::PROMISE),+
        ];
    };
}

kits! {
    delta: Disk,
    delta_s3: Bucket,
    duckdb: File,
    kafka: Broker,
    postgres: Server;
    http
}
