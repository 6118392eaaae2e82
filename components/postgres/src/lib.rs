//! Rows into PostgreSQL tables: what all table sinks do.

use serde::Deserialize;
use wasm_sink_sdk::postgres::Table;
use wasm_sink_sdk::table::{Config, Destination, TableSink};
use wasm_sink_sdk::{Field, Result};

struct Postgres;

/// As in config.schema.json.
#[derive(Debug, Deserialize)]
struct Own {}

impl Destination for Postgres {
    type Table = Table;
    type Config = Own;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn create(table: &Table, fields: &[Field], _config: &Config<Own>) -> Result<()> {
        table.create(fields)
    }
}

wasm_sink_sdk::sink!(TableSink<Postgres>);
