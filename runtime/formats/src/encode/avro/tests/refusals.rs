//! What schemas say, and what goes into none.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, IntervalUnit, Schema as ArrowSchema, TimeUnit};
use wasm_sink_core::Kind;

use super::{batch, encode, encoder, list, map, record};
use crate::avro::Schema;
use crate::encode::AvroEncoder;

#[test]
fn a_schema_says_what_columns_mean() {
    let inner = record(vec![Field::new(
        "b",
        record(vec![Field::new("n", DataType::Null, true)]),
        false,
    )]);
    let schema = ArrowSchema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new(
            "at",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            true,
        ),
        Field::new(
            "local",
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            false,
        ),
        Field::new("took", DataType::Duration(TimeUnit::Second), false),
        Field::new("much", DataType::UInt64, false),
        Field::new("a", inner, false),
        Field::new("a_b", DataType::FixedSizeBinary(4), true),
        Field::new("m", map(DataType::Int32, DataType::Utf8), false),
    ]);
    let encoder = AvroEncoder::new(&schema, "com.acme.Row-s").unwrap();
    let expected = concat!(
        r#"{"type":"record","name":"Row_s","namespace":"com.acme","fields":["#,
        r#"{"name":"id","type":"long"},"#,
        r#"{"name":"at","type":["null",{"type":"long","logicalType":"timestamp-micros"}],"default":null},"#,
        r#"{"name":"local","type":{"type":"long","logicalType":"local-timestamp-nanos"}},"#,
        r#"{"name":"took","type":{"type":"long","doc":"a duration in seconds"}},"#,
        r#"{"name":"much","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":0}},"#,
        r#"{"name":"a","type":{"type":"record","name":"Row_s_a","fields":["#,
        r#"{"name":"b","type":{"type":"record","name":"Row_s_a_b","fields":["#,
        r#"{"name":"n","type":"null","default":null}]}}]}},"#,
        r#"{"name":"a_b","type":["null",{"type":"fixed","name":"Row_s_a_b_2","size":4}],"default":null},"#,
        r#"{"name":"m","type":{"type":"array","items":{"type":"record","name":"Row_s_m","fields":["#,
        r#"{"name":"key","type":"int"},{"name":"value","type":["null","string"],"default":null}]}}}]}"#,
    );
    assert_eq!(encoder.schema_json(), expected);
    assert!(Schema::parse(&[expected]).is_ok());
}

#[test]
fn what_avro_has_no_schema_for_is_told() {
    let twice = record(vec![
        Field::new("y", DataType::Int32, true),
        Field::new("y", DataType::Int32, true),
    ]);
    for (name, of, why) in [
        (
            "a-b",
            DataType::Int32,
            "`a-b` has a name that Avro does not allow",
        ),
        ("", DataType::Int32, "rename it with `field_mappings`"),
        (
            "x",
            record(vec![Field::new("9", DataType::Int32, true)]),
            "column `x.9` has a name",
        ),
        ("x", list(twice), "two columns `x.item.y`"),
        (
            "x",
            DataType::Interval(IntervalUnit::DayTime),
            "column `x` is interval(day_time), which",
        ),
        (
            "x",
            DataType::Decimal256(70, -10),
            "column `x` is decimal256(70,-10), which",
        ),
    ] {
        let schema = ArrowSchema::new(vec![Field::new(name, of, true)]);
        let error = AvroEncoder::new(&schema, "R").unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.message().contains(why), "{error}");
    }
    let rows = batch(Arc::new(Int32Array::from(vec![1])));
    let other = batch(Arc::new(Int64Array::from(vec![1])));
    let error = encoder(&rows).encode(&other, &[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
}

/// The second of three rows is refused, and the others are not.
fn refuses(values: impl Array + 'static, why: &str) {
    let rows = encode(&batch(Arc::new(values)));
    let refused: Vec<_> = rows.refused().iter().collect();
    assert_eq!(refused, [(&1, &format!("column `x` {why}"))]);
    assert!(rows.get(0).is_some() && rows.get(1).is_none() && rows.get(2).is_some());
}

#[test]
fn values_that_do_not_go_in_whole_are_refused() {
    refuses(
        Date64Array::from(vec![0, 1, 0]),
        "is 1 milliseconds since 1970, which is no whole day that a date of Avro reaches",
    );
    refuses(
        Date64Array::from(vec![0, i64::MAX / 86_400_000 * 86_400_000, 0]),
        "is 9223372036828800000 milliseconds since 1970, which is no whole day that a date of Avro reaches",
    );
    refuses(
        Time64NanosecondArray::from(vec![1000, 1001, 0]),
        "is 1001 nanoseconds after midnight, and Avro has only microseconds",
    );
    refuses(
        Time32SecondArray::from(vec![0, 86_400, 0]),
        "is 86400 seconds after midnight, which is no time of a day",
    );
    refuses(
        TimestampSecondArray::from(vec![0, i64::MAX, 0]),
        "is 9223372036854775807 seconds since 1970, which is too far for milliseconds",
    );
    let long = Decimal128Array::from(vec![999, 1000, -999]);
    let long = ArrayData::builder(DataType::Decimal128(3, 1))
        .len(3)
        .add_buffer(long.to_data().buffers()[0].clone());
    refuses(
        Decimal128Array::from(long.build().unwrap()),
        "is 1000 times ten to the -1, which has more than 3 digits",
    );
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for keys in [["a", "b"], ["a", "a"], ["", "b"]] {
        for key in keys {
            maps.keys().append_value(key);
            maps.values().append_value(1);
        }
        maps.append(true).unwrap();
    }
    refuses(maps.finish(), "has the key \"a\" twice");
    let rows = batch(Arc::new(Int32Array::from(vec![Some(1), None])));
    let required = ArrowSchema::new(vec![Field::new("x", DataType::Int32, false)]);
    let rows = AvroEncoder::new(&required, "R")
        .unwrap()
        .encode(&rows, &[])
        .unwrap();
    assert_eq!(
        rows.refused()[&1],
        "column `x` is null, and its schema does not allow that"
    );
}
