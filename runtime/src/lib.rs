//! The host of wasm-sink: reads pipeline.toml, runs the component in its sandbox, and commits what
//! it stages, exactly once.
//!
//! Arrows point down only: `cli` → `pipeline` → `engine` → `wasm_sink_core`; `config` is read by
//! all of them, `connectors` names what this build can talk to.

pub mod admin;
pub mod allocator;
pub mod cli;
pub mod comparison;
pub mod config;
pub mod connectors;
mod contract;
pub mod control;
mod desk;
mod durable;
pub mod engine;
pub mod launch;
pub mod letters;
pub mod metrics;
mod oci;
pub mod pipeline;
pub mod project;
pub mod recording;
mod redeliver;
pub mod rehearsal;
pub mod replay;
mod shadow;
mod slot;
mod stand_in;
pub mod status;
mod swap;
pub mod telemetry;
