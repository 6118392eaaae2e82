//! Whole pipelines: the real binary against real destinations, read back by others.
//!
//! A folder per case, with the pipeline that it runs. `wasm-sink` must be built first: `make test`
//! does it. What every destination must do is in tests/conformance.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod case;

mod authors;
mod avro;
mod dead_letters;
mod documented;
mod duckdb;
mod embedded;
mod faults;
mod generator;
mod hostile;
mod hot_swap_example;
mod http;
mod input;
mod inspected;
mod kafka;
mod kafka_example;
mod kafka_oauth;
mod kafka_sink;
mod monitoring;
mod oci;
mod owners;
mod postgres;
mod preview;
mod quickstart;
mod recorded;
mod rehearsed;
mod replies;
mod restart;
mod routes;
mod rows;
mod secrets;
mod several;
mod shutdown;
mod status;
mod swap;
mod telemetry;
