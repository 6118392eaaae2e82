//! JSON lines against other readers, and everything that is wrong with them.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod common;

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use common::{block, decode, infer, lossless_text};
use serde_json::{Map, Value, json};
use wasm_sink_formats::{Decoder, Format, Outcome, UnknownFields, describe};

fn json_decoder() -> Decoder {
    Decoder::new(Format::Json, b"", None).unwrap()
}

fn schema(columns: &[(&str, &str)]) -> SchemaRef {
    let fields = columns.iter().map(|(name, text)| {
        let (text, nullable) = match text.strip_suffix(" not null") {
            Some(text) => (text, false),
            None => (*text, true),
        };
        Field::new(
            *name,
            wasm_sink_core::data_type::parse(text).unwrap(),
            nullable,
        )
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The reason that the only record of `text` is refused for.
#[track_caller]
fn reason(columns: &[(&str, &str)], text: &[u8]) -> String {
    let decoded = decode(
        &json_decoder(),
        &schema(columns),
        text,
        UnknownFields::Ignore,
    );
    assert_eq!(decoded.rows.num_rows(), 0, "{:?}", decoded.rows);
    assert_eq!(decoded.undecodable.len(), 1, "{:?}", decoded.undecodable);
    decoded.undecodable[0].reason.clone()
}

fn random_text(random: &mut fastrand::Rng) -> String {
    let pieces = [
        "a",
        "Z",
        "é",
        "😀",
        "\"",
        "\\",
        "\n",
        "\u{1}",
        " ",
        "{",
        "]",
        "\u{2028}",
        "plain words ",
    ];
    (0..random.usize(..6))
        .map(|_| pieces[random.usize(..pieces.len())])
        .collect()
}

/// A record of a fixed shape with everything in it, fields missing, null and in any order.
fn random_record(random: &mut fastrand::Rng) -> Value {
    let maybe = |random: &mut fastrand::Rng, value: Value| match random.u8(..8) {
        0 => Value::Null,
        _ => value,
    };
    let mut members = vec![
        ("id", json!(random.i64(..) >> random.u8(..63))),
        ("amount", json!(f64::from(random.i32(..)) / 64.0)),
        ("name", json!(random_text(random))),
        ("ok", json!(random.bool())),
        (
            "tags",
            (0..random.usize(..4))
                .map(|_| {
                    let text = json!(random_text(random));
                    maybe(random, text)
                })
                .collect(),
        ),
        (
            "detail",
            json!({
                "score": random.i32(..),
                "where": { "country": random_text(random), "deep": [[1, 2], [], [random.u8(..)]] },
            }),
        ),
        (
            "items",
            (0..random.usize(..3))
                .map(|index| json!({ "n": index, "label": random_text(random) }))
                .collect(),
        ),
    ];
    random.shuffle(&mut members);
    members.truncate(random.usize(3..8));
    let mut record = Map::new();
    for (name, value) in members {
        record.insert(name.to_owned(), maybe(random, value));
    }
    Value::Object(record)
}

fn random_lines(random: &mut fastrand::Rng, rows: usize) -> String {
    let mut text = String::new();
    for _ in 0..rows {
        let record = random_record(random);
        if random.bool() {
            text.push_str(&record.to_string());
        } else {
            text.push_str(
                &serde_json::to_string_pretty(&record)
                    .unwrap()
                    .replace('\n', " "),
            );
        }
        text.push_str(["\n", "\r\n", "\n\n", " \n"][random.usize(..4)]);
    }
    text
}

#[test]
fn batches_equal_those_of_arrow_json() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut seen = 0;
    for _ in 0..200 {
        let text = random_lines(&mut random, 40);
        let decoder = json_decoder();
        let schema = infer(&decoder, text.as_bytes());
        let decoded = decode(&decoder, &schema, text.as_bytes(), UnknownFields::Refuse);
        assert_eq!(decoded.undecodable, []);

        let mut reader = arrow::json::ReaderBuilder::new(Arc::clone(&schema))
            .build(text.as_bytes())
            .unwrap();
        let theirs: RecordBatch = reader.next().unwrap().unwrap();
        assert_eq!(decoded.rows, theirs);
        seen += theirs.num_rows();
    }
    assert_eq!(seen, 8000);
}

#[test]
fn rows_equal_what_serde_json_reads() {
    let mut random = fastrand::Rng::with_seed(12);
    let text = random_lines(&mut random, 2000);
    let decoder = json_decoder();
    let schema = infer(&decoder, text.as_bytes());
    let decoded = decode(&decoder, &schema, text.as_bytes(), UnknownFields::Refuse);
    let mut out = Vec::new();
    let mut writer = arrow::json::LineDelimitedWriter::new(&mut out);
    writer.write(&decoded.rows).unwrap();
    writer.finish().unwrap();
    let ours = String::from_utf8(out).unwrap();
    let theirs = text.lines().filter(|line| !line.trim().is_empty());
    for (ours, theirs) in ours.lines().zip(theirs) {
        let ours: Value = serde_json::from_str(ours).unwrap();
        let theirs: Value = serde_json::from_str(theirs).unwrap();
        assert_eq!(lossless_text(&ours), lossless_text(&theirs));
    }
}

#[test]
fn any_change_of_a_byte_leaves_the_other_rows_alone() {
    let mut random = fastrand::Rng::with_seed(13);
    let lines: Vec<String> = (0..3)
        .map(|_| random_lines(&mut random, 1).trim().to_owned())
        .collect();
    let text = lines.join("\n");
    let decoder = json_decoder();
    let schema = infer(&decoder, text.as_bytes());
    let whole = decode(&decoder, &schema, text.as_bytes(), UnknownFields::Ignore).rows;
    let middle = lines[0].len() + 1..lines[0].len() + 1 + lines[1].len();
    for at in middle {
        for byte in [
            0, b'\n', b'"', b'{', b'}', b',', b'\\', b'x', b'9', 0xff, 0xc3,
        ] {
            let mut broken = text.clone().into_bytes();
            broken[at] = byte;
            let decoded = decode(&decoder, &schema, &broken, UnknownFields::Ignore);
            let rows = decoded.rows.num_rows();
            assert!(rows >= 2, "{}", String::from_utf8_lossy(&broken));
            assert_eq!(decoded.rows.slice(0, 1), whole.slice(0, 1));
            assert_eq!(decoded.rows.slice(rows - 1, 1), whole.slice(2, 1));
            for letter in &decoded.undecodable {
                let place = letter.place.start as usize..letter.place.end as usize;
                assert!(broken.get(place).is_some());
                assert!(!letter.reason.is_empty());
            }
        }
    }
}

#[test]
fn bad_records_are_named_with_place_and_reason() {
    let text = concat!(
        "\u{feff}{\"id\": 1}\r\n",
        "\n",
        "{\"id\": \"two\"}\n",
        "   \t\n",
        "{\"id\": 3\n",
        "{\"id\": 4}\n",
        "[1]\n",
        "{\"id\": 5}",
    );
    let decoded = decode(
        &json_decoder(),
        &schema(&[("id", "int64")]),
        text.as_bytes(),
        UnknownFields::Ignore,
    );
    let ids = decoded.rows.column(0).as_primitive::<Int64Type>();
    assert_eq!(ids.values(), &[1, 4, 5]);
    let lines: Vec<_> = decoded
        .places
        .iter()
        .map(|place| place.lines_before + 1)
        .collect();
    assert_eq!(lines, [1, 6, 8]);
    assert_eq!(decoded.lines, 7);
    let letters: Vec<_> = decoded
        .undecodable
        .iter()
        .map(|letter| {
            let place = letter.place.start as usize..letter.place.end as usize;
            (
                letter.after_rows,
                letter.place.lines_before + 1,
                &text[place],
                letter.reason.as_str(),
            )
        })
        .collect();
    assert_eq!(
        letters,
        [
            (
                1,
                3,
                "{\"id\": \"two\"}\n",
                "`id` takes int64, and the value is \"two\" (byte 8 of the record)"
            ),
            (
                1,
                5,
                "{\"id\": 3\n",
                "the record ends where `,` or `}` should stand (byte 9 of the record)"
            ),
            (
                2,
                7,
                "[1]\n",
                "a record is one JSON object, and this is a list (byte 1 of the record)"
            ),
        ]
    );
}

#[test]
fn nothing_is_wrapped_truncated_or_guessed() {
    for (data_type, value) in [
        ("int8", "128"),
        ("int8", "-129"),
        ("int32", "2147483648"),
        ("int64", "9223372036854775808"),
        ("int64", "1.5"),
        ("int64", "\"1\""),
        ("int64", "true"),
        ("uint8", "-1"),
        ("uint64", "18446744073709551616"),
        ("float64", "1e400"),
        ("float64", "9007199254740993"),
        ("float64", "\"1.5\""),
        ("float32", "16777217"),
        ("float32", "1e39"),
        ("boolean", "1"),
        ("boolean", "\"true\""),
        ("decimal(4,2)", "1.005"),
        ("decimal(4,2)", "100"),
        ("date32", "\"2026-02-30\""),
        ("date32", "\"2026-01-31T10:00:00Z\""),
        ("timestamp(ms,+00:00)", "\"2026-01-31T10:00:00.0001Z\""),
        ("timestamp(us,+00:00)", "\"now\""),
        ("time32(s)", "86400"),
        ("binary", "\"%%%\""),
        ("fixed_size_binary(2)", "\"AAAA\""),
        ("list<int8>", "[1, 300]"),
        ("list<int8>", "1"),
        ("struct<a: int8>", "{\"a\": 300}"),
        ("struct<a: int8>", "[]"),
        ("struct<a: int8 not null>", "{}"),
        ("map<utf8, int8>", "{\"k\": 1, \"k\": 2}"),
        ("int8 not null", "null"),
    ] {
        let text = format!("{{\"v\": {value}}}");
        let reason = reason(&[("v", data_type)], text.as_bytes());
        assert!(reason.contains("`v"), "{data_type} {value}: {reason}");
    }
}

#[test]
fn values_that_fit_go_in() {
    let columns = [
        ("i8", "int8"),
        ("u64", "uint64"),
        ("f32", "float32"),
        ("dec", "decimal(10,2)"),
        ("big", "large_utf8"),
        ("view", "utf8_view"),
        ("bin", "binary"),
        ("fixed", "fixed_size_binary(2)"),
        ("day", "date32"),
        ("day64", "date64"),
        ("clock", "time32(ms)"),
        ("clock64", "time64(us)"),
        ("at", "timestamp(us,+00:00)"),
        ("naive", "timestamp(s)"),
        ("map", "map<utf8, int64>"),
        ("large", "large_list<int16>"),
        ("any", "utf8"),
    ];
    let schema = schema(&columns);
    let text = concat!(
        r#"{"i8": -128, "u64": 18446744073709551615, "f32": 0.5, "dec": 12.5, "big": "b", "#,
        r#""view": "a view that is longer than twelve", "bin": "AAE=", "fixed": "AAE=", "#,
        r#""day": "1970-01-02", "day64": "1970-01-02", "clock": "00:00:01.5", "clock64": 7, "#,
        r#""at": "1970-01-01T00:00:01Z", "naive": 60, "map": {"k": 1, "l": null}, "#,
        r#""large": [1, null, 2.0], "any": {"a": [1, "x"]}}"#,
        "\n{}\n",
    );
    let decoded = decode(
        &json_decoder(),
        &schema,
        text.as_bytes(),
        UnknownFields::Refuse,
    );
    assert_eq!(decoded.undecodable, []);
    assert_eq!(decoded.rows.schema(), schema);
    let mut shown = Vec::new();
    for column in decoded.rows.columns() {
        let options = arrow::util::display::FormatOptions::default();
        let formatter = arrow::util::display::ArrayFormatter::try_new(column, &options).unwrap();
        shown.push(formatter.value(0).to_string());
        assert!(column.is_null(1));
    }
    assert_eq!(
        shown,
        [
            "-128",
            "18446744073709551615",
            "0.5",
            "12.50",
            "b",
            "a view that is longer than twelve",
            "0001",
            "0001",
            "1970-01-02",
            "1970-01-02T00:00:00",
            "00:00:01.500",
            "00:00:00.000007",
            "1970-01-01T00:00:01Z",
            "1970-01-01T00:01:00",
            "{k: 1, l: }",
            "[1, , 2]",
            r#"{"a": [1, "x"]}"#,
        ]
    );
}

#[test]
fn duplicate_keys_are_refused_at_any_depth() {
    let twice = reason(&[("a", "int64")], br#"{"a": 1, "a": 1}"#);
    assert!(twice.contains("`a` stands twice"), "{twice}");
    let escaped = reason(&[("a", "int64")], br#"{"a": 1, "\u0061": 1}"#);
    assert!(escaped.contains("`a` stands twice"), "{escaped}");
    let inside = reason(
        &[("s", "struct<a: int64>")],
        br#"{"s": {"a": 1, "a": null}}"#,
    );
    assert!(inside.contains("`a` stands twice"), "{inside}");
}

#[test]
fn bytes_that_are_no_utf8_cost_their_own_line() {
    let text = b"{\"t\": \"a\"}\n{\"t\": \"\xff\"}\n{\"t\": \"\\ud800\"}\n{\"t\": \"b\"}\n";
    let columns = schema(&[("t", "utf8")]);
    let decoded = decode(&json_decoder(), &columns, text, UnknownFields::Ignore);
    let texts: Vec<_> = decoded
        .rows
        .column(0)
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(texts, ["a", "b"]);
    let reasons: Vec<_> = decoded
        .undecodable
        .iter()
        .map(|letter| &letter.reason)
        .collect();
    assert!(reasons[0].contains("not UTF-8 (byte 8"), "{reasons:?}");
    assert!(reasons[1].contains("surrogate"), "{reasons:?}");
}

#[test]
fn inference_widens_by_its_rule() {
    let text = concat!(
        r#"{"int": 1, "float": 1, "big": 9007199254740993, "mixed": 1, "never": null, "empty": [], "none": {}}"#,
        "\n",
        r#"{"float": 1.5, "big": 0.5, "mixed": "x", "late": true, "o": {"a": 1}, "l": [1]}"#,
        "\n not a record \n",
        r#"{"o": {"b": [{"c": null}, {"c": 1}]}, "l": [2.5, null], "huge": 9223372036854775808}"#,
    );
    let inferred = infer(&json_decoder(), text.as_bytes());
    let shown: Vec<_> = describe(&inferred)
        .into_iter()
        .map(|field| {
            format!(
                "{} {}{}",
                field.name,
                field.data_type,
                ["!", ""][usize::from(field.nullable)]
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "int int64",
            "float float64",
            "big utf8",
            "mixed utf8",
            "empty list<utf8>",
            "none utf8",
            "late boolean",
            "o struct<a: int64, b: list<struct<c: int64>>>",
            "l list<float64>",
            "huge utf8",
        ]
    );
}

#[test]
fn inferred_data_decodes_without_loss() {
    let text = concat!(
        r#"{"mixed": 1, "big": 9007199254740993, "f": 3}"#,
        "\n",
        r#"{"mixed": {"a": [true]}, "big": 0.5, "f": 0.25}"#,
        "\n",
        r#"{"mixed": "plain", "big": 1}"#,
    );
    let decoder = json_decoder();
    let schema = infer(&decoder, text.as_bytes());
    let rows = decode(&decoder, &schema, text.as_bytes(), UnknownFields::Refuse).rows;
    let mixed: Vec<_> = rows.column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!(mixed, ["1", r#"{"a": [true]}"#, "plain"]);
    let big: Vec<_> = rows.column(1).as_string::<i32>().iter().flatten().collect();
    assert_eq!(big, ["9007199254740993", "0.5", "1"]);
    let f = rows.column(2).as_primitive::<Float64Type>();
    assert_eq!((f.value(0), f.value(1)), (3.0, 0.25));
}

#[test]
fn new_fields_stop_a_block_unless_they_are_null_or_unwanted() {
    let schema = schema(&[("a", "int64"), ("s", "struct<x: int64>")]);
    let outcome = |text: &str, unknown| {
        json_decoder()
            .decode(&schema, &block(text.as_bytes()), unknown)
            .unwrap()
    };
    for new in [
        r#"{"b": 1}"#,
        r#"{"s": {"y": []}}"#,
        r#"{"a": 1, "b": {"a": null}}"#,
    ] {
        let reported = outcome(new, UnknownFields::Report);
        assert!(matches!(reported, Outcome::NewFields), "{new}");
        let Outcome::Decoded(ignored) = outcome(new, UnknownFields::Ignore) else {
            panic!("{new}");
        };
        assert_eq!(ignored.rows.num_rows(), 1);
        let Outcome::Decoded(refused) = outcome(new, UnknownFields::Refuse) else {
            panic!("{new}");
        };
        assert!(refused.undecodable[0].reason.contains("is new"));
    }
    // Neither a null nor a record that is wrong anyway brings a column.
    for known in [r#"{"b": null}"#, r#"{"b": 1, "a": "x"}"#, r#"{"b": 1"#] {
        let reported = outcome(known, UnknownFields::Report);
        assert!(matches!(reported, Outcome::Decoded(_)), "{known}");
    }
}

#[test]
fn one_record_may_be_cut_anywhere() {
    let text = r#"{"a": [1, {"b": "x\"y\u00e9é"}], "c": -1.5e3, "d": true, "e": null}"#;
    let decoder = json_decoder();
    let schema = infer(&decoder, text.as_bytes());
    for end in 0..text.len() {
        let decoded = decode(
            &decoder,
            &schema,
            &text.as_bytes()[..end],
            UnknownFields::Refuse,
        );
        assert_eq!(decoded.rows.num_rows(), 0, "{end}");
        assert_eq!(decoded.undecodable.len(), usize::from(end > 0), "{end}");
    }
}

#[test]
fn a_type_that_text_does_not_fill_is_refused() {
    let timestamps = Schema::new(vec![Field::new(
        "t",
        DataType::Interval(arrow::datatypes::IntervalUnit::DayTime),
        true,
    )]);
    let refused = wasm_sink_formats::check_schema(Format::Json, &timestamps).unwrap_err();
    assert!(refused.to_string().contains("`t`"), "{refused}");
}

#[test]
fn a_record_of_almost_empty_objects_is_refused_alone() {
    let decoder = Decoder::new(Format::Json, b"", None).unwrap();
    let keys: Vec<_> = (0..900).map(|key| format!("\"k{key}\": {key}")).collect();
    let wide = format!("{{\"list\": [{{{}}}]}}\n", keys.join(","));
    let schema = infer(&decoder, wide.as_bytes());
    let empty = |objects: usize| format!("{{\"list\": [{}{{}}]}}\n", "{},".repeat(objects - 1));
    let text = wide + &empty(6_000) + &empty(200) + &empty(4_000);
    // A block is decoded up to where it has become large; the rest is decoded as another.
    let mut rest = text.as_bytes();
    let (mut reasons, mut lengths) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let part = decode(&decoder, &schema, rest, UnknownFields::Report);
        reasons.extend(part.undecodable.iter().map(|letter| letter.reason.clone()));
        let lists = part.rows.column(0).as_list::<i32>();
        lengths.extend((0..lists.len()).map(|row| lists.value_length(row)));
        rest = &rest[part.end..];
    }
    assert_eq!(lengths, [1, 200, 4_000]);
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].contains("most of them missing"), "{reasons:?}");

    // Lists of numbers may be as long as a record.
    let long = format!("{{\"list\": [{}0]}}\n", "0,".repeat(4_300_000));
    let schema = infer(&decoder, b"{\"list\": [1]}\n");
    let decoded = decode(&decoder, &schema, long.as_bytes(), UnknownFields::Report);
    assert_eq!(
        decoded.rows.column(0).as_list::<i32>().value_length(0),
        4_300_001
    );
}
