//! The sink in several versions, for PostgreSQL.

use wasm_sink_sdk::postgres::Table;
use wasm_sink_sdk::{Field, Result};
use wasm_sink_versioned::{Destination, Versioned};

struct Postgres;

impl Destination for Postgres {
    type Table = Table;

    fn create(table: &Table, fields: &[Field]) -> Result<()> {
        table.create(fields)
    }
}

wasm_sink_sdk::sink!(Versioned<Postgres>);
