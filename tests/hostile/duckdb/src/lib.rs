//! The sink that misbehaves, for DuckDB.

use wasm_sink_hostile::{Destination, Hostile};
use wasm_sink_sdk::duckdb::Table;
use wasm_sink_sdk::{Field, Result};

struct DuckDb;

impl Destination for DuckDb {
    type Table = Table;

    fn create(table: &Table, fields: &[Field]) -> Result<()> {
        table.create(fields)
    }
}

wasm_sink_sdk::sink!(Hostile<DuckDb>);
