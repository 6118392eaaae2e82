//! The sink that misbehaves, for Kafka.

use wasm_sink_hostile::{Destination, Hostile};
use wasm_sink_sdk::kafka::Topic;
use wasm_sink_sdk::{Field, Result};

struct Kafka;

impl Destination for Kafka {
    type Table = Topic;

    /// The host makes topics.
    fn create(_topic: &Topic, _fields: &[Field]) -> Result<()> {
        Ok(())
    }
}

wasm_sink_sdk::sink!(Hostile<Kafka>);
