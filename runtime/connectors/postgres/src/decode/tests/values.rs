//! Each type from its bytes.

use std::iter::once;
use std::sync::Arc;

use arrow::array::types::{
    Float32Type, Float64Type, Int16Type, Int32Type, IntervalMonthDayNanoType,
    TimestampMicrosecondType,
};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Int16Array, Int32Array,
    Int64Array, ListArray, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::IntervalMonthDayNano;
use tokio_postgres::types::Type;

use super::super::SourceType;
use super::{array, column, misfit, one};

/// The values, with a null before and after.
fn values<const N: usize>(
    kind: &SourceType,
    values: impl IntoIterator<Item = [u8; N]>,
) -> ArrayRef {
    let values = values.into_iter().map(|value| Some(value.to_vec()));
    let values: Vec<_> = once(None).chain(values).chain(once(None)).collect();
    let (values, reasons) = column(kind, &values).unwrap();
    assert_eq!(reasons, Vec::<String>::new());
    assert_eq!(*values.data_type(), kind.arrow());
    assert!(values.is_null(0) && values.is_null(values.len() - 1));
    assert_eq!(values.null_count(), 2);
    values.slice(1, values.len() - 2)
}

fn texts(kind: &SourceType, bytes: &[&[u8]]) -> Vec<String> {
    let bytes: Vec<_> = bytes.iter().map(|bytes| Some(bytes.to_vec())).collect();
    let (values, reasons) = column(kind, &bytes).unwrap();
    assert_eq!(reasons, Vec::<String>::new());
    let texts = values.as_string::<i32>().iter();
    texts.map(|text| text.unwrap().to_owned()).collect()
}

fn list(element: SourceType) -> SourceType {
    SourceType::Array(Box::new(element))
}

#[test]
fn booleans() {
    let found = values(&SourceType::Bool, [[1], [0]]);
    assert_eq!(found.as_boolean(), &BooleanArray::from(vec![true, false]));
    one(&SourceType::Bool, &[2]).unwrap_err();
    one(&SourceType::Bool, &[]).unwrap_err();
}

#[test]
fn integers() {
    let all = [i16::MIN, -1, 0, i16::MAX];
    let found = values(&SourceType::Int2, all.map(i16::to_be_bytes));
    assert_eq!(found.as_primitive(), &Int16Array::from(all.to_vec()));
    let all = [i32::MIN, -1, 0, i32::MAX];
    let found = values(&SourceType::Int4, all.map(i32::to_be_bytes));
    assert_eq!(found.as_primitive(), &Int32Array::from(all.to_vec()));
    let all = [i64::MIN, -1, 0, i64::MAX];
    let found = values(&SourceType::Int8, all.map(i64::to_be_bytes));
    assert_eq!(found.as_primitive(), &Int64Array::from(all.to_vec()));
    let found = values(&SourceType::Oid, [0, u32::MAX].map(u32::to_be_bytes));
    assert_eq!(
        found.as_primitive(),
        &Int64Array::from(vec![0, 4_294_967_295])
    );
    for kind in [
        SourceType::Int2,
        SourceType::Int4,
        SourceType::Int8,
        SourceType::Oid,
    ] {
        one(&kind, &[]).unwrap_err();
        one(&kind, &[0; 3]).unwrap_err();
    }
}

#[test]
fn floats_keep_every_bit() {
    let all = [
        -0.0,
        f32::MIN_POSITIVE / 2.0,
        f32::NAN,
        f32::INFINITY,
        f32::MIN,
        -f32::NAN,
    ];
    let found = values(&SourceType::Float4, all.map(f32::to_be_bytes));
    let found = found.as_primitive::<Float32Type>();
    assert!(
        found
            .values()
            .iter()
            .zip(all)
            .all(|(a, b)| a.to_bits() == b.to_bits())
    );
    let all = [
        -0.0,
        5e-324,
        f64::NAN,
        f64::NEG_INFINITY,
        f64::MAX,
        -f64::NAN,
    ];
    let found = values(&SourceType::Float8, all.map(f64::to_be_bytes));
    let found = found.as_primitive::<Float64Type>();
    assert!(
        found
            .values()
            .iter()
            .zip(all)
            .all(|(a, b)| a.to_bits() == b.to_bits())
    );
}

#[test]
fn text_and_its_kin() {
    let found = texts(&SourceType::Text, &[b"", "zażółć 🦀".as_bytes(), b"a\0b"]);
    assert_eq!(found, ["", "zażółć 🦀", "a\0b"]);
    assert_eq!(
        texts(&SourceType::Jsonb, &[b"\x01{\"a\": 1}"]),
        ["{\"a\": 1}"]
    );
    one(&SourceType::Jsonb, b"").unwrap_err();
    one(&SourceType::Jsonb, b"\x02{}").unwrap_err();
    let id: Vec<u8> = (0xf0..=0xff).collect();
    let found = texts(&SourceType::Uuid, &[&[0; 16], &id]);
    let expected = [
        "00000000-0000-0000-0000-000000000000",
        "f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff",
    ];
    assert_eq!(found, expected);
    one(&SourceType::Uuid, &[0; 15]).unwrap_err();
    let (found, _) = one(&SourceType::Bytea, &[0, 0xff]).unwrap();
    assert_eq!(
        found.as_binary::<i32>(),
        &BinaryArray::from(vec![&[0, 0xff][..]])
    );
}

#[test]
fn text_that_is_none_is_a_misfit() {
    let why = misfit(&SourceType::Text, b"abc\xff");
    assert_eq!(why, "column `c0` is not UTF-8 after its first 3 bytes");
    misfit(&SourceType::Text, "ä".as_bytes().split_at(1).0);
    misfit(&SourceType::Jsonb, b"\x01\"\xc0\"");
}

#[test]
fn dates() {
    // 2000-01-01, 1970-01-01, 1969-12-31, 9999-12-31, 10000-01-01, 4713-11-24 BC, 5874897-12-31.
    let days = [
        0,
        -10_957,
        -10_958,
        2_921_939,
        2_921_940,
        -2_451_545,
        2_145_031_948,
    ];
    let found = values(&SourceType::Date, days.map(i32::to_be_bytes));
    let expected = days.map(|days| days + 10_957).to_vec();
    assert_eq!(found.as_primitive(), &Date32Array::from(expected));
    let why = |days: i32| misfit(&SourceType::Date, &days.to_be_bytes());
    assert_eq!(
        why(i32::MAX),
        "column `c0` is infinity, which is no date in Arrow"
    );
    assert_eq!(
        why(i32::MIN),
        "column `c0` is -infinity, which is no date in Arrow"
    );
    assert!(why(i32::MAX - 1).contains("too far"));
}

#[test]
fn times_of_day() {
    let all = [0, 1, 86_399_999_999];
    let found = values(&SourceType::Time, all.map(i64::to_be_bytes));
    assert_eq!(
        found.as_primitive(),
        &Time64MicrosecondArray::from(all.to_vec())
    );
    let why = misfit(&SourceType::Time, &86_400_000_000_i64.to_be_bytes());
    assert_eq!(why, "column `c0` is 24:00:00, which is no time in Arrow");
    for us in [-1, 86_400_000_001, i64::MAX] {
        one(&SourceType::Time, &us.to_be_bytes()).unwrap_err();
    }
}

#[test]
fn timestamps() {
    const EPOCH: i64 = 946_684_800_000_000;
    let all = [
        0,
        1,
        -1,
        -EPOCH,
        -EPOCH - 1,
        -211_813_488_000_000_000,
        i64::MAX - EPOCH,
    ];
    let expected = all.map(|us| us + EPOCH).to_vec();
    let found = values(&SourceType::Timestamp, all.map(i64::to_be_bytes));
    let expected = TimestampMicrosecondArray::from(expected);
    assert_eq!(found.as_primitive::<TimestampMicrosecondType>(), &expected);
    let found = values(&SourceType::Timestamptz, all.map(i64::to_be_bytes));
    let expected = expected.with_timezone("+00:00");
    assert_eq!(found.as_primitive::<TimestampMicrosecondType>(), &expected);
    for kind in [SourceType::Timestamp, SourceType::Timestamptz] {
        let why = |us: i64| misfit(&kind, &us.to_be_bytes());
        assert!(why(i64::MAX).contains("is infinity"));
        assert!(why(i64::MIN).contains("is -infinity"));
        assert!(why(i64::MAX - EPOCH + 1).contains("too far"));
    }
}

#[test]
fn intervals() {
    let sent = |us: i64, days: i32, months: i32| -> [u8; 16] {
        let both = u64::from(days as u32) << 32 | u64::from(months as u32);
        (u128::from(us as u64) << 64 | u128::from(both)).to_be_bytes()
    };
    let all = [
        (0, 0, 0),
        (-1, 2, -3),
        (i64::MAX / 1_000, i32::MAX, i32::MIN),
    ];
    let found = values(
        &SourceType::Interval,
        all.map(|(us, days, months)| sent(us, days, months)),
    );
    let expected =
        all.map(|(us, days, months)| IntervalMonthDayNano::new(months, days, us * 1_000));
    assert_eq!(
        found
            .as_primitive::<IntervalMonthDayNanoType>()
            .values()
            .to_vec(),
        expected
    );
    let infinite = misfit(&SourceType::Interval, &sent(i64::MAX, i32::MAX, i32::MAX));
    assert!(infinite.contains("too long"), "{infinite}");
    one(&SourceType::Interval, &[0; 15]).unwrap_err();
}

#[test]
fn arrays() {
    let (one_, two) = (1_i32.to_be_bytes(), (-2_i32).to_be_bytes());
    let oid = Type::INT4.oid();
    let arrays = [
        Some(array(oid, &[(3, 1)], &[Some(&one_), None, Some(&two)])),
        None,
        Some(array(oid, &[], &[])),
        // Of 0 elements, and with indices from -5 on.
        Some(array(oid, &[(0, 1)], &[])),
        Some(array(oid, &[(1, -5)], &[Some(&two)])),
    ];
    let (found, reasons) = column(&list(SourceType::Int4), &arrays).unwrap();
    assert_eq!(reasons, Vec::<String>::new());
    let expected = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None, Some(-2)]),
        None,
        Some(vec![]),
        Some(vec![]),
        Some(vec![Some(-2)]),
    ]);
    assert_eq!(found.as_list::<i32>(), &expected);
}

#[test]
fn an_array_with_a_misfit_is_null_whole() {
    let oid = Type::TEXT.oid();
    let arrays: Vec<_> = [
        array(oid, &[(1, 1)], &[Some(b"a")]),
        array(oid, &[(3, 1)], &[Some(b"lost"), Some(b"\xff"), Some(b"b")]),
        array(oid, &[(2, 1), (1, 1)], &[Some(b"x"), Some(b"y")]),
        array(oid, &[(2, 1)], &[None, Some(b"\xff")]),
        array(oid, &[(2, 1)], &[Some(b"c"), None]),
    ]
    .map(Some)
    .to_vec();
    let kind = list(SourceType::Text);
    let (found, reasons) = column(&kind, &arrays).unwrap();
    let broken = "column `c0` has an element that is not UTF-8 after its first 0 bytes";
    let square = "column `c0` is an array of 2 dimensions, and a list has one";
    assert_eq!(reasons, [broken, square, broken]);
    let found = found.as_list::<i32>();
    let nulls: Vec<_> = (0..5).map(|row| found.is_null(row)).collect();
    assert_eq!(nulls, [false, true, true, true, false]);
    let kept: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("c"), None]));
    assert_eq!(found.values(), &kept);
    let dates = list(SourceType::Date);
    let infinite = array(
        Type::DATE.oid(),
        &[(1, 1)],
        &[Some(&i32::MAX.to_be_bytes())],
    );
    assert!(misfit(&dates, &infinite).contains("has an element that is infinity"));
}

#[test]
fn arrays_of_arrays_are_lists_of_lists() {
    // As of a domain over an array.
    let inner = array(Type::INT2.oid(), &[(1, 1)], &[Some(&[0, 5])]);
    let square = array(Type::INT2.oid(), &[(1, 1), (1, 1)], &[Some(&[0, 6])]);
    let good = array(0, &[(2, 1)], &[Some(&inner), None]);
    let bad = array(0, &[(2, 1)], &[Some(&inner), Some(&square)]);
    let kind = list(list(SourceType::Int2));
    let (found, reasons) = column(&kind, &[Some(bad), Some(good)]).unwrap();
    assert_eq!(reasons.len(), 1);
    let found = found.as_list::<i32>();
    assert!(found.is_null(0));
    let expected = ListArray::from_iter_primitive::<Int16Type, _, _>([Some(vec![Some(5)]), None]);
    assert_eq!(found.value(1).as_list::<i32>(), &expected);
}

#[test]
fn what_is_no_array_is_refused() {
    let oid = Type::INT4.oid();
    let value = 1_i32.to_be_bytes();
    let good = array(oid, &[(1, 1)], &[Some(&value)]);
    let kind = list(SourceType::Int4);
    for length in 0..good.len() {
        one(&kind, &good[..length]).unwrap_err();
    }
    let longer = [good.as_slice(), &[0]].concat();
    for bad in [
        longer,
        array(oid, &[], &[Some(&value)]),
        array(oid, &[(-1, 1)], &[]),
        array(oid, &[(2, 1)], &[Some(&value)]),
        array(oid, &[(i32::MAX, 1)], &[Some(&value)]),
        array(oid, &[(1, 1); 7], &[Some(&value)]),
        array(oid, &[(1, 1)], &[Some(&value[..3])]),
    ] {
        one(&kind, &bad).unwrap_err();
    }
    let mut negative = good;
    negative[0] = 0xff;
    one(&kind, &negative).unwrap_err();
}
