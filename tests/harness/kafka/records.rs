//! What goes into topics and comes out of them.

use std::path::Path;

use serde_json::{Value, json};

use super::Kafka;
use crate::python::Asked;
use crate::schema_registry::SchemaRegistry;

/// Longer than any test takes.
const AN_HOUR_S: usize = 3600;

impl Kafka {
    /// Writes these records, each `{"key", "value", "partition", "timestamp", "headers": [[name, value]]}` without what
    /// it lacks; keys and values are text, null or `{"base64"}`. Where each of them is: partition and offset.
    pub fn produce(&self, topic: &str, records: &[Value]) -> Vec<(i64, i64)> {
        places(self.ask(json!({ "produce": topic, "records": records })))
    }

    /// Writes these in a transaction that is then `commit`, `abort` or `leave`, which is left open.
    pub fn produce_and(&self, end: &str, topic: &str, records: &[Value]) -> Vec<(i64, i64)> {
        places(self.ask(json!({ "produce": topic, "records": records, "transaction": end })))
    }

    /// Writes `count` records, `{"n": 0, "text": "row 0"}` and so on, in turn to so many partitions.
    pub fn generate(&self, topic: &str, count: usize, partitions: usize) {
        let how = json!({ "count": count, "partitions": partitions });
        self.ask(json!({ "produce": topic, "generate": how }));
    }

    /// The same, so many a second, beside the test. It outlasts faults, and writes each record once.
    pub fn keep_generating(
        &self,
        topic: &str,
        count: usize,
        partitions: usize,
        per_second: usize,
    ) -> Asked {
        let how = json!({ "count": count, "partitions": partitions, "per_second": per_second });
        self.start_asking(json!({ "produce": topic, "generate": how }))
    }

    /// The same until there is a file; the answer is how many there were.
    pub fn generate_until(
        &self,
        topic: &str,
        enough: &Path,
        partitions: usize,
        per_second: usize,
    ) -> Asked {
        let count = per_second * AN_HOUR_S;
        let how = json!({
            "count": count, "partitions": partitions, "per_second": per_second, "until": enough,
        });
        self.start_asking(json!({ "produce": topic, "generate": how }))
    }

    /// All that a reader of what is committed sees now, by partition and offset: `{"partition", "offset", "timestamp",
    /// "key", "value", "headers"}`.
    pub fn consume(&self, topic: &str) -> Vec<Value> {
        list(self.ask(json!({ "consume": topic })))
    }

    /// The rows that a query of DuckDB answers over that: `t` has the members of the values, which are JSON,
    /// `records` has `partition`, `offset`, `timestamp`, `key` and `value`.
    pub fn query(&self, topic: &str, sql: &str) -> Vec<Value> {
        list(self.ask(json!({ "consume": topic, "query": sql })))
    }

    /// The same once no transaction is open in the topic: what one left behind is aborted after its time.
    pub fn query_settled(&self, topic: &str, sql: &str) -> Vec<Value> {
        list(self.ask(json!({ "consume": topic, "query": sql, "settled": true })))
    }

    /// The members of all values, which are JSON objects, in the order in which they appear; none where there is no
    /// topic.
    pub fn columns(&self, topic: &str) -> Vec<String> {
        let names = list(self.ask(json!({ "columns": topic })));
        let names = names.iter().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    }

    /// Writes these records in Avro, whose values are JSON; the schema is registered.
    pub fn produce_avro(
        &self,
        topic: &str,
        registry: &SchemaRegistry,
        schema: &Value,
        records: &[Value],
    ) -> Vec<(i64, i64)> {
        places(self.ask(json!({
            "produce": topic,
            "records": records,
            "registry": registry.url(),
            "schema": schema.to_string(),
        })))
    }

    /// As [`consume`](Self::consume), where values are Avro.
    pub fn consume_avro(&self, topic: &str, registry: &SchemaRegistry) -> Vec<Value> {
        list(self.ask(json!({ "consume": topic, "registry": registry.url() })))
    }

    /// As [`query`](Self::query), where values are Avro.
    pub fn query_avro(&self, topic: &str, registry: &SchemaRegistry, sql: &str) -> Vec<Value> {
        list(self.ask(json!({ "consume": topic, "query": sql, "registry": registry.url() })))
    }
}

fn list(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(items) => items,
        other => panic!("no list: {other}"),
    }
}

fn places(answer: Value) -> Vec<(i64, i64)> {
    let place = |place: &Value| Some((place[0].as_i64()?, place[1].as_i64()?));
    list(answer)
        .iter()
        .map(|answer| place(answer).expect("a partition and an offset"))
        .collect()
}
