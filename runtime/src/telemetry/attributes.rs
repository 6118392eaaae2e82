//! What is said of a span, an event or a number, as OTLP has it.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};

/// Characters of a text that are sent.
const CHARS: usize = 2_000;

pub(super) fn text(key: &str, text: &str) -> KeyValue {
    attribute(key, Value::StringValue(cut(text)))
}

/// Numbers beyond what the protocol has are as near as can be.
pub(super) fn number(key: &str, number: u64) -> KeyValue {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    attribute(key, Value::IntValue(number))
}

pub(super) fn milliseconds(key: &str, time: std::time::Duration) -> KeyValue {
    attribute(key, Value::DoubleValue(time.as_secs_f64() * 1_000.0))
}

pub(super) fn texts(key: &str, texts: impl Iterator<Item = String>) -> KeyValue {
    let values = texts.map(|text| AnyValue {
        value: Some(Value::StringValue(cut(&text))),
    });
    let values = values.collect();
    attribute(key, Value::ArrayValue(ArrayValue { values }))
}

pub(super) fn cut(text: &str) -> String {
    text.chars().take(CHARS).collect()
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
