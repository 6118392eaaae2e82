//! Write a wasm-sink component in Rust: one trait, one macro.
//!
//! ```
//! use wasm_sink_sdk::{Batch, Result, Sink, epoch};
//!
//! /// Lets every row pass and keeps none.
//! struct Discard;
//!
//! #[derive(serde::Deserialize)]
//! struct Config {}
//!
//! impl Sink for Discard {
//!     type Config = Config;
//!     const CONFIG_SCHEMA: &'static str = r#"{"type": "object", "additionalProperties": false}"#;
//!
//!     fn open(_config: Config) -> Result<Self> {
//!         Ok(Self)
//!     }
//!
//!     fn write(&mut self, rows: Batch) -> Result<()> {
//!         epoch::skip(rows.row_count(), "discarded");
//!         Ok(())
//!     }
//! }
//!
//! wasm_sink_sdk::sink!(Discard);
//! # fn main() {}
//! ```
//!
//! Build it with `cargo build --release --target wasm32-wasip2`: the `.wasm` file is a component.
//! Capabilities are Cargo features of this crate; a component imports only what it uses, and its
//! imports are its list of permissions.

#[doc(hidden)]
pub mod bindings;
pub mod epoch;
mod error;
pub mod log;
mod sink;
pub mod table;

/// A module per capability, behind the feature of its name.
macro_rules! capabilities {
    ($($feature:literal $module:ident;)+) => {$(
        #[cfg(feature = $feature)]
        pub mod $module;
    )+};
}

capabilities! {
    "delta" delta;
    "duckdb" duckdb;
    "http" http;
    "kafka" kafka;
    "postgres" postgres;
}

pub use bindings::exports::wasm_sink::sink::sink::Problem;
pub use bindings::wasm_sink::sink::dead_letters::reject;
pub use bindings::wasm_sink::sink::types::{Batch, Error, ErrorKind, Field, Mismatch, Plan, Span};
pub use sink::{Result, Sink, instance};

/// The types of the contract, for capabilities that this crate does not have: `wit_bindgen::generate!` maps
/// `wasm-sink:sink/types` to them.
pub use bindings::wasm_sink::sink::types;

impl Field {
    /// A column that allows nulls. `data_type` as in `int64`, `list<utf8>`.
    pub fn new(name: impl Into<String>, data_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            data_type: data_type.into(),
            nullable: true,
        }
    }

    /// The same column without nulls.
    #[must_use]
    pub fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }
}
