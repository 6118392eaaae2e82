//! Every type at its extremes, as the text that stands in the topic.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use wasm_sink_tests::Case;
use wasm_sink_tests::duckdb::DuckDb;
use wasm_sink_tests::kafka::{Kafka, fresh};

use super::{To, case};

/// The values of records, member by member, as they are written.
fn members(topic: &str) -> Vec<BTreeMap<String, Box<RawValue>>> {
    let records = Kafka::shared().consume(topic);
    let values = records
        .iter()
        .map(|record| record["value"].as_str().unwrap());
    values
        .map(|value| serde_json::from_str(value).unwrap())
        .collect()
}

#[test]
fn every_type_has_a_text() {
    let topic = fresh("types");
    let nines = "9".repeat(38);
    let columns = [
        ("i8", "int8", json!(-128), "-128"),
        ("i16", "int16", json!(32_767), "32767"),
        ("i32", "int32", json!(i32::MIN), "-2147483648"),
        ("i64_min", "int64", json!(i64::MIN), "-9223372036854775808"),
        ("i64_max", "int64", json!(i64::MAX), "9223372036854775807"),
        ("u8", "uint8", json!(255), "255"),
        ("u16", "uint16", json!(65_535), "65535"),
        ("u32", "uint32", json!(u32::MAX), "4294967295"),
        ("u64", "uint64", json!(u64::MAX), "18446744073709551615"),
        ("yes", "boolean", json!(true), "true"),
        ("nan", "float64", json!("NaN"), r#""NaN""#),
        ("inf", "float64", json!("inf"), r#""Infinity""#),
        ("ninf", "float32", json!("-inf"), r#""-Infinity""#),
        ("tiny", "float64", json!(5e-324), "5e-324"),
        (
            "huge",
            "float64",
            json!(f64::MAX),
            "1.7976931348623157e+308",
        ),
        ("zero", "float64", json!(-0.0), "-0.0"),
        ("f32", "float32", json!(0.1), "0.1"),
        (
            "dec38",
            "decimal(38,10)",
            json!("-1234567890123456789012345678.0123456789"),
            "-1234567890123456789012345678.0123456789",
        ),
        ("nines", "decimal(38,0)", json!(nines), &nines),
        ("cents", "decimal(3,2)", json!("-0.01"), "-0.01"),
        ("day1", "date32", json!("0001-01-01"), r#""0001-01-01""#),
        ("day2", "date32", json!("9999-12-31"), r#""9999-12-31""#),
        ("old", "date32", json!("1969-12-31"), r#""1969-12-31""#),
        (
            "at",
            "timestamp(us)",
            json!("0001-01-01T00:00:00.000001"),
            r#""0001-01-01T00:00:00.000001""#,
        ),
        (
            "at_late",
            "timestamp(us,+00:00)",
            json!("9999-12-31T23:59:59.999999Z"),
            r#""9999-12-31T23:59:59.999999Z""#,
        ),
        (
            "at_zone",
            "timestamp(ms,+00:00)",
            json!("1969-12-31T23:00:00.123-01:00"),
            r#""1970-01-01T00:00:00.123Z""#,
        ),
        (
            "at_ns",
            "timestamp(ns)",
            json!("2026-01-01T00:00:00.123456789"),
            r#""2026-01-01T00:00:00.123456789""#,
        ),
        (
            "at_s",
            "timestamp(s)",
            json!("1901-12-13T20:45:52"),
            r#""1901-12-13T20:45:52""#,
        ),
        ("empty", "utf8", json!(""), r#""""#),
        (
            "quotes",
            "utf8",
            json!("it's \"x\"; \\ 🦀\n"),
            r#""it's \"x\"; \\ 🦀\n""#,
        ),
        ("bytes", "binary", json!("abcd"), r#""YWJjZA==""#),
        ("none", "int32", Value::Null, "null"),
        ("list", "list<int32>", json!([1, null, 3]), "[1,null,3]"),
        ("no_items", "list<utf8>", json!([]), "[]"),
        (
            "days",
            "list<date32>",
            json!(["0001-01-01"]),
            r#"["0001-01-01"]"#,
        ),
        (
            "deep",
            "list<struct<a: list<int64>, b: struct<c: utf8>>>",
            json!([{"a": [1, null], "b": {"c": "x"}}, null]),
            r#"[{"a":[1,null],"b":{"c":"x"}},null]"#,
        ),
        (
            "city",
            "dictionary<int32, utf8>",
            json!("Wien"),
            r#""Wien""#,
        ),
    ];
    let schema = columns.iter().map(|(name, kind, ..)| {
        format!("{{ name = {}, data_type = {} }}", json!(name), json!(kind))
    });
    let schema = format!("schema = [{}]", schema.collect::<Vec<_>>().join(", "));
    let record: Map<_, _> = columns
        .iter()
        .map(|(name, _, value, _)| ((*name).to_owned(), value.clone()))
        .collect();
    let case = case(&topic, &schema, &[record.into(), json!({})]);
    case.run().finish().expect_code(0);
    assert_eq!(case.dead_letters(&topic), []);
    let found = members(&topic);
    let [full, empty] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((full.len(), empty.len()), (columns.len(), columns.len()));
    for (name, _, _, text) in &columns {
        // With a sign or without: both are the same number.
        let written = full[*name].get().replace("e+", "e");
        assert_eq!(written, text.replace("e+", "e"), "{name}");
        assert_eq!(empty[*name].get(), "null", "{name}");
    }
}

/// JSON has no such years: they come from a database, as do times of day and maps.
#[test]
fn what_a_database_has_beside_that_has_a_text() {
    let (topic, far) = (fresh("far"), DuckDb::start());
    far.run(
        "create table far (n bigint, day date, \"at\" timestamp, at_zone timestamptz, \"time\" time,
                           map map(varchar, integer));
         insert into far values (1, '12000-02-29', '12000-02-29 01:02:03.000004',
                                 '12000-02-29 01:02:03.000004+00', '23:59:59.000001',
                                 map {'a': 1, 'b': null})",
    );
    let text = format!(
        "name = \"{topic}\"\n[connections.far]\ntype = \"duckdb\"\npath = {}\n\
         [source]\nconnection = \"far\"\ntable_name = \"far\"\norder_by = \"n\"\n\
         [sink]\ncomponent = \"kafka\"\nconnection = \"out\"\n[sink.config]\ntopic = \"{topic}\"\n",
        json!(far.path().display().to_string())
    );
    let case = Case::new(&text, To::shared());
    case.run().finish().expect_code(0);
    assert_eq!(case.dead_letters(&topic), []);
    let [found] = members(&topic).try_into().unwrap();
    for (name, text) in [
        ("n", "1"),
        ("day", r#""+12000-02-29""#),
        ("at", r#""+12000-02-29T01:02:03.000004""#),
        ("at_zone", r#""+12000-02-29T01:02:03.000004Z""#),
        ("time", r#""23:59:59.000001""#),
        ("map", r#"{"a":1,"b":null}"#),
    ] {
        assert_eq!(found[name].get(), text, "{name}");
    }
}
