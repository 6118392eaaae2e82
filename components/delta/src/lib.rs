//! Rows into one Delta table: what all table sinks do, and directories by the values of columns.

use serde::Deserialize;
use wasm_sink_sdk::delta::Table;
use wasm_sink_sdk::table::{Config, Destination, SchemaEvolution, TableSink, WriteMode};
use wasm_sink_sdk::{Field, Problem, Result};

struct Delta;

/// As in config.schema.json.
#[derive(Debug, Deserialize)]
struct Own {
    #[serde(default)]
    partition_by: Vec<String>,
}

impl Destination for Delta {
    type Table = Table;
    type Config = Own;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");
    /// At the connection's path itself.
    const DEFAULT_TABLE: Option<&'static str> = Some("");

    fn validate(config: &Config<Own>) -> Vec<Problem> {
        let mut problems = config.unknown_columns("partition_by", &config.own.partition_by);
        for (place, keys) in config.places() {
            if keys.write_mode == Some(WriteMode::Upsert) {
                problems.push(
                    Problem::at(place.path(["write_mode"]), "`delta` has no \"upsert\" yet")
                        .with_help("\"append\" adds rows, \"overwrite\" removes older ones first"),
                );
            }
            if keys.schema_evolution == Some(SchemaEvolution::Widen) {
                let path = place.path(["schema_evolution"]);
                problems.push(Problem::at(path, "`delta` has no \"widen\" yet").with_help(
                    "\"add_columns\" adds those that the table lacks, \"strict\" stops there",
                ));
            }
        }
        problems
    }

    fn create(table: &Table, fields: &[Field], config: &Config<Own>) -> Result<()> {
        table.create(fields, &config.own.partition_by)
    }
}

wasm_sink_sdk::sink!(TableSink<Delta>);
