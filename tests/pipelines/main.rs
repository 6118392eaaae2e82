//! Whole pipelines: the real binary against real destinations, read back by others.
//!
//! A folder per case, with the pipeline that it runs. `wasm-sink` must be built first: `make test`
//! does it.
//!
//! | variable | |
//! |---|---|
//! | `WASM_SINK_CRASHES` | how often the crash test kills at random instants, per destination (20) |
//! | `WASM_SINK_SEED` | the seed of those instants (a fresh one, printed) |
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod case;

mod crash;
mod faults;
mod generator;
mod hostile;
mod input;
mod outside;
mod owners;
mod preview;
mod quickstart;
mod replies;
mod restart;
mod shutdown;
