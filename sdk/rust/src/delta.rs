//! Tables of a Delta Lake: the capability behind the feature `delta`.
//!
//! ```no_run
//! # use wasm_sink_sdk::{Batch, Field, Result};
//! use wasm_sink_sdk::delta::Table;
//!
//! # fn stage(rows: &Batch) -> Result<()> {
//! let table = Table::open("default", "payments")?;
//! if table.fields()?.is_none() {
//!     table.create(&rows.fields(), &["day".to_owned()])?;
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
            package wasm-sink:sdk-delta;
            world capability { import wasm-sink:delta/delta@0.1.0; }
        ",
        generate_all,
        with: { "wasm-sink:sink/types@0.1.0": crate::bindings::wasm_sink::sink::types },
    });
}

pub use bindings::wasm_sink::delta::delta::Table;

crate::table::table!(Table);
