//! The sink that misbehaves, for PostgreSQL.

use wasm_sink_hostile::{Destination, Hostile};
use wasm_sink_sdk::postgres::Table;
use wasm_sink_sdk::{Field, Result};

struct Postgres;

impl Destination for Postgres {
    type Table = Table;

    fn create(table: &Table, fields: &[Field]) -> Result<()> {
        table.create(fields)
    }
}

wasm_sink_sdk::sink!(Hostile<Postgres>);
