//! Takes every row and keeps none: for measuring what comes before the sink.

use wasm_sink_sdk::{Batch, Result, Sink, epoch};

struct Discard;

#[derive(serde::Deserialize)]
struct Config {}

impl Sink for Discard {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");

    fn open(_config: Config) -> Result<Self> {
        Ok(Self)
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        epoch::skip(rows.row_count(), "discarded");
        Ok(())
    }
}

wasm_sink_sdk::sink!(Discard);
