//! Counts rows, and leaves them all out: a start for a sink of your own.

use std::time::Duration;

use wasm_sink_sdk::{Batch, Problem, Result, Sink, epoch, info};

struct MySink {
    every: Duration,
    rows: u64,
}

#[derive(serde::Deserialize)]
struct Config {
    every_ms: u64,
}

impl Sink for MySink {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": { "every_ms": { "type": "integer", "minimum": 0 } },
        "required": ["every_ms"],
        "additionalProperties": false
    }"#;

    fn validate(config: &Config) -> Vec<Problem> {
        if config.every_ms > 86_400_000 {
            return vec![Problem::at(["every_ms"], "more than a day").with_help("86400000 at most")];
        }
        vec![]
    }

    fn open(config: Config) -> Result<Self> {
        Ok(Self { every: Duration::from_millis(config.every_ms), rows: 0 })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        epoch::commit_within(self.every);
        self.rows += u64::from(rows.row_count());
        epoch::skip(rows.row_count(), "counted");
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        info!("{} rows so far", self.rows);
        Ok(())
    }
}

wasm_sink_sdk::sink!(MySink);
