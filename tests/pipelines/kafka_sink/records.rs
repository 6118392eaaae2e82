//! What becomes of rows beside their values: keys, headers, times.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wasm_sink_tests::Case;
use wasm_sink_tests::kafka::{Kafka, fresh};

use super::{case, delivered};
use crate::kafka::{Ends, LATEST, Out, Target, pipeline};

/// One part of each record.
fn all(records: &[Value], part: &str) -> Value {
    records.iter().map(|record| record[part].clone()).collect()
}

#[test]
fn a_row_is_an_object_of_all_columns() {
    let topic = fresh("object");
    let rows = [
        json!({"id": "a", "n": 1, "deep": {"x": [1, null]}}),
        json!({"id": null, "n": 2, "deep": null}),
    ];
    let records = delivered(&topic, "", &rows);
    let values = json!([
        r#"{"id":"a","n":1,"deep":{"x":[1,null]}}"#,
        r#"{"id":null,"n":2,"deep":null}"#,
    ]);
    assert_eq!(all(&records, "value"), values);
    assert_eq!(all(&records, "key"), json!([null, null]));
    assert_eq!(all(&records, "headers"), json!([[], []]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    for record in records {
        let at = record["timestamp"].as_i64().unwrap();
        assert!((now - 120_000..=now).contains(&at), "{at} at {now}");
    }
    let made = Kafka::shared().describe(&topic).unwrap();
    assert_eq!(made.high.len(), 1, "as many partitions as brokers give");
}

#[test]
fn a_key_is_a_column() {
    let rows = [
        json!({"id": "é", "n": 1}),
        json!({"id": "", "n": -2}),
        json!({"id": null, "n": 3}),
    ];
    for (config, keys, values) in [
        (
            "key = \"id\"",
            json!(["é", "", null]),
            json!([
                r#"{"id":"é","n":1}"#,
                r#"{"id":"","n":-2}"#,
                r#"{"id":null,"n":3}"#
            ]),
        ),
        (
            "key = \"n\"\nvalue_without = [\"id\"]",
            json!(["1", "-2", "3"]),
            json!([r#"{"n":1}"#, r#"{"n":-2}"#, r#"{"n":3}"#]),
        ),
    ] {
        let records = delivered(&fresh("key"), config, &rows);
        assert_eq!(all(&records, "key"), keys, "{config}");
        assert_eq!(all(&records, "value"), values, "{config}");
    }
}

/// A column that has only had nulls is not there yet, and neither is one that was misspelt.
#[test]
fn a_key_that_no_row_has_is_said() {
    let topic = fresh("keyless");
    let case = case(&topic, "key = \"custmer\"", &[json!({"customer": "a"})]);
    let outcome = case.run().finish().expect_code(0);
    outcome.expect_said("custmer");
    outcome.expect_said("is it misspelt?");
    assert_eq!(all(&Kafka::shared().consume(&topic), "key"), json!([null]));
}

#[test]
fn a_key_is_made_of_several_columns() {
    let topic = fresh("template");
    let rows = [
        json!({"region": "eu", "id": 1, "n": 0.5}),
        json!({"region": null, "id": 2, "n": 1.5}),
        json!({"region": "us-{}", "id": 3, "n": 2.5}),
    ];
    let config = "key_template = \"{{{region}-{id}/{n}\"\n[limits]\nmax_rejected = 10_000";
    let case = case(&topic, config, &rows);
    case.run().finish().expect_code(0);
    let records = Kafka::shared().consume(&topic);
    assert_eq!(all(&records, "key"), json!(["{eu-1/0.5", "{us-{}-3/2.5"]));
    assert_eq!(
        records[0]["value"],
        json!(r#"{"region":"eu","id":1,"n":0.5}"#)
    );
    let letters = case.dead_letters(&topic);
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].number("line"), Some(2));
    assert!(
        letters[0].text("reason").contains("`region`"),
        "{letters:?}"
    );
}

#[test]
fn headers_are_a_column_of_names_and_values() {
    let rows = [
        json!({"n": 0, "h": r#"{"trace": "a1", "empty": "", "none": null, "number": 7}"#}),
        json!({"n": 1, "h": null}),
        json!({"n": 2, "h": r#"[{"twice": "b"}, {"twice": "a"}]"#}),
        json!({"n": 3, "h": r#"[["twice", "b"], ["twice", null]]"#}),
    ];
    let records = delivered(
        &fresh("headers"),
        "headers = \"h\"\nvalue_without = [\"h\"]",
        &rows,
    );
    let expected = json!([
        [
            ["trace", "a1"],
            ["empty", ""],
            ["none", null],
            ["number", "7"]
        ],
        [],
        [["twice", "b"], ["twice", "a"]],
        [["twice", "b"], ["twice", null]],
    ]);
    assert_eq!(all(&records, "headers"), expected);
    assert_eq!(
        all(&records, "value"),
        json!([r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#])
    );

    let rows = [
        json!({"h": {"trace": "a1", "n": 1}}),
        json!({"h": {"trace": null, "n": 2}}),
    ];
    let records = delivered(&fresh("headers"), "headers = \"h\"", &rows);
    // In a struct that is one that is not there.
    let expected = json!([[["trace", "a1"], ["n", "1"]], [["n", "2"]]]);
    assert_eq!(all(&records, "headers"), expected);
}

#[test]
fn headers_that_are_none_are_dead_letters() {
    let topic = fresh("headers");
    let rows = [
        json!({"n": 0, "h": r#"{"a": "b"}"#}),
        json!({"n": 1, "h": "no JSON"}),
        json!({"n": 2, "h": "[1, 2]"}),
    ];
    let case = case(
        &topic,
        "headers = \"h\"\n[limits]\nmax_rejected = 10_000",
        &rows,
    );
    case.run().finish().expect_code(0);
    assert_eq!(Kafka::shared().consume(&topic).len(), 1);
    let letters = case.dead_letters(&topic);
    let lines: Vec<_> = letters.iter().map(|letter| letter.number("line")).collect();
    assert_eq!(lines, [Some(2), Some(3)]);
    assert!(
        letters
            .iter()
            .all(|letter| letter.text("reason").contains("headers")),
        "{letters:?}"
    );
}

#[test]
fn a_time_is_a_column() {
    let millis = 1_700_000_000_123_i64;
    let rows = [json!({"n": 0, "at": millis}), json!({"n": 1, "at": 1})];
    let records = delivered(&fresh("time"), "timestamp = \"at\"", &rows);
    assert_eq!(all(&records, "timestamp"), json!([millis, 1]));

    let config = "timestamp = \"at\"\nvalue_without = [\"at\"]\nschema = [\
                  { name = \"n\", data_type = \"int64\" },\
                  { name = \"at\", data_type = \"timestamp(us,+00:00)\" }]";
    let rows = [
        json!({"n": 0, "at": "2023-11-14T22:13:20.123999Z"}),
        json!({"n": 1, "at": null}),
    ];
    let records = delivered(&fresh("time"), config, &rows);
    assert_eq!(records[0]["timestamp"], json!(millis));
    assert_eq!(records[0]["value"], json!(r#"{"n":0}"#));
    // The time of sending.
    assert!(
        records[1]["timestamp"].as_i64() > Some(millis + 86_400_000),
        "{records:?}"
    );
}

#[test]
fn one_column_is_the_value_and_null_a_tombstone() {
    let rows = [
        json!({"id": "a", "data": "x\ny", "n": 1}),
        json!({"id": "b", "data": null, "n": null}),
        json!({"id": "c", "data": "", "n": 3}),
    ];
    for (config, values) in [
        ("format = \"string\"", json!(["x\ny", null, ""])),
        (
            "format = \"string\"\nvalue = \"n\"",
            json!(["1", null, "3"]),
        ),
        ("format = \"bytes\"", json!(["x\ny", null, ""])),
    ] {
        let records = delivered(&fresh("plain"), &format!("{config}\nkey = \"id\""), &rows);
        assert_eq!(all(&records, "value"), values, "{config}");
        assert_eq!(all(&records, "key"), json!(["a", "b", "c"]), "{config}");
    }
}

/// The client that writes takes 0 for a time that is missing; what is not written as it is is a dead letter.
#[test]
fn a_time_that_no_record_can_have_is_a_dead_letter() {
    let topic = fresh("time");
    let rows = [
        json!({"n": 0, "at": 0}),
        json!({"n": 1, "at": -1}),
        json!({"n": 2, "at": 1}),
    ];
    let case = case(
        &topic,
        "timestamp = \"at\"\n[limits]\nmax_rejected = 10_000",
        &rows,
    );
    case.run().finish().expect_code(0);
    let records = Kafka::shared().consume(&topic);
    assert_eq!(all(&records, "timestamp"), json!([1]));
    let letters = case.dead_letters(&topic);
    let lines: Vec<_> = letters.iter().map(|letter| letter.number("line")).collect();
    assert_eq!(lines, [Some(1), Some(2)]);
    assert!(
        letters
            .iter()
            .all(|letter| letter.text("reason").contains("1970")),
        "{letters:?}"
    );
}

/// From topic to topic as it was, in both ways.
#[test]
fn records_pass_as_they_are() {
    let (kafka, topic) = (Kafka::shared(), fresh("passed"));
    kafka.create(&topic, 2);
    kafka.produce(
        &topic,
        &[
            json!({"key": "a", "value": {"base64": "/wD+"}, "partition": 1, "timestamp": 1_700_000_000_123_i64,
                   "headers": [["trace", "a1"], ["trace", "a2"], ["none", null]]}),
            json!({"key": "a", "value": null, "partition": 1, "timestamp": 2}),
            json!({"value": "", "partition": 0, "timestamp": 1}),
        ],
    );
    let records = kafka.consume(&topic);
    for is_same in [true, false] {
        let target = Target {
            kafka,
            topic: fresh("passed-to"),
        };
        let out = match is_same {
            true => Out::Same(&target),
            false => Out::Other(&target),
        };
        kafka.create(&target.topic, 2);
        let name = format!("{}-pipeline", target.topic);
        let source =
            format!("{LATEST}format = \"bytes\"\ntombstones = \"row\"\ngroup_id = \"{name}\"\n");
        let text = pipeline(&topic, &source, out, "");
        let config = "metadata_columns = [\"key\", \"headers\", \"timestamp\", \"partition\"]\n\
                      format = \"bytes\"\nkey = \"_key\"\nheaders = \"_headers\"\n\
                      timestamp = \"_timestamp\"\npartition = \"_partition\"";
        let text = text
            .replace("metadata_columns = [\"partition\", \"offset\"]", config)
            .replace(
                &format!("name = \"{topic}\""),
                &format!("name = \"{name}\""),
            );
        let case = Case::new(&text, Ends::new(kafka, out));
        case.run().finish().expect_code(0);
        assert_eq!(case.dead_letters(&name), []);
        let mut passed = kafka.consume(&target.topic);
        // Transactions leave marks between the offsets.
        for (record, original) in passed.iter_mut().zip(&records) {
            record["offset"] = original["offset"].clone();
        }
        assert_eq!(passed, records);
    }
}
