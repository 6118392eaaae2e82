//! Columns that are there already, by earlier records or by the user, and records of other schemas.

use serde_json::json;
use wasm_sink_formats::describe;

use super::stub::Stub;
use super::value::rows;
use super::{decoder, decoder_for, long, message, messages, string};

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
}

fn field(name: &str, data_type: &str) -> String {
    record(&format!(r#"{{"name":"{name}","type":{data_type}}}"#))
}

#[tokio::test]
async fn columns_grow_and_never_vanish() {
    let registry = Stub::with(&[
        (1, &field("a", r#""int""#)),
        (
            2,
            &record(r#"{"name":"a","type":"double"},{"name":"b","type":"string"}"#),
        ),
        (3, &field("a", r#""string""#)),
    ])
    .await;
    let mut decoder = decoder(&registry.url);
    let first = messages(&[message(1, &long(7))]);
    let first = decoder.decode(&first, 0).await.unwrap();
    let second = messages(&[
        message(2, &[&1.5f64.to_le_bytes()[..], &string("x")].concat()),
        message(1, &long(8)),
        message(3, &string("text")),
    ]);
    let second = decoder.decode(&second, 0).await.unwrap();
    let third = decoder
        .decode(&messages(&[message(1, &long(9))]), 0)
        .await
        .unwrap();
    assert_eq!(rows(&first.rows), [json!({"a": 7})]);
    let expected = [json!({"a": 1.5, "b": "x"}), json!({"a": 8.0, "b": null})];
    assert_eq!(rows(&second.rows), expected);
    assert_eq!(rows(&third.rows), [json!({"a": 9.0, "b": null})]);
    let said = &second.undecodable[0].reason;
    assert_eq!(
        said,
        "`a` takes float64, and the record has a string (byte 6 of the record)"
    );
    assert_eq!(registry.asked().len(), 3);
}

/// A `long` that a double would round is kept out of it, and the other way round.
#[tokio::test]
async fn long_and_double_have_no_column_in_common() {
    let (long_first, double_first) = (field("a", r#""long""#), field("a", r#""double""#));
    let registry = Stub::with(&[(1, &long_first), (2, &double_first)]).await;
    let exact = 1i64 << 53;
    let payloads = [
        message(1, &long(exact)),
        message(2, &2.0f64.to_le_bytes()),
        message(2, &2.5f64.to_le_bytes()),
        message(1, &long(exact + 1)),
    ];
    let decoded = decoder(&registry.url)
        .decode(&messages(&payloads), 0)
        .await
        .unwrap();
    assert_eq!(decoded.messages, [0, 1, 3]);
    let said = &decoded.undecodable[0].reason;
    assert!(
        said.starts_with("`a` takes int64, and the value is 2.5"),
        "{said}"
    );
    let mut named = decoder_for(&registry.url, &[("a", "float64", true)]);
    let decoded = named.decode(&messages(&payloads), 0).await.unwrap();
    assert_eq!(decoded.messages, [0, 1, 2]);
}

#[tokio::test]
async fn what_only_begins_like_a_record_changes_no_columns() {
    let registry = Stub::with(&[
        (1, &field("a", r#""int""#)),
        (2, &field("b", r#""string""#)),
    ])
    .await;
    let mut decoder = decoder(&registry.url);
    let all = messages(&[message(1, &long(7)), message(2, b"\x7fshort")]);
    let decoded = decoder.decode(&all, 0).await.unwrap();
    assert_eq!(rows(&decoded.rows), [json!({"a": 7})]);
    assert_eq!(decoded.undecodable.len(), 1);
    // A good one does.
    let all = messages(&[message(2, &string("b"))]);
    let decoded = decoder.decode(&all, 0).await.unwrap();
    assert_eq!(rows(&decoded.rows), [json!({"a": null, "b": "b"})]);
}

#[tokio::test]
async fn columns_that_the_user_names_are_all_there_are() {
    let schema = record(
        r#"{"name":"skipped","type":{"type":"map","values":["null","string",{"type":"array","items":"double"}]}},
           {"name":"id","type":"long"},
           {"name":"at","type":"string"},
           {"name":"price","type":"double"},
           {"name":"seen","type":{"type":"long","logicalType":"timestamp-millis"}},
           {"name":"raw","type":"bytes"},
           {"name":"day","type":{"type":"int","logicalType":"date"}}"#,
    );
    let registry = Stub::with(&[(1, &schema)]).await;
    let payload = |id: i64, at: &str, price: f64, raw: &str| {
        let skipped = [long(2), string("a"), long(0), string("b"), long(2), long(1)].concat();
        let skipped = [&skipped[..], &1f64.to_le_bytes(), &long(0), &long(0)].concat();
        let rest = [&price.to_le_bytes()[..], &long(-1), &string(raw), &long(-1)].concat();
        message(1, &[skipped, long(id), string(at), rest].concat())
    };
    let columns = [
        ("id", "int8", false),
        ("at", "timestamp(us,+00:00)", true),
        ("price", "decimal(6,2)", true),
        ("seen", "timestamp(ns,+00:00)", true),
        ("raw", "utf8", true),
        ("day", "utf8", true),
        ("lacking", "float64", true),
    ];
    let all = messages(&[
        payload(1, "1970-01-01T00:00:01Z", 12.5, "grüße"),
        payload(300, "1970-01-01T00:00:01Z", 12.5, "x"),
        payload(2, "yesterday", 12.5, "x"),
        payload(3, "1970-01-01T00:00:01Z", 0.125, "x"),
        payload(4, "1970-01-01T00:00:02+01:00", f64::NAN, "x"),
        payload(5, "1970-01-01T00:00:00Z", 0.0, ""),
    ]);
    let decoded = decoder_for(&registry.url, &columns)
        .decode(&all, 0)
        .await
        .unwrap();
    let row = json!({
        "id": 1, "at": 1_000_000, "price": "12.50", "seen": -1_000_000, "raw": "grüße",
        "day": "1969-12-31", "lacking": null,
    });
    assert_eq!(rows(&decoded.rows)[0], row);
    assert_eq!(decoded.messages, [0, 5]);
    let reasons: Vec<_> = decoded
        .undecodable
        .iter()
        .map(|one| one.reason.as_str())
        .collect();
    for (reason, why) in reasons.iter().zip([
        "`id` takes int8, and the value is 300 (byte",
        "`at` takes timestamp(us,+00:00), and the value is \"yesterday\" (byte",
        "`price` takes decimal(6,2), and the value is 0.125 (byte",
        "`price` takes decimal(6,2), and the value is NaN (byte",
    ]) {
        assert!(reason.starts_with(why), "{reason}");
    }
    let described = describe(&decoded.rows.schema());
    let names: Vec<_> = described.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, columns.map(|(name, ..)| name));
}

#[tokio::test]
async fn a_column_that_must_be_there_is() {
    let registry = Stub::with(&[
        (1, &field("a", r#"["null","int"]"#)),
        (2, &field("b", r#""int""#)),
    ])
    .await;
    let all = messages(&[
        message(1, &long(0)),
        message(2, &long(1)),
        message(1, &[long(1), long(5)].concat()),
    ]);
    let mut decoder = decoder_for(&registry.url, &[("a", "int32", false)]);
    let decoded = decoder.decode(&all, 0).await.unwrap();
    assert_eq!(rows(&decoded.rows), [json!({"a": 5})]);
    let reasons: Vec<_> = decoded
        .undecodable
        .iter()
        .map(|one| one.reason.as_str())
        .collect();
    assert!(
        reasons[0].starts_with("`a` allows no null, and it is null"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("`a` allows no null, and it is missing"),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn there_are_a_thousand_columns_at_most() {
    let fields = |from: usize, count: usize| {
        let fields =
            (from..from + count).map(|n| format!(r#"{{"name":"f{n}","type":["null","int"]}}"#));
        record(&fields.collect::<Vec<_>>().join(","))
    };
    let registry = Stub::with(&[(1, &fields(0, 990)), (2, &fields(985, 20))]).await;
    let mut more = vec![0; 19];
    let fits = message(2, &[&more[..], &[0]].concat());
    more.extend([2, 14]);
    let all = messages(&[message(1, &vec![0; 990]), fits, message(2, &more)]);
    let decoded = decoder(&registry.url).decode(&all, 0).await.unwrap();
    assert_eq!(decoded.rows.num_columns(), 1000);
    assert_eq!(decoded.messages, [0, 1]);
    let said = &decoded.undecodable[0].reason;
    assert!(
        said.starts_with("the field `f1004` is new, and there are too many"),
        "{said}"
    );
}

#[tokio::test]
async fn many_cells_come_in_parts() {
    let fields = (0..900).map(|n| {
        format!(r#"{{"name":"f{n}","type":"null"}},{{"name":"g{n}","type":["null","int"]}}"#)
    });
    let registry = Stub::with(&[(1, &record(&fields.collect::<Vec<_>>().join(",")))]).await;
    let all = messages(&vec![message(1, &[0; 900]); 3000]);
    let mut decoder = decoder(&registry.url);
    let (mut from, mut rows, mut parts) = (0, 0, 0);
    while from < all.len() {
        let decoded = decoder.decode(&all, from).await.unwrap();
        assert_eq!(decoded.messages[0] as usize, from);
        rows += decoded.rows.num_rows();
        from = decoded.end;
        parts += 1;
    }
    assert_eq!(rows, 3000);
    assert!(parts > 1);
}
