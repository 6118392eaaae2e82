//! What becomes of records: once each, with what is known of them beside the value.

use serde_json::{Value, json};
use wasm_sink_tests::kafka::{Kafka, fresh};

use super::{Ends, LATEST, OFTEN, Out, end, expect_nothing_new, generate, pipeline};
use crate::case::Case;

#[test]
fn each_record_arrives_once() {
    let (kafka, topic) = (Kafka::shared(), fresh("once"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 4);
    kafka.generate(&topic, 20_000, 4);
    let case = Case::new(&pipeline(&topic, LATEST, out, ""), Ends::new(kafka, out));
    let outcome = case.run().finish().expect_code(0);
    outcome.expect_said("20,000 rows");
    out.expect_each_once(20_000);
    let wrong = out.query("select * from t where text <> 'row ' || n or n % 4 <> _partition::int");
    assert_eq!(wrong, [json!(null); 0]);
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");

    generate(kafka, &topic, 20_000, 100, 4);
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("done: 100 rows");
    out.expect_each_once(20_100);
    expect_nothing_new(kafka, &topic, "", out);
}

#[test]
fn what_is_known_of_a_record_goes_into_columns() {
    let (kafka, topic) = (Kafka::shared(), fresh("known"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 2);
    kafka.produce(
        &topic,
        &[
            json!({"key": "k", "value": "{\"n\": 0}", "partition": 1, "timestamp": 1_700_000_000_123_i64,
                   "headers": [["trace", "a1"], ["trace", null], ["raw", {"base64": "/w=="}]]}),
            json!({"key": {"base64": "/wA="}, "value": "{\"n\": 1}", "partition": 1, "timestamp": 5}),
            json!({"key": "", "value": "{\"n\": 2}", "partition": 1, "timestamp": 1}),
            json!({"value": "{\"n\": 3}", "partition": 1, "timestamp": 253_402_300_799_000_i64}),
        ],
    );
    let text = pipeline(&topic, LATEST, out, "");
    let all = "\"key\", \"topic\", \"partition\", \"offset\", \"timestamp\", \"headers\", \"all\"";
    let text = text.replace("\"partition\", \"offset\"", all);
    Case::new(&text, Ends::new(kafka, out))
        .run()
        .finish()
        .expect_code(0);
    let rows = out.query(
        "select n, _key, _topic, _partition, _offset, epoch_us(_timestamp) as micros, _headers, _metadata \
         from t order by n",
    );
    let times = [
        1_700_000_000_123_000_i64,
        5_000,
        1_000,
        253_402_300_799_000_000,
    ];
    let headers = r#"[["trace","a1"],["trace",null],["raw","/w=="]]"#;
    let expected = [
        (json!("k"), json!(headers)),
        (json!("/wA="), json!(null)),
        (json!(""), json!(null)),
        (json!(null), json!(null)),
    ];
    assert_eq!(rows.len(), 4);
    for (n, (key, headers)) in expected.into_iter().enumerate() {
        let mut row = rows[n].clone();
        let together = row.as_object_mut().unwrap().remove("_metadata").unwrap();
        let expected = json!({
            "n": n, "_key": key, "_topic": topic, "_partition": "1", "_offset": n, "micros": times[n],
            "_headers": headers,
        });
        assert_eq!(row, expected);
        let together: Value = serde_json::from_str(together.as_str().unwrap()).unwrap();
        for name in ["key", "topic", "offset"] {
            assert_eq!(together[name], expected[format!("_{name}")], "{together}");
        }
    }
}

#[test]
fn what_is_no_record_is_a_dead_letter_that_says_where_it_stands() {
    let (kafka, topic) = (Kafka::shared(), fresh("broken"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 3);
    let good = |n: u64| json!({"value": json!({"n": n}).to_string(), "partition": 2});
    kafka.produce(
        &topic,
        &[
            good(0),
            json!({"value": "{\"n\": ", "partition": 2}),
            good(1),
            json!({"value": {"base64": "/wD+"}, "partition": 2}),
            json!({"value": "", "partition": 2}),
            json!({"value": "[1]", "partition": 1}),
            good(2),
        ],
    );
    let more = "[limits]\nmax_rejected = 10_000\n";
    let case = Case::new(&pipeline(&topic, LATEST, out, more), Ends::new(kafka, out));
    case.run().finish().expect_code(0);
    out.expect_each_once(3);
    let mut letters = case.dead_letters(&topic);
    letters.sort_by_key(|letter| (letter.text("partition").to_owned(), letter.number("offset")));
    let found: Vec<_> = letters
        .iter()
        .map(|letter| {
            assert!(letter.text("name").contains(&topic), "{letter:?}");
            assert!(letter.text("source").starts_with("kafka:"), "{letter:?}");
            assert_eq!(letter.text("by"), "decoder");
            assert_ne!(letter.text("reason"), "");
            let record = letter
                .value
                .get("record")
                .or(letter.value.get("record_base64"));
            (
                letter.text("partition"),
                letter.number("offset"),
                record.unwrap().clone(),
            )
        })
        .collect();
    let expected = [
        ("1", Some(0), json!("[1]")),
        ("2", Some(1), json!("{\"n\": ")),
        ("2", Some(3), json!("/wD+")),
        ("2", Some(4), json!("")),
    ];
    assert_eq!(found, expected);
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
}

/// Large ones, so that they come in a batch of their own, in which there is no row: the table is made with what
/// comes behind, in the same epoch.
#[test]
fn what_is_no_record_may_come_before_all_rows() {
    let (kafka, topic) = (Kafka::shared(), fresh("first"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 1);
    let bad = json!({ "value": "x".repeat(900_000) });
    let good = json!({ "value": "{\"n\": 0}" });
    kafka.produce(&topic, &[bad.clone(), bad.clone(), bad, good]);
    let more = "[limits]\nmax_rejected = 10_000\n[retry]\ngive_up_ms = 10_000\n";
    let case = Case::new(&pipeline(&topic, LATEST, out, more), Ends::new(kafka, out));
    case.run().finish().expect_code(0);
    out.expect_each_once(1);
    assert_eq!(case.dead_letters(&topic).len(), 3);
}

#[test]
fn records_without_a_value_are_what_the_pipeline_says() {
    let (kafka, topic) = (Kafka::shared(), fresh("tombstones"));
    kafka.create(&topic, 1);
    kafka.produce(
        &topic,
        &[
            json!({"key": "a", "value": "{\"n\": 0}"}),
            json!({"key": "b", "value": null}),
            json!({"key": "c", "value": "{\"n\": 1}"}),
            json!({"key": "d", "value": null}),
        ],
    );
    for (word, offsets, letters, said) in [
        ("skip", vec![0, 2], 0, "2 rows"),
        ("row", vec![0, 1, 2, 3], 0, "4 rows"),
        ("reject", vec![0, 2], 2, "2 rows"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = Out::Lake(folder.path());
        let source = format!("group_id = \"{topic}-{word}\"\ntombstones = \"{word}\"\n{LATEST}");
        let more = "[limits]\nmax_rejected = 10_000\n";
        let case = Case::new(&pipeline(&topic, &source, out, more), Ends::new(kafka, out));
        let outcome = case.run().finish().expect_code(0);
        outcome.expect_said(said);
        assert_eq!(
            outcome.said().contains("(tombstones)"),
            word == "skip",
            "{}",
            outcome.said()
        );
        let rows = out.query("select n, _offset from t order by _offset");
        let found: Vec<_> = rows
            .iter()
            .map(|row| row["_offset"].as_u64().unwrap())
            .collect();
        assert_eq!(found, offsets, "{word}");
        for row in rows {
            assert_eq!(
                row["n"].is_null(),
                row["_offset"].as_u64().unwrap() % 2 == 1,
                "{row}"
            );
        }
        let found = case.dead_letters(&topic);
        assert_eq!(found.len(), letters, "{word}: {found:?}");
        // The last record was none: all the same the partition is done.
        case.run()
            .finish()
            .expect_code(0)
            .expect_said("nothing new");
    }
}

#[test]
fn plain_formats_have_the_columns_that_are_promised() {
    let kafka = Kafka::shared();
    for (format, values, columns, expected, letters) in [
        (
            "format = \"string\"\n",
            vec![json!("a\nb"), json!(""), json!({"base64": "/w=="})],
            "data",
            json!([{"data": "a\nb"}, {"data": ""}]),
            1,
        ),
        (
            "format = \"int64\"\n",
            vec![
                json!({"base64": "AAAAAAAAAQI="}),
                json!({"base64": "//////////8="}),
                json!("seven b"),
            ],
            "value",
            json!([{"value": 258}, {"value": -1}]),
            1,
        ),
        (
            "format = \"bytes\"\n",
            vec![json!({"base64": "/wA="}), json!("")],
            "hex(data) as hex, size",
            json!([{"hex": "FF00", "size": 2}, {"hex": "", "size": 0}]),
            0,
        ),
        (
            "format = \"csv\"\ndelimiter = \";\"\nschema = [{ name = \"id\", data_type = \"int64\" }, \
             { name = \"name\", data_type = \"utf8\" }]\n",
            vec![
                json!("1;\"a;\n\"\"b\"\"\""),
                json!("2;"),
                json!("x;c"),
                json!("3;d"),
            ],
            "id, name",
            json!([{"id": 1, "name": "a;\n\"b\""}, {"id": 2, "name": null}, {"id": 3, "name": "d"}]),
            1,
        ),
    ] {
        let topic = fresh("plain");
        kafka.create(&topic, 1);
        let records: Vec<_> = values
            .iter()
            .map(|value| json!({ "value": value }))
            .collect();
        kafka.produce(&topic, &records);
        let folder = tempfile::tempdir().unwrap();
        let out = Out::Lake(folder.path());
        let more = "[limits]\nmax_rejected = 10_000\n";
        let text = pipeline(&topic, &format!("{format}{LATEST}"), out, more);
        let case = Case::new(&text, Ends::new(kafka, out));
        case.run().finish().expect_code(0);
        let rows = out.query(&format!("select {columns} from t order by _offset"));
        assert_eq!(json!(rows), expected, "{format}");
        assert_eq!(case.dead_letters(&topic).len(), letters, "{format}");
    }
}

/// The first record of a topic says little: what follows soon counts as if it had been there.
#[test]
fn whole_numbers_may_become_fractions() {
    let (kafka, topic) = (Kafka::shared(), fresh("fractions"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 1);
    let produce = |records: &[&str]| {
        let records: Vec<Value> = records
            .iter()
            .map(|value| json!({ "value": value }))
            .collect();
        kafka.produce(&topic, &records);
    };
    produce(&["{\"n\": 1, \"price\": 10}", "{\"n\": 2, \"price\": 10.5}"]);
    let text = pipeline(&topic, LATEST, out, "");
    Case::new(&text, Ends::new(kafka, out))
        .run()
        .finish()
        .expect_code(0)
        .expect_said("2 rows");

    produce(&["{\"n\": 3, \"price\": 11}"]);
    let case = Case::new(&pipeline(&topic, "", out, OFTEN), Ends::new(kafka, out));
    let process = case.run().start();
    out.await_records(3);
    produce(&["{\"n\": 4, \"price\": 11.5}"]);
    out.await_records(4);
    end(process).expect_code(0);
    let prices = out.query("select price from t order by n");
    let expected = [10.0, 10.5, 11.0, 11.5].map(|price| json!({ "price": price }));
    assert_eq!(prices, expected);
}
