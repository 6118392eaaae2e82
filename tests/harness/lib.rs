//! What end-to-end tests stand on: the real binary, real servers, faults on the way between them,
//! and readers that have nothing to do with wasm-sink.
//!
//! Nothing here depends on the runtime. What a test needs beside Rust is installed once per machine
//! by `tests/setup.sh`, by itself, on first use. A harness that cannot go on panics: the test fails.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod admin;
mod binary;
mod browser;
mod case;
mod certificates;
mod collector;
mod component;
mod cutter;
mod dead_letters;
mod delta;
pub mod duckdb;
mod folder;
pub mod kafka;
mod oci_registry;
pub mod postgres;
mod project;
mod promtool;
mod proxy;
mod python;
mod schema_registry;
mod server;
mod token_server;
mod tools;
mod valve;
mod versitygw;
mod volume;
mod web_service;

pub use admin::Admin;
pub use binary::{Binary, Invocation, Outcome, Process};
pub use browser::browse;
pub use case::{Case, Connected};
pub use collector::{Collector, Span};
pub use component::{
    build_component, careless_component, hostile_component, sha256, target_directory,
    versioned_component,
};
pub use cutter::{Cut, Cutter, Word};
pub use dead_letters::{DeadLetter, dead_letters, pending_dead_letters};
pub use delta::DeltaTable;
pub use folder::files_below;
pub use oci_registry::{Door, OciRegistry};
pub use project::{author, author_environment, careless_project};
pub use promtool::promtool;
pub use proxy::{Fate, Proxy, Request};
pub use python::Asked;
pub use rustix::process::Signal;
pub use schema_registry::SchemaRegistry;
pub use server::{Server, free_port};
pub use token_server::TokenServer;
pub use tools::tool;
pub use valve::Valve;
pub use versitygw::Versitygw;
pub use volume::Volume;
pub use web_service::{Taken, WebService};
