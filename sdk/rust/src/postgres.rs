//! Tables of a PostgreSQL database: the capability behind the feature `postgres`.
//!
//! ```no_run
//! # use wasm_sink_sdk::{Batch, Field, Result};
//! use wasm_sink_sdk::postgres::Table;
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
            package wasm-sink:sdk-postgres;
            world capability { import wasm-sink:postgres/postgres@0.1.0; }
        ",
        generate_all,
        with: { "wasm-sink:sink/types@0.1.0": crate::bindings::wasm_sink::sink::types },
    });
}

pub use bindings::wasm_sink::postgres::postgres::Table;

crate::table::table!(
    Table,
    fn upsert_by(&self, keys: &[String]) -> Option<crate::Result<()>> {
        Some(self.upsert_by(keys))
    }

    fn widen_columns(&self, fields: &[crate::Field]) -> Option<crate::Result<()>> {
        Some(self.widen_columns(fields))
    }
);
