//! Topics of one pipeline that go to tables of their own, while its processes are killed.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wasm_sink_tests::DeltaTable;
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::postgres::Postgres;

use super::members::{Members, chance};
use super::{LATEST, OFTEN, Out, await_that, case, pipeline_of};

const RECORDS: usize = 3_000;

/// Tables by the names of their topics: `name.a` to `a`, and those that begin with `name.b` to `b`.
fn deliver(name: &str, out: Out<'_>, query: impl Fn(&str, &str) -> Vec<Value>) {
    let (kafka, name) = (Kafka::shared(), fresh(name));
    let topics = ["a", "b1", "b2"].map(|topic| format!("{name}.{topic}"));
    for topic in &topics {
        kafka.create(topic, 4);
    }
    let more = format!(
        "[[routes]]\ntopic = \"{name}.a\"\ntable = \"a\"\n\
         [[routes]]\npattern = \"{name}.b*\"\ntable = \"b\"\n{OFTEN}[limits]\ntasks = 2\n"
    );
    let source = format!("topic_pattern = \"{name}[.].*\"\n");
    let text = pipeline_of(&name, &source, out, &more);
    let text = text
        .replace("table_name = \"t\"\n", "")
        .replace("\"partition\",", "\"topic\", \"partition\",");
    let cases = [(); 2].map(|()| case(kafka, &text, out));
    let producers = topics
        .each_ref()
        .map(|topic| kafka.keep_generating(topic, RECORDS, 4, RECORDS / 6));
    let mut members = Members::start(cases, chance());
    members.torment(Duration::from_secs(6));
    members.settle();
    for producer in producers {
        producer.wait();
    }
    let counts = || {
        let counted = |table: &str, what: &str| {
            let sql = "select _topic, count(*) as rows, count(distinct (_partition, _offset)) as places, \
                       count(distinct n) as numbers from t group by _topic order by _topic";
            query(table, &sql.replace("from t", what))
        };
        json!([counted("a", "from a"), counted("b", "from b")])
    };
    let of = |topic: &str| json!({ "_topic": topic, "rows": RECORDS, "places": RECORDS, "numbers": RECORDS });
    let [a, b1, b2] = topics.each_ref().map(|topic| of(topic));
    let expected = json!([[a], [b1, b2]]);
    await_that("all records", || {
        let counts = counts();
        (counts == expected, counts)
    });
    members.end();
    assert_eq!(counts(), expected);
    let text = text.replace(&source, &format!("{source}{LATEST}"));
    let outcome = case(kafka, &text, out).run().finish().expect_code(0);
    outcome.expect_said("nothing new");
}

#[test]
fn to_delta_tables_that_are_each_home_of_their_topics() {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = folder.path();
    deliver("lake", Out::Lake(path), |table, sql| {
        let found = DeltaTable::local(&path.join(table));
        match found.exists() {
            true => found.query(&sql.replace(&format!("from {table}"), "from t")),
            false => Vec::new(),
        }
    });
}

#[test]
fn to_postgres_in_one_transaction() {
    let server = Postgres::start();
    deliver("base", Out::Database(&server), |table, sql| {
        let found = server.query(&format!("select to_regclass('{table}')::text as name"));
        match found[0]["name"] == json!(table) {
            true => server.query(sql),
            false => Vec::new(),
        }
    });
}
