//! The sink in several versions, for Delta.

use wasm_sink_sdk::delta::Table;
use wasm_sink_sdk::{Field, Result};
use wasm_sink_versioned::{Destination, Versioned};

struct Delta;

impl Destination for Delta {
    type Table = Table;

    fn create(table: &Table, fields: &[Field]) -> Result<()> {
        table.create(fields, &[])
    }
}

wasm_sink_sdk::sink!(Versioned<Delta>);
