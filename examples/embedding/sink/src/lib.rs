//! Urgent tickets into the inbox; the others are passed over.

use serde::Deserialize;
use wasm_sink_sdk::{Batch, Result, Sink, epoch};

use bindings::wasm_sink::inbox::inbox::Inbox;

/// Generated from wit/inbox.wit; batches are those of the SDK.
mod bindings {
    #![allow(
        missing_docs,
        unused_qualifications,
        clippy::undocumented_unsafe_blocks,
        reason = "generated"
    )]

    wit_bindgen::generate!({
        path: ["../../../wit/deps/sink", "../wit"],
        inline: "
            package desk:sink;
            world capability { import wasm-sink:inbox/inbox@0.1.0; }
        ",
        generate_all,
        with: { "wasm-sink:sink/types@0.1.0": wasm_sink_sdk::types },
    });
}

#[derive(Deserialize)]
struct Config {
    urgent_from: i64,
}

struct Urgent {
    inbox: Inbox,
    from: i64,
}

impl Sink for Urgent {
    type Config = Config;
    const CONFIG_SCHEMA: &'static str = r#"{
        "type": "object",
        "additionalProperties": false,
        "required": ["urgent_from"],
        "properties": {"urgent_from": {"type": "integer", "description": "The least urgency that goes into the inbox."}}
    }"#;

    fn open(config: Config) -> Result<Self> {
        Ok(Self {
            inbox: Inbox::open("default")?,
            from: config.urgent_from,
        })
    }

    fn write(&mut self, rows: Batch) -> Result<()> {
        for (urgency, tickets) in rows.split("urgency")? {
            let urgency: i64 = urgency
                .and_then(|text| text.parse().ok())
                .unwrap_or_default();
            match urgency >= self.from {
                true => self.inbox.append(&tickets)?,
                false => epoch::skip(tickets.row_count(), "not urgent"),
            }
        }
        Ok(())
    }
}

wasm_sink_sdk::sink!(Urgent);
