//! Times, against the text that is expected and what the rest of wasm-sink writes.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{IntervalDayTime, IntervalMonthDayNano};
use wasm_sink_core::guest::json_texts;

use super::{batch, json, plain};
use crate::encode::json_objects;

#[test]
fn times_are_iso_8601() {
    assert_eq!(
        json(Date32Array::from(vec![Some(0), None, Some(-719_529)])),
        [r#""1970-01-01""#, "null", r#""-0001-12-31""#]
    );
    assert_eq!(
        json(Date64Array::from(vec![86_400_000, 1])),
        [r#""1970-01-02""#, r#""1970-01-01T00:00:00.001""#]
    );
    assert_eq!(
        json(Time32SecondArray::from(vec![86_399])),
        [r#""23:59:59""#]
    );
    assert_eq!(
        json(Time64MicrosecondArray::from(vec![1])),
        [r#""00:00:00.000001""#]
    );
    let micros = TimestampMicrosecondArray::from(vec![1_700_000_000_123_456, -1]);
    assert_eq!(
        json(micros.clone()),
        [
            r#""2023-11-14T22:13:20.123456""#,
            r#""1969-12-31T23:59:59.999999""#
        ]
    );
    let zoned = micros.with_timezone("+05:30");
    assert_eq!(json(zoned.clone())[0], r#""2023-11-14T22:13:20.123456Z""#);
    assert_eq!(
        plain(zoned)[0].as_deref(),
        Some("2023-11-14T22:13:20.123456Z")
    );
    assert_eq!(
        json(TimestampNanosecondArray::from(vec![i64::MAX])),
        [r#""2262-04-11T23:47:16.854775807""#]
    );
    assert_eq!(
        json(TimestampSecondArray::from(vec![253_402_300_800])),
        [r#""+10000-01-01T00:00:00""#]
    );
    assert_eq!(
        json(DurationMillisecondArray::from(vec![1_500])),
        [r#""PT1.5S""#]
    );
}

/// The same text as elsewhere in wasm-sink, or none.
fn as_elsewhere(values: impl Array + 'static) {
    let values: ArrayRef = Arc::new(values);
    let elsewhere = json_texts(&values).unwrap();
    let rows = json_objects(&batch(values)).unwrap();
    for (row, text) in elsewhere.as_string::<i32>().iter().enumerate() {
        let expected = text
            .filter(|text| *text != "null")
            .map(|text| format!(r#"{{"x":{text}}}"#));
        let found = rows
            .get(row)
            .map(|text| String::from_utf8(text.to_vec()).unwrap());
        assert_eq!(found, expected);
    }
}

#[test]
fn times_are_written_as_elsewhere() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut wide = vec![i64::MIN, i64::MAX, 0, -1];
    for bits in 0..63 {
        wide.push(random.i64(..) >> bits);
    }
    let narrow: Vec<i32> = wide.iter().map(|value| *value as i32).collect();
    as_elsewhere(Date32Array::from(narrow.clone()));
    as_elsewhere(Date64Array::from(wide.clone()));
    as_elsewhere(Time32SecondArray::from(narrow.clone()));
    as_elsewhere(Time32MillisecondArray::from(narrow));
    as_elsewhere(Time64MicrosecondArray::from(wide.clone()));
    as_elsewhere(Time64NanosecondArray::from(wide.clone()));
    as_elsewhere(TimestampSecondArray::from(wide.clone()));
    as_elsewhere(TimestampMillisecondArray::from(wide.clone()).with_timezone("UTC"));
    as_elsewhere(TimestampMicrosecondArray::from(wide.clone()).with_timezone("Europe/Berlin"));
    as_elsewhere(TimestampNanosecondArray::from(wide.clone()));
    as_elsewhere(DurationSecondArray::from(wide.clone()));
    as_elsewhere(DurationNanosecondArray::from(wide));
    as_elsewhere(IntervalYearMonthArray::from(vec![i32::MIN, 13, i32::MAX]));
    as_elsewhere(IntervalDayTimeArray::from(vec![
        IntervalDayTime::new(i32::MIN, i32::MIN),
        IntervalDayTime::new(1, -1),
    ]));
    as_elsewhere(IntervalMonthDayNanoArray::from(vec![
        IntervalMonthDayNano::new(i32::MIN, i32::MIN, i64::MIN),
        IntervalMonthDayNano::new(1, 2, -3),
    ]));
}
