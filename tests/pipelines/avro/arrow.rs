//! Arrow as messages: several rows stand at one position.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::ipc::writer::StreamWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wasm_sink_tests::kafka::{Kafka, fresh};

use super::{case_with, table};

/// More rows than are decoded at a time.
const MESSAGES: i64 = 100;
const ROWS: i64 = 10_000;

/// A stream with the next rows, which has a column more from the middle on.
fn message(number: i64) -> Value {
    let ids: Int64Array = (number * ROWS..(number + 1) * ROWS)
        .collect::<Vec<_>>()
        .into();
    let mut columns: Vec<(&str, Arc<dyn arrow::array::Array>)> = vec![("id", Arc::new(ids))];
    if number >= MESSAGES / 2 {
        let texts = vec!["new"; ROWS as usize];
        columns.push(("text", Arc::new(StringArray::from(texts))));
    }
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref()).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.into_inner().unwrap();
    json!({ "value": { "base64": STANDARD.encode(bytes) } })
}

#[test]
fn a_message_of_rows_is_delivered_as_a_whole() {
    let broker = Kafka::shared();
    let topic = fresh("arrow");
    broker.create(&topic, 1);
    let mut records: Vec<_> = (0..MESSAGES).map(message).collect();
    records.insert(3, json!({ "value": "no stream" }));
    broker.produce(&topic, &records);
    let epochs = "[epoch]\nmax_rows = 1\n";
    let case = case_with(&topic, "format = \"arrow\"", epochs);
    case.run().finish().expect_code(0);
    let table = table(&case);
    let rows = table.query_one(
        "select count(*) as rows, count(distinct id) as ids, max(id) as last, count(text) as texts from t",
    );
    let expected = json!({
        "rows": MESSAGES * ROWS, "ids": MESSAGES * ROWS, "last": MESSAGES * ROWS - 1,
        "texts": MESSAGES * ROWS / 2,
    });
    assert_eq!(rows, expected);
    // Each ends behind a whole message.
    assert!(table.commits() > 1);
    let letters = case.dead_letters("avro");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].number("offset"), Some(3));
    case.run().finish().expect_code(0);
    let again = table.query_one("select count(*) as rows from t");
    assert_eq!(again, json!({ "rows": MESSAGES * ROWS }));
}
