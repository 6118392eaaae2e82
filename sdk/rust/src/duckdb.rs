//! Tables of a DuckDB database: the capability behind the feature `duckdb`.
//!
//! ```no_run
//! # use wasm_sink_sdk::{Batch, Field, Result};
//! use wasm_sink_sdk::duckdb::Table;
//!
//! # fn stage(rows: &Batch) -> Result<()> {
//! let table = Table::open("default", "sales.payments")?;
//! if table.fields()?.is_none() {
//!     table.create(&rows.fields())?;
//! }
//! table.append(rows)
//! # }
//! ```

mod bindings {
    #![allow(
        missing_docs,
        unused_qualifications,
        clippy::undocumented_unsafe_blocks,
        reason = "generated"
    )]

    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package wasm-sink:sdk-duckdb;
            world capability { import wasm-sink:duckdb/duckdb@0.1.0; }
        ",
        generate_all,
        with: { "wasm-sink:sink/types@0.1.0": crate::bindings::wasm_sink::sink::types },
    });
}

pub use bindings::wasm_sink::duckdb::duckdb::Table;

crate::table::table!(
    Table,
    fn upsert_by(&self, keys: &[String]) -> Option<crate::Result<()>> {
        Some(self.upsert_by(keys))
    }

    fn widen_columns(&self, fields: &[crate::Field]) -> Option<crate::Result<()>> {
        Some(self.widen_columns(fields))
    }

    fn is_same_name(one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }
);
