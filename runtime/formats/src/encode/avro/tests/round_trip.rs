//! What is encoded is decoded to the same.

use std::sync::Arc;

use arrow::array::types::{Float16Type, Int32Type, Int64Type};
use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::{DECIMAL256_MAX_PRECISION, DataType, Field, Schema as ArrowSchema, i256};
use arrow::json::ReaderBuilder;

use super::{PREFIX, batch, encode, encoder, list, map, record};
use crate::avro::input::Input;
use crate::avro::{Plan, Schema, types};
use crate::decoded::{Rows, UnknownFields};
use crate::encode::json_objects;

/// Rows as they are decoded, into these columns or those of the schema.
fn decoded(rows: &RecordBatch, columns: Option<ArrowSchema>) -> RecordBatch {
    let text = encoder(rows).schema_json().to_owned();
    let schema = Schema::parse(&[&text]).unwrap_or_else(|why| panic!("{why}: {text}"));
    let encoded = encode(rows);
    assert!(encoded.refused().is_empty(), "{:?}", encoded.refused());
    let columns = columns.unwrap_or_else(|| ArrowSchema::new(types::columns(&schema)));
    let plan = Plan::new(&Arc::new(schema), columns.fields(), UnknownFields::Refuse).unwrap();
    let mut decoded = Rows::new(&Arc::new(columns)).unwrap();
    for row in 0..rows.num_rows() {
        let record = encoded.get(row).unwrap();
        assert!(record.starts_with(PREFIX));
        let mut input = Input::new(record, PREFIX.len());
        let read = plan.read(&mut input, &mut decoded.root);
        read.unwrap_or_else(|fault| panic!("row {row}: {fault} ({text})"));
        decoded.accept(row, row + 1);
    }
    decoded.finish(rows.num_rows()).unwrap().rows
}

/// What is decoded into a column of type `to` is what it was, as that type.
fn returns_as(values: impl Array + 'static, to: &DataType) {
    let values: ArrayRef = Arc::new(values);
    let rows = batch(Arc::clone(&values));
    let columns = ArrowSchema::new(vec![Field::new("x", to.clone(), true)]);
    let back = decoded(&rows, Some(columns));
    let expected = cast(&values, to).unwrap();
    assert_eq!(expected.null_count(), values.logical_null_count());
    assert_eq!(back.column(0), &expected);
}

fn returns(values: impl Array + 'static) {
    let to = values.data_type().clone();
    returns_as(values, &to);
}

/// What is decoded has the same JSON.
fn returns_in_json(values: impl Array + 'static) {
    let rows = batch(Arc::new(values));
    let texts = |rows: &RecordBatch| -> Vec<String> {
        let rows = json_objects(rows).unwrap();
        let texts = (0..rows.len()).map(|row| rows.get(row).unwrap().to_vec());
        texts.map(|text| String::from_utf8(text).unwrap()).collect()
    };
    assert_eq!(texts(&decoded(&rows, None)), texts(&rows));
}

#[test]
fn numbers_return() {
    returns(BooleanArray::from(vec![Some(true), None, Some(false)]));
    returns(Int8Array::from(vec![Some(i8::MIN), None, Some(i8::MAX)]));
    returns(Int16Array::from(vec![i16::MIN, 0, i16::MAX]));
    returns(Int32Array::from(vec![Some(i32::MIN), None, Some(i32::MAX)]));
    returns(Int64Array::from(vec![i64::MIN, -1, 0, 1, i64::MAX]));
    returns(UInt8Array::from(vec![0, u8::MAX]));
    returns(UInt16Array::from(vec![0, u16::MAX]));
    returns(UInt32Array::from(vec![0, u32::MAX]));
    returns(UInt64Array::from(vec![
        Some(0),
        None,
        Some(128),
        Some(u64::MAX),
    ]));
    returns(Float32Array::from(vec![
        f32::MIN,
        -0.0,
        f32::MIN_POSITIVE,
        f32::INFINITY,
        f32::NAN,
    ]));
    returns(Float64Array::from(vec![
        Some(f64::MAX),
        None,
        Some(f64::NEG_INFINITY),
        Some(5e-324),
    ]));
    let halves = Float32Array::from(vec![65504.0, -0.1, f32::INFINITY]);
    let halves = cast(&halves, &DataType::Float16).unwrap();
    returns_as(
        halves.as_primitive::<Float16Type>().clone(),
        &DataType::Float32,
    );
    // What is always null is no column.
    let nulls = decoded(&batch(Arc::new(NullArray::new(3))), None);
    assert_eq!((nulls.num_rows(), nulls.num_columns()), (3, 0));
}

#[test]
fn decimals_return() {
    let most = 10_i128.pow(38) - 1;
    let of = |values: Vec<Option<i128>>, digits, scale| {
        let values = Decimal128Array::from(values);
        values.with_precision_and_scale(digits, scale).unwrap()
    };
    returns(of(
        vec![Some(most), None, Some(-most), Some(0), Some(-1), Some(128)],
        38,
        0,
    ));
    returns(of(vec![Some(most), Some(-128)], 38, 38));
    returns(of(vec![Some(12_345), Some(-255), Some(256)], 10, 2));
    // Zeros before the point become digits.
    returns_as(
        of(vec![Some(-12), Some(999), Some(0)], 3, -2),
        &DataType::Decimal128(5, 0),
    );
    let small = Decimal32Array::from(vec![Some(-999_999_999), None, Some(5)]);
    returns_as(
        small.with_precision_and_scale(9, 4).unwrap(),
        &DataType::Decimal128(9, 4),
    );
    let medium = Decimal64Array::from(vec![999_999_999_999_999_999, -1]);
    returns_as(
        medium.with_precision_and_scale(18, 1).unwrap(),
        &DataType::Decimal128(18, 1),
    );
    let digits = "9".repeat(76);
    let wide = [
        i256::from_string(&digits),
        i256::from_string(&format!("-{digits}")),
        Some(i256::ZERO),
    ];
    let wide = Decimal256Array::from(wide.to_vec());
    let wide = wide
        .with_precision_and_scale(DECIMAL256_MAX_PRECISION, 10)
        .unwrap();
    returns_as(wide, &DataType::Utf8);
}

#[test]
fn text_and_bytes_return() {
    let long = "ä".repeat(100);
    let texts = vec![Some(""), None, Some("a\"b\u{0}"), Some(long.as_str())];
    returns(StringArray::from(texts.clone()));
    returns(LargeStringArray::from(texts.clone()));
    returns(StringViewArray::from(texts));
    let blobs: Vec<Option<&[u8]>> = vec![Some(b""), None, Some(&[0, 255]), Some(long.as_bytes())];
    returns(BinaryArray::from(blobs.clone()));
    returns(LargeBinaryArray::from(blobs.clone()));
    returns(BinaryViewArray::from(blobs));
    let fixed = [Some([1_u8, 2, 3]), None, Some([255; 3])];
    returns(FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed.into_iter(), 3).unwrap());
    let dictionary: DictionaryArray<Int32Type> = [Some("a"), None, Some("b"), Some("a")]
        .into_iter()
        .collect();
    returns_as(dictionary, &DataType::Utf8);
    let run_ends = Int32Array::from(vec![2, 3]);
    let runs = RunArray::try_new(&run_ends, &StringArray::from(vec![Some("a"), None])).unwrap();
    returns_in_json(runs);
}

#[test]
fn times_return() {
    returns(Date32Array::from(vec![
        Some(i32::MIN),
        None,
        Some(0),
        Some(i32::MAX),
    ]));
    returns(Date64Array::from(vec![
        -86_400_000,
        0,
        86_400_000 * 3_000_000,
    ]));
    returns(Time32SecondArray::from(vec![0, 86_399]));
    returns(Time32MillisecondArray::from(vec![0, 86_399_999]));
    returns(Time64MicrosecondArray::from(vec![0, 86_399_999_999]));
    returns(Time64NanosecondArray::from(vec![0, 86_399_999_999_000]));
    let ends = vec![Some(i64::MIN), None, Some(-1), Some(i64::MAX)];
    for zone in [None, Some("+00:00"), Some("+05:30")] {
        returns(
            TimestampSecondArray::from(vec![i64::MIN / 1000, 0, i64::MAX / 1000])
                .with_timezone_opt(zone),
        );
        returns(TimestampMillisecondArray::from(ends.clone()).with_timezone_opt(zone));
        returns(TimestampMicrosecondArray::from(ends.clone()).with_timezone_opt(zone));
        returns(TimestampNanosecondArray::from(ends.clone()).with_timezone_opt(zone));
    }
    returns_as(DurationMicrosecondArray::from(ends), &DataType::Int64);
}

/// Rows of JSON lines.
fn nested(fields: Vec<Field>, lines: &str) -> RecordBatch {
    let schema = Arc::new(ArrowSchema::new(fields));
    let mut reader = ReaderBuilder::new(schema).build(lines.as_bytes()).unwrap();
    reader.next().unwrap().unwrap()
}

#[test]
fn nested_values_return() {
    let inner = record(vec![
        Field::new("n", DataType::Int32, true),
        Field::new("tags", list(DataType::Utf8), true),
    ]);
    let rows = nested(
        vec![
            Field::new("id", DataType::Int64, false),
            Field::new("a", list(inner.clone()), true),
            Field::new("b", map(DataType::Utf8, inner.clone()), true),
            Field::new(
                "c",
                record(vec![Field::new(
                    "c",
                    record(vec![Field::new("m", list(list(DataType::Int64)), false)]),
                    true,
                )]),
                true,
            ),
        ],
        r#"{"id":1,"a":[{"n":1,"tags":["x",null,""]},null,{"n":null,"tags":[]}],"b":{"k":{"n":5,"tags":null}},"c":{"c":{"m":[[1],[],null]}}}
           {"id":2,"a":[],"b":{},"c":{"c":null}}
           {"id":3,"a":null,"b":null,"c":null}
           {"id":4,"a":[{"n":7,"tags":["y"]}],"b":{"k":null,"l":{"n":1,"tags":["z","z"]}},"c":{"c":{"m":[]}}}"#,
    );
    // Also those in the middle of arrays.
    for rows in [rows.slice(1, 3), rows.slice(2, 2), rows] {
        returns_in_json(StructArray::from(rows));
    }
}

#[test]
fn lists_and_maps_of_all_kinds_return() {
    let lists = vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![Some(2), Some(3)]),
    ];
    let of = |lists: Vec<_>| ListArray::from_iter_primitive::<Int64Type, _, _>(lists);
    let plain = of(lists.clone());
    let item = Arc::new(Field::new("item", DataType::Int64, true));
    for to in [
        DataType::LargeList(Arc::clone(&item)),
        DataType::FixedSizeList(Arc::clone(&item), 2),
        DataType::ListView(Arc::clone(&item)),
        DataType::LargeListView(item),
    ] {
        let values = cast(&plain, &to).unwrap();
        returns_in_json(make_array(values.to_data().slice(1, 2)));
        returns_in_json(make_array(values.to_data()));
    }
    returns(plain);
    let mut maps = MapBuilder::new(None, Int32Builder::new(), StringBuilder::new());
    maps.keys().append_value(5);
    maps.values().append_value("five");
    maps.keys().append_value(-1);
    maps.values().append_null();
    maps.append(true).unwrap();
    maps.append(false).unwrap();
    maps.append(true).unwrap();
    returns_in_json(maps.finish());
}
