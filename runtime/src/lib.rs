//! The host of wasm-sink: reads pipeline.toml, runs the component in its sandbox, and commits what
//! it stages, exactly once.
//!
//! For programs that run pipelines themselves there is [`embedding`]. What else is public is for the command line and
//! the tests, and may change with every version.
//!
//! Arrows point down only: `cli` and `embedding` → `launch` → `pipeline` → `engine` → `wasm_sink_core`; `config` is
//! read by all of them, `connectors` names what this build can talk to.

#[doc(hidden)]
pub mod admin;
#[doc(hidden)]
pub mod allocator;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod comparison;
pub mod config;
pub mod connectors;
mod contract;
#[doc(hidden)]
pub mod control;
mod desk;
mod durable;
pub mod embedding;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod launch;
#[doc(hidden)]
pub mod letters;
#[doc(hidden)]
pub mod metrics;
mod oci;
#[doc(hidden)]
pub mod pipeline;
#[doc(hidden)]
pub mod project;
#[doc(hidden)]
pub mod recording;
mod redeliver;
#[doc(hidden)]
pub mod rehearsal;
#[doc(hidden)]
pub mod replay;
mod shadow;
mod slot;
mod stand_in;
pub mod status;
mod swap;
#[doc(hidden)]
pub mod telemetry;

pub use config::Pipeline;
pub use connectors::Connector;
pub use embedding::{PipelineBuilder, PipelineError, Running, Runtime};
pub use launch::{Beginning, Ended, Outcome};
pub use status::Status;
