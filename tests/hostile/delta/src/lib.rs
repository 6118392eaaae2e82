//! The sink that misbehaves, for Delta.

use wasm_sink_hostile::{Destination, Hostile};
use wasm_sink_sdk::delta::Table;
use wasm_sink_sdk::{Field, Result};

struct Delta;

impl Destination for Delta {
    type Table = Table;

    fn create(table: &Table, fields: &[Field]) -> Result<()> {
        table.create(fields, &[])
    }
}

wasm_sink_sdk::sink!(Hostile<Delta>);
