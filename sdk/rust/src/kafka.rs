//! Topics of a Kafka cluster: the capability behind the feature `kafka`.
//!
//! ```no_run
//! # use wasm_sink_sdk::{Batch, Result};
//! use wasm_sink_sdk::kafka::{Encoding, Role, Share, Topic};
//!
//! # fn stage(rows: &Batch) -> Result<()> {
//! let topic = Topic::open("default", "payments")?;
//! topic.encode_as(Encoding::Json)?;
//! topic.assign(Role::Key, "customer", Share::Also)?;
//! topic.append(rows)
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
            package wasm-sink:sdk-kafka;
            world capability { import wasm-sink:kafka/kafka@0.1.0; }
        ",
        generate_all,
        with: { "wasm-sink:sink/types@0.1.0": crate::bindings::wasm_sink::sink::types },
    });
}

pub use bindings::wasm_sink::kafka::kafka::{Encoding, Partitioner, Role, Share, Topic};

use crate::{Batch, Error, Field, Result};

/// A topic takes whatever columns rows have, at its end.
impl crate::table::Table for Topic {
    fn open(connection: &str, name: &str) -> Result<Self> {
        Self::open(connection, name)
    }

    fn fields(&self) -> Result<Option<Vec<Field>>> {
        Ok(None)
    }

    fn add_columns(&self, _fields: &[Field]) -> Result<()> {
        Ok(())
    }

    fn append(&self, rows: &Batch) -> Result<()> {
        self.append(rows)
    }

    fn overwrite(&self) -> Result<()> {
        Err(Error::invalid("a topic keeps the records that it has"))
    }
}
