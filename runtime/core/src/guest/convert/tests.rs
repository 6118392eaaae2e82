use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;

use super::{Failure, Room, convert};
use crate::data_type::parse;
use crate::guest::json;

/// The values after conversion as JSON; `!` where one does not convert.
fn converted(array: ArrayRef, to: &str) -> Vec<String> {
    let to = parse(to).unwrap();
    let mut room = Room::new(1 << 20);
    (0..array.len())
        .map(|row| match convert(&array.slice(row, 1), &to, &mut room) {
            Ok(value) => {
                assert_eq!(*value.data_type(), to);
                value.to_data().validate_full().unwrap();
                if value.is_null(0) {
                    "null".into()
                } else {
                    json::shown(value.as_ref(), 0)
                }
            }
            Err(Failure::Rows(rows)) => {
                assert_eq!(rows.len(), 1);
                "!".into()
            }
            Err(Failure::Full) => panic!("no room"),
        })
        .collect()
}

fn check(array: impl Array + 'static, to: &str, expected: &[&str]) {
    let array: ArrayRef = Arc::new(array);
    assert_eq!(
        converted(Arc::clone(&array), to),
        expected,
        "{} to {to}",
        array.data_type()
    );
    // As a whole, exactly the same rows fail, and without them the rest converts.
    let to = parse(to).unwrap();
    let mut room = Room::new(1 << 20);
    let expected: Vec<bool> = expected.iter().map(|text| *text == "!").collect();
    match convert(&array, &to, &mut room) {
        Ok(_) => assert!(!expected.contains(&true)),
        Err(Failure::Rows(rows)) => {
            assert_eq!(rows.iter().collect::<Vec<_>>(), expected);
            let rest = super::without(&array, rows);
            assert!(convert(&rest, &to, &mut room).is_ok());
        }
        Err(Failure::Full) => panic!("no room"),
    }
}

#[test]
fn integers_neither_wrap_nor_round() {
    let wide = || Int64Array::from(vec![Some(-1), None, Some(127), Some(128), Some(i64::MAX)]);
    check(wide(), "int8", &["-1", "null", "127", "!", "!"]);
    check(
        wide(),
        "uint64",
        &["!", "null", "127", "128", "9223372036854775807"],
    );
    check(wide(), "decimal(3,0)", &["-1", "null", "127", "128", "!"]);
    check(wide(), "decimal(4,2)", &["-1.00", "null", "!", "!", "!"]);
    check(wide(), "float64", &["-1.0", "null", "127.0", "128.0", "!"]);
    check(
        wide(),
        "utf8",
        &[
            "\"-1\"",
            "null",
            "\"127\"",
            "\"128\"",
            "\"9223372036854775807\"",
        ],
    );
    check(wide(), "boolean", &["!", "null", "!", "!", "!"]);
    check(
        UInt64Array::from(vec![0, 1, u64::MAX]),
        "boolean",
        &["false", "true", "!"],
    );
    check(
        UInt64Array::from(vec![u64::MAX, 1 << 53]),
        "float64",
        &["!", "9.007199254740992e15"],
    );
    check(
        Int64Array::from(vec![(1 << 53) + 1, 1 << 60]),
        "float64",
        &["!", "1.152921504606847e18"],
    );
    check(
        Int32Array::from(vec![(1 << 24) + 1, 1 << 24]),
        "float32",
        &["!", "16777216.0"],
    );
    check(
        Int32Array::from(vec![70_000, 2_048, 2_049]),
        "float16",
        &["!", "2048.0", "!"],
    );
    check(
        Int32Array::from(vec![150, 200]),
        "decimal(3,-2)",
        &["!", "200"],
    );
    check(BooleanArray::from(vec![true, false]), "int8", &["1", "0"]);
    check(
        BooleanArray::from(vec![true, false]),
        "decimal(3,1)",
        &["1.0", "0.0"],
    );
}

#[test]
fn floats_become_only_what_they_are() {
    let floats =
        || Float64Array::from(vec![1.0, -0.0, 1.5, 1e300, f64::NAN, f64::INFINITY, 9.3e18]);
    check(floats(), "int64", &["1", "0", "!", "!", "!", "!", "!"]);
    check(
        floats(),
        "float32",
        &["1.0", "-0.0", "1.5", "!", "null", "null", "9.3e18"].map(|t| t),
    );
    check(
        Float64Array::from(vec![0.1, 0.125, 1e9, -2.5]),
        "decimal(10,2)",
        &["0.10", "!", "!", "-2.50"],
    );
    check(Float32Array::from(vec![0.1]), "decimal(10,2)", &["0.10"]);
    check(
        Float64Array::from(vec![0.0, 1.0, 0.5]),
        "boolean",
        &["false", "true", "!"],
    );
    check(Float64Array::from(vec![1.0]), "timestamp(us)", &["!"]);
}

#[test]
fn decimals_keep_their_digits() {
    let decimals = || {
        Decimal128Array::from(vec![1230, 1239, -1230, 99_999_999])
            .with_precision_and_scale(10, 3)
            .unwrap()
    };
    check(decimals(), "decimal(10,2)", &["1.23", "!", "-1.23", "!"]);
    check(
        decimals(),
        "decimal(5,3)",
        &["1.230", "1.239", "-1.230", "!"],
    );
    check(
        decimals(),
        "decimal256(40,4)",
        &["1.2300", "1.2390", "-1.2300", "99999.9990"],
    );
    check(decimals(), "int32", &["!", "!", "!", "!"]);
    check(
        decimals(),
        "float64",
        &["1.23", "1.239", "-1.23", "99999.999"],
    );
    check(
        decimals(),
        "utf8",
        &["\"1.230\"", "\"1.239\"", "\"-1.230\"", "\"99999.999\""],
    );
    let whole = Decimal128Array::from(vec![7_000, 300_000])
        .with_precision_and_scale(10, 3)
        .unwrap();
    check(whole, "int8", &["7", "!"]);
}

#[test]
fn decimals_of_any_scale() {
    let wide = |values: Vec<i64>, scale| {
        Decimal256Array::from_iter_values(values.into_iter().map(Into::into))
            .with_precision_and_scale(76, scale)
            .unwrap()
    };
    check(wide(vec![0, 1], 0), "decimal256(76,76)", &["!", "!"]);
    check(wide(vec![0, 1], 76), "decimal256(76,-76)", &["!", "!"]);
    check(wide(vec![0, 1], -76), "decimal256(76,76)", &["!", "!"]);
    let array: ArrayRef = Arc::new(wide(vec![0, -5], -128));
    assert_eq!(json::shown(&array, 0), "0");
    let whole = json::whole(&array).unwrap();
    assert_eq!(
        whole.as_string::<i32>().value(1),
        format!("-5{}", "0".repeat(128))
    );
}

#[test]
fn text_reads_as_a_whole_or_not_at_all() {
    let text = |texts: &[&str]| StringArray::from(texts.to_vec());
    check(
        text(&["7", "-7", "", "x", "7x", "1.5", "300"]),
        "int8",
        &["7", "-7", "!", "!", "!", "!", "!"],
    );
    check(
        text(&["0.1", "1e400", "inf", "", "1,5"]),
        "float64",
        &["0.1", "!", "null", "!", "!"],
    );
    check(
        text(&["true", "FALSE", "1", "yes"]),
        "boolean",
        &["true", "false", "!", "!"],
    );
    check(
        text(&[
            "12.50",
            "-0.01",
            "12.505",
            "1e3",
            "1.50e1",
            "007",
            ".5",
            "5.",
            ".",
            "1e",
            "12345678901",
            "--1",
            "1_0",
            "0.000",
        ]),
        "decimal(6,2)",
        &[
            "12.50", "-0.01", "!", "1000.00", "15.00", "7.00", "0.50", "5.00", "!", "!", "!", "!",
            "!", "0.00",
        ],
    );
    check(
        text(&["99999.9", "100000"]),
        "decimal32(6,1)",
        &["99999.9", "!"],
    );
    check(
        text(&["ab", "abc", "abcd"]),
        "fixed_size_binary(3)",
        &["!", "\"616263\"", "!"],
    );
    check(text(&["[1]"]), "list<int64>", &["!"]);
    check(
        LargeStringArray::from(vec![Some("é"), None]),
        "utf8",
        &["\"é\"", "null"],
    );
    check(
        BinaryArray::from(vec![&b"ok"[..], &[0xFF]]),
        "utf8",
        &["\"ok\"", "!"],
    );
    check(
        BinaryArray::from(vec![&b"abc"[..], &b"ab"[..]]),
        "fixed_size_binary(3)",
        &["\"616263\"", "!"],
    );
}

#[test]
fn text_reads_as_decimals_of_any_size() {
    let text = |texts: &[&str]| StringArray::from(texts.to_vec());
    let wide = "1234567890123456789012345678901234567890.5";
    check(
        text(&[wide, "-1e39"]),
        "decimal256(41,1)",
        &[wide, "-1000000000000000000000000000000000000000.0"],
    );
    let most = "99999999999999999999999999999999999999";
    check(
        text(&[most, "1e38", "1e-1", "10e-1", "0e999999", "1e999999999999"]),
        "decimal(38,0)",
        &[most, "!", "!", "1", "0", "!"],
    );
    check(
        text(&["1200", "1250", "0.00e-5"]),
        "decimal(3,-2)",
        &["1200", "!", "0"],
    );
}

#[test]
fn text_reads_as_times() {
    let text = |texts: &[&str]| StringArray::from(texts.to_vec());
    check(
        text(&[
            "2026-11-21T10:00:00Z",
            "2026-11-21T10:00:00.123456+02:00",
            "2026-11-21 10:00:00",
            "2026-11-21",
            "2026-11-21T10:00:00.1234567Z",
            "2026-11-21T10:00:00.1234560000001Z",
            "2026-02-30",
            "soon",
            "1700000000",
        ]),
        "timestamp(us,+00:00)",
        &[
            "\"2026-11-21T10:00:00Z\"",
            "\"2026-11-21T08:00:00.123456Z\"",
            "\"2026-11-21T10:00:00Z\"",
            "\"2026-11-21T00:00:00Z\"",
            "!",
            "!",
            "!",
            "!",
            "!",
        ],
    );
    check(
        text(&["2026-11-21T10:00:00"]),
        "timestamp(s,+02:00)",
        &["\"2026-11-21T08:00:00Z\""],
    );
    check(
        text(&["2026-11-21T10:00:00"]),
        "timestamp(s,UTC)",
        &["\"2026-11-21T10:00:00Z\""],
    );
    check(
        text(&["2026-11-21T10:00:00"]),
        "timestamp(s,Europe/Berlin)",
        &["!"],
    );
    check(text(&["1500-01-01T00:00:00Z"]), "timestamp(ns)", &["!"]);
    check(
        text(&["2026-11-21", "2026-11-21T23:59:59-05:00", "21.11.2026", ""]),
        "date32",
        &["\"2026-11-21\"", "\"2026-11-22\"", "!", "!"],
    );
    check(
        text(&["10:00:01", "10:00:00.5", "25:00:00"]),
        "time32(s)",
        &["\"10:00:01\"", "!", "!"],
    );
}

#[test]
fn times_lose_no_part() {
    let zone = Some("+00:00");
    let instants =
        || TimestampNanosecondArray::from(vec![1_000, 1_001, -1_000]).with_timezone_opt(zone);
    check(
        instants(),
        "timestamp(us,+00:00)",
        &[
            "\"1970-01-01T00:00:00.000001Z\"",
            "!",
            "\"1969-12-31T23:59:59.999999Z\"",
        ],
    );
    check(
        instants(),
        "date32",
        &["\"1970-01-01\"", "\"1970-01-01\"", "\"1969-12-31\""],
    );
    check(instants(), "int64", &["1000", "1001", "-1000"]);
    check(instants(), "time64(ns)", &["!", "!", "!"]);
    check(
        TimestampSecondArray::from(vec![1, i64::MAX]),
        "timestamp(ns)",
        &["\"1970-01-01T00:00:01\"", "!"],
    );
    check(
        TimestampSecondArray::from(vec![0]),
        "timestamp(s,+02:00)",
        &["\"1969-12-31T22:00:00Z\""],
    );
    check(
        TimestampSecondArray::from(vec![0]).with_timezone("+02:00"),
        "timestamp(s)",
        &["\"1970-01-01T02:00:00\""],
    );
    check(
        TimestampSecondArray::from(vec![0]).with_timezone("Europe/Berlin"),
        "timestamp(ms,UTC)",
        &["\"1970-01-01T00:00:00Z\""],
    );
    check(
        TimestampSecondArray::from(vec![0]).with_timezone("Europe/Berlin"),
        "timestamp(s)",
        &["!"],
    );
    check(
        Int64Array::from(vec![1_700_000_000_000, -1]),
        "timestamp(ms,+00:00)",
        &["\"2023-11-14T22:13:20Z\"", "\"1969-12-31T23:59:59.999Z\""],
    );
    check(
        Int64Array::from(vec![86_399, 86_400, -1]),
        "time32(s)",
        &["\"23:59:59\"", "!", "!"],
    );
    check(
        Date32Array::from(vec![0, i32::MAX]),
        "timestamp(ns)",
        &["\"1970-01-01T00:00:00\"", "!"],
    );
    check(Date32Array::from(vec![1]), "date64", &["\"1970-01-02\""]);
    check(Date64Array::from(vec![-1]), "date32", &["\"1969-12-31\""]);
    check(
        Time64NanosecondArray::from(vec![1_500_000_000, 1_000_000_000]),
        "time32(s)",
        &["!", "\"00:00:01\""],
    );
    check(
        DurationMillisecondArray::from(vec![1_500, 2_000]),
        "duration(s)",
        &["!", "\"PT2S\""],
    );
    // Beyond what a calendar can say, an instant still is one, and has no text.
    check(TimestampSecondArray::from(vec![i64::MAX]), "utf8", &["!"]);
}

fn people() -> StructArray {
    let name: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]));
    let age: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(300), None]));
    StructArray::new(
        vec![
            Field::new("name", DataType::Utf8, true),
            Field::new("age", DataType::Int64, true),
        ]
        .into(),
        vec![name, age],
        None,
    )
}

#[test]
fn a_value_inside_counts_for_the_outermost() {
    check(
        people(),
        "struct<age: int8, name: utf8>",
        &[r#"{"age":1,"name":"a"}"#, "!", r#"{"name":"c"}"#],
    );
    check(
        people(),
        "struct<name: utf8 not null>",
        &[r#"{"name":"a"}"#, "!", r#"{"name":"c"}"#],
    );
    check(
        people(),
        "struct<name: utf8, none: int32>",
        &[r#"{"name":"a"}"#, "{}", r#"{"name":"c"}"#],
    );
    check(
        people(),
        "utf8",
        &[
            r#""{\"name\":\"a\",\"age\":1}""#,
            r#""{\"age\":300}""#,
            r#""{\"name\":\"c\"}""#,
        ],
    );
    check(people(), "int64", &["!", "!", "!"]);
    // What a null hides does not matter.
    let hidden = StructArray::new(
        people().fields().clone(),
        people().columns().to_vec(),
        Some(NullBuffer::from(vec![true, false, true])),
    );
    check(
        hidden,
        "struct<age: int8, name: utf8>",
        &[r#"{"age":1,"name":"a"}"#, "null", r#"{"name":"c"}"#],
    );
}

#[test]
fn lists_and_maps_convert_item_by_item() {
    let list = || {
        ListArray::new(
            Arc::new(Field::new("element", DataType::Int64, true)),
            // The second list is null and hides the 1000; the last value belongs to nobody.
            OffsetBuffer::new(ScalarBuffer::from(vec![1, 3, 4, 4, 6])),
            Arc::new(Int64Array::from(vec![
                Some(7000),
                Some(1),
                None,
                Some(1000),
                Some(300),
                Some(2),
                Some(5000),
            ])),
            Some(NullBuffer::from(vec![true, false, true, true])),
        )
    };
    check(list(), "list<int8>", &["[1,null]", "null", "[]", "!"]);
    check(
        list(),
        "large_list<int64 not null>",
        &["!", "null", "[]", "[300,2]"],
    );
    check(
        list(),
        "fixed_size_list<int64, 2>",
        &["[1,null]", "null", "!", "[300,2]"],
    );
    check(
        list(),
        "list_view<int64>",
        &["[1,null]", "null", "[]", "[300,2]"],
    );
    check(
        list(),
        "utf8",
        &["\"[1,null]\"", "null", "\"[]\"", "\"[300,2]\""],
    );
    let fixed = FixedSizeListArray::new(
        Arc::new(Field::new("item", DataType::Int64, true)),
        2,
        Arc::new(Int64Array::from(vec![1, 2, 300, 4])),
        None,
    );
    check(fixed, "list<int8>", &["[1,2]", "!"]);

    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    builder.keys().append_value("a");
    builder.values().append_value(1);
    builder.append(true).unwrap();
    builder.keys().append_value("b");
    builder.values().append_value(300);
    builder.append(true).unwrap();
    builder.append(false).unwrap();
    check(
        builder.finish(),
        "map<utf8, int8>",
        &[r#"{"a":1}"#, "!", "null"],
    );
}

#[test]
fn encodings_are_no_values() {
    let dictionary: DictionaryArray<Int8Type> =
        vec![Some("1"), None, Some("x")].into_iter().collect();
    check(dictionary.clone(), "int64", &["1", "null", "!"]);
    check(dictionary, "utf8", &["\"1\"", "null", "\"x\""]);
    check(
        StringViewArray::from(vec![Some("12"), None]),
        "int8",
        &["12", "null"],
    );
    check(
        StringArray::from(vec![Some("a"), None]),
        "utf8_view",
        &["\"a\"", "null"],
    );
    check(
        Int64Array::from(vec![Some(1), None]),
        "dictionary<int8, utf8>",
        &["\"1\"", "null"],
    );
    let runs = RunArray::<Int32Type>::try_new(
        &Int32Array::from(vec![2, 3]),
        &StringArray::from(vec![Some("5"), None]),
    )
    .unwrap();
    check(runs, "int64", &["5", "5", "null"]);
}

#[test]
fn every_pair_of_types_answers() {
    // Nothing panics, whatever becomes what; and what converts is what its type says.
    let samples: Vec<ArrayRef> = vec![
        Arc::new(NullArray::new(2)),
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(Int8Array::from(vec![Some(i8::MIN), None])),
        Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])),
        Arc::new(Int64Array::from(vec![Some(i64::MIN), None])),
        Arc::new(Float64Array::from(vec![Some(f64::NAN), None])),
        Arc::new(Float64Array::from(vec![Some(f64::MAX), None])),
        Arc::new(Decimal128Array::from(vec![Some(i128::pow(10, 37)), None])),
        Arc::new(
            Decimal256Array::from(vec![Some(i256::from(1)), None])
                .with_precision_and_scale(76, 70)
                .unwrap(),
        ),
        Arc::new(StringArray::from(vec![Some("2026-11-21T10:00:00é"), None])),
        Arc::new(StringArray::from(vec![Some(""), None])),
        Arc::new(BinaryArray::from(vec![Some(&b"x"[..]), None])),
        Arc::new(Date32Array::from(vec![Some(i32::MIN), None])),
        Arc::new(Date64Array::from(vec![Some(i64::MIN), None])),
        Arc::new(TimestampSecondArray::from(vec![Some(i64::MIN), None]).with_timezone("+02:00")),
        Arc::new(TimestampNanosecondArray::from(vec![Some(i64::MAX), None])),
        Arc::new(Time64NanosecondArray::from(vec![Some(i64::MAX), None])),
        Arc::new(DurationSecondArray::from(vec![Some(i64::MIN), None])),
        Arc::new(IntervalMonthDayNanoArray::from(vec![
            Some(IntervalMonthDayNano::new(i32::MIN, i32::MAX, i64::MIN)),
            None,
        ])),
        super::without(
            &(Arc::new(people().slice(0, 2)) as ArrayRef),
            BooleanBuffer::from(vec![false, true]),
        ),
    ];
    let mut targets: Vec<DataType> = samples
        .iter()
        .map(|sample| sample.data_type().clone())
        .collect();
    targets.extend(
        [
            "float16",
            "float32",
            "int16",
            "uint8",
            "large_utf8",
            "utf8_view",
            "fixed_size_binary(4)",
            "time32(s)",
            "timestamp(s,Mars/Base)",
            "decimal32(9,9)",
            "decimal64(18,-18)",
            "list<int8>",
            "map<utf8, int8>",
            "fixed_size_list<utf8, 2>",
            "dictionary<int8, int64>",
            "interval(day_time)",
            "run_end_encoded<int32, utf8>",
            "binary_view",
        ]
        .map(|text| parse(text).unwrap()),
    );
    for sample in &samples {
        for to in &targets {
            let mut room = Room::new(1 << 20);
            match convert(sample, to, &mut room) {
                Ok(value) => {
                    assert_eq!(value.data_type(), to, "{} to {to}", sample.data_type());
                    assert_eq!(value.len(), 2);
                    value.to_data().validate_full().unwrap();
                }
                Err(Failure::Rows(rows)) => {
                    assert!(
                        rows.value(0) && !rows.value(1),
                        "{} to {to}",
                        sample.data_type()
                    );
                    let rest = super::without(sample, rows);
                    assert!(
                        convert(&rest, to, &mut room).is_ok(),
                        "{} to {to}",
                        sample.data_type()
                    );
                }
                Err(Failure::Full) => panic!("no room"),
            }
        }
    }
}

#[test]
fn nothing_grows_beyond_its_room() {
    let null: ArrayRef = Arc::new(NullArray::new(1_000));
    let wide = parse("fixed_size_binary(65536)").unwrap();
    assert!(matches!(
        convert(&null, &wide, &mut Room::new(1 << 20)),
        Err(Failure::Full)
    ));
    // A long name once per schema is a long name in every row of JSON.
    let name = "n".repeat(10_000);
    let ints: ArrayRef = Arc::new(Int8Array::from(vec![1; 1_000]));
    let long = StructArray::new(
        vec![Field::new(name, DataType::Int8, true)].into(),
        vec![ints],
        None,
    );
    let long: ArrayRef = Arc::new(long);
    assert!(matches!(
        convert(&long, &DataType::Utf8, &mut Room::new(1 << 20)),
        Err(Failure::Full)
    ));
}
