//! Shared by the tests of both formats.

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use serde_json::Value;
use wasm_sink_formats::{Block, BlockKind, Decoded, Decoder, Inference, Outcome, UnknownFields};

/// A whole file as one block.
pub fn block(bytes: &[u8]) -> Block {
    Block {
        bytes: Bytes::copy_from_slice(bytes),
        offset: 0,
        before: Bytes::new(),
        kind: BlockKind::Records,
    }
}

/// The rows of a whole file.
#[track_caller]
pub fn decode(
    decoder: &Decoder,
    schema: &SchemaRef,
    bytes: &[u8],
    unknown: UnknownFields,
) -> Decoded {
    match decoder.decode(schema, &block(bytes), unknown).unwrap() {
        Outcome::Decoded(decoded) => decoded,
        Outcome::NewFields => panic!("new fields"),
    }
}

/// The schema of a whole file.
pub fn infer(decoder: &Decoder, bytes: &[u8]) -> SchemaRef {
    let mut inference = Inference::default();
    inference.observe(decoder, &block(bytes));
    inference.schema()
}

/// A value as text that two readers agree on: nulls in objects left out, keys in order, numbers as
/// doubles where they have a point.
#[allow(dead_code)]
pub fn lossless_text(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| format!("{key:?}: {}", lossless_text(value)))
                .collect();
            members.sort();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(lossless_text).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
