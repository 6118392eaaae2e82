//! Rows as JSON, against the text that is expected.

mod times;

use std::sync::Arc;

use arrow::array::types::{Int32Type, Int64Type};
use arrow::array::*;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema, UnionFields, i256};
use wasm_sink_core::Kind;

use crate::encode::{EncodedRows, json_objects, plain_values};

fn batch(values: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", values, true)]).unwrap()
}

fn texts(rows: &EncodedRows) -> Vec<Option<String>> {
    let text = |row| {
        rows.get(row)
            .map(|text| String::from_utf8(text.to_vec()).unwrap())
    };
    (0..rows.len()).map(text).collect()
}

/// The column's values within their objects.
fn json(values: impl Array + 'static) -> Vec<String> {
    let rows = json_objects(&batch(Arc::new(values))).unwrap();
    assert!(rows.refused().is_empty(), "{:?}", rows.refused());
    let values = texts(&rows).into_iter().flatten().map(|text| {
        let _: serde_json::Value = serde_json::from_str(&text).unwrap();
        let value = text
            .strip_prefix(r#"{"x":"#)
            .and_then(|text| text.strip_suffix('}'));
        value.unwrap().to_owned()
    });
    values.collect()
}

fn plain(values: impl Array + 'static) -> Vec<Option<String>> {
    texts(&plain_values(&(Arc::new(values) as ArrayRef)).unwrap())
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

#[test]
fn numbers_have_all_their_digits() {
    assert_eq!(
        json(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ["true", "null", "false"]
    );
    assert_eq!(
        json(Int8Array::from(vec![i8::MIN, i8::MAX])),
        ["-128", "127"]
    );
    assert_eq!(json(UInt32Array::from(vec![u32::MAX])), ["4294967295"]);
    assert_eq!(
        json(Int64Array::from(vec![i64::MIN, 0])),
        ["-9223372036854775808", "0"]
    );
    assert_eq!(
        json(UInt64Array::from(vec![u64::MAX])),
        ["18446744073709551615"]
    );
    assert_eq!(json(NullArray::new(2)), ["null", "null"]);
    let floats = vec![
        0.1,
        -0.0,
        5e-324,
        1e300,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    let as_text = ["0.1", "-0.0", "5e-324", "1e300"];
    let special = [r#""NaN""#, r#""Infinity""#, r#""-Infinity""#];
    let wide = json(Float64Array::from(floats.clone()));
    assert_eq!(
        wide[..4]
            .iter()
            .map(|text| text.replace('+', ""))
            .collect::<Vec<_>>(),
        as_text
    );
    assert_eq!(wide[4..], special);
    assert_eq!(
        plain(Float64Array::from(floats))[4..],
        some(&["NaN", "Infinity", "-Infinity"])
    );
    let narrow = Float32Array::from(vec![0.1, 16_777_216.0, f32::NAN]);
    assert_eq!(json(narrow.clone()), ["0.1", "16777216.0", r#""NaN""#]);
    assert_eq!(
        json(make_array(
            cast(&narrow, &DataType::Float16).unwrap().to_data()
        ))[..1],
        ["0.099975586"]
    );
}

#[test]
fn decimals_are_numbers() {
    let most = 10_i128.pow(38) - 1;
    let of = |values: Vec<i128>, digits, scale| {
        Decimal128Array::from(values)
            .with_precision_and_scale(digits, scale)
            .unwrap()
    };
    assert_eq!(
        json(of(vec![most, -1, 0], 38, 0)),
        ["9".repeat(38), "-1".to_owned(), "0".to_owned()]
    );
    assert_eq!(
        json(of(vec![12_345, -5, 0], 5, 2)),
        ["123.45", "-0.05", "0.00"]
    );
    assert_eq!(json(of(vec![-12, 0], 5, -2)), ["-1200", "0"]);
    assert_eq!(plain(of(vec![12_345], 5, 2)), some(&["123.45"]));
    let small = Decimal32Array::from(vec![-999_999_999])
        .with_precision_and_scale(9, 9)
        .unwrap();
    assert_eq!(json(small), ["-0.999999999"]);
    let digits = "9".repeat(76);
    let wide = Decimal256Array::from(vec![i256::from_string(&format!("-{digits}")), None]);
    let wide = wide.with_precision_and_scale(76, 1).unwrap();
    assert_eq!(
        json(wide),
        [format!("-{}.9", "9".repeat(75)), "null".to_owned()]
    );
}

#[test]
fn text_is_escaped_and_bytes_are_base64() {
    let texts = vec![Some("a\"\\\n\u{1}é\u{1f600}"), None, Some("")];
    let expected = [r#""a\"\\\n\u0001é😀""#, "null", r#""""#];
    assert_eq!(json(StringArray::from(texts.clone())), expected);
    assert_eq!(json(LargeStringArray::from(texts.clone())), expected);
    assert_eq!(json(StringViewArray::from(texts.clone())), expected);
    let same: Vec<_> = texts.iter().map(|text| text.map(str::to_owned)).collect();
    assert_eq!(plain(StringArray::from(texts.clone())), same);
    assert_eq!(plain(StringViewArray::from(texts)), same);
    let dictionary: DictionaryArray<Int32Type> = [Some("a"), None, Some("a")].into_iter().collect();
    assert_eq!(
        plain(dictionary.clone()),
        [Some("a".to_owned()), None, Some("a".to_owned())]
    );
    assert_eq!(json(dictionary), [r#""a""#, "null", r#""a""#]);
    let blobs: Vec<Option<&[u8]>> = vec![Some(b""), None, Some(&[255]), Some(b"abcd")];
    let expected = [r#""""#, "null", r#""/w==""#, r#""YWJjZA==""#];
    assert_eq!(json(BinaryArray::from(blobs.clone())), expected);
    assert_eq!(json(BinaryViewArray::from(blobs.clone())), expected);
    let rows =
        plain_values(&(Arc::new(LargeBinaryArray::from(blobs.clone())) as ArrayRef)).unwrap();
    assert_eq!((0..4).map(|row| rows.get(row)).collect::<Vec<_>>(), blobs);
    let fixed = FixedSizeBinaryArray::try_from_iter([[0_u8, 1]].into_iter()).unwrap();
    assert_eq!(json(fixed.clone()), [r#""AAE=""#]);
    assert_eq!(plain(fixed), some(&["\0\u{1}"]));
}

#[test]
fn nested_values_are_whole() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let expected = ["[1,null]", "null", "[]"];
    assert_eq!(json(lists.clone()), expected);
    assert_eq!(
        plain(lists.clone()),
        [Some("[1,null]".to_owned()), None, Some("[]".to_owned())]
    );
    let item = Arc::new(Field::new("item", DataType::Int64, true));
    for to in [
        DataType::ListView(Arc::clone(&item)),
        DataType::LargeList(item),
    ] {
        let values = cast(&lists, &to).unwrap();
        assert_eq!(json(make_array(values.to_data())), expected);
        assert_eq!(
            json(make_array(values.slice(1, 2).to_data())),
            expected[1..]
        );
    }
    let fields = Fields::from(vec![
        Field::new("a", DataType::Utf8, true),
        Field::new("b\"", lists.data_type().clone(), true),
    ]);
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), Some("y"), None]));
    let nulls = vec![true, false, true].into();
    let structs = StructArray::new(fields, vec![names, Arc::new(lists)], Some(nulls));
    assert_eq!(
        json(structs),
        [
            r#"{"a":"x","b\"":[1,null]}"#,
            "null",
            r#"{"a":null,"b\"":[]}"#
        ]
    );
    let empty = StructArray::new_empty_fields(1, None);
    assert_eq!(json(empty), ["{}"]);
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    maps.keys().append_value("a\"");
    maps.values().append_value(1);
    maps.keys().append_value("b");
    maps.values().append_null();
    maps.append(true).unwrap();
    maps.append(false).unwrap();
    maps.append(true).unwrap();
    assert_eq!(json(maps.finish()), [r#"{"a\"":1,"b":null}"#, "null", "{}"]);
    let mut maps = MapBuilder::new(None, Int32Builder::new(), Int32Builder::new());
    maps.keys().append_value(1);
    maps.values().append_null();
    maps.append(true).unwrap();
    assert_eq!(json(maps.finish()), [r#"[{"key":1,"value":null}]"#]);
}

#[test]
fn columns_are_in_their_order_with_nulls() {
    let rows = RecordBatch::try_from_iter_with_nullable([
        (
            "z",
            Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef,
            true,
        ),
        (
            "a \"é\"",
            Arc::new(StringArray::from(vec![None, Some("x")])),
            true,
        ),
    ]);
    let rows = json_objects(&rows.unwrap()).unwrap();
    assert_eq!(
        texts(&rows),
        some(&[r#"{"z":1,"a \"é\"":null}"#, r#"{"z":null,"a \"é\"":"x"}"#])
    );
    let options = RecordBatchOptions::new().with_row_count(Some(2));
    let none = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options);
    assert_eq!(
        texts(&json_objects(&none.unwrap()).unwrap()),
        some(&["{}", "{}"])
    );
}

#[test]
fn what_has_no_json_is_told() {
    let twice = Schema::new(vec![
        Field::new("a", DataType::Int32, true),
        Field::new("a", DataType::Int32, true),
    ]);
    let one: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let twice = RecordBatch::try_new(Arc::new(twice), vec![Arc::clone(&one), one]).unwrap();
    let error = json_objects(&twice).unwrap_err();
    assert!(error.message().contains("two columns `a`"), "{error}");
    let fields: UnionFields = [(0, Arc::new(Field::new("a", DataType::Int32, true)))]
        .into_iter()
        .collect();
    let children: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![1]))];
    let union = UnionArray::try_new(fields, vec![0].into(), None, children).unwrap();
    let error = json_objects(&batch(Arc::new(union.clone()))).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.message().contains("column `x` is "), "{error}");
    let error = plain_values(&(Arc::new(union) as ArrayRef)).unwrap_err();
    assert!(error.message().starts_with("the value is "), "{error}");
}

#[test]
fn a_row_that_cannot_be_written_leaves_the_others() {
    let at = TimestampSecondArray::from(vec![0, i64::MAX, 1]);
    let rows = json_objects(&batch(Arc::new(at.clone()))).unwrap();
    let refused: Vec<_> = rows.refused().iter().collect();
    let why = "is 9223372036854775807 seconds since 1970, in a year that is too far for a date";
    assert_eq!(refused, [(&1, &format!("column `x` {why}"))]);
    let expected = [
        Some(r#"{"x":"1970-01-01T00:00:00"}"#.to_owned()),
        None,
        Some(r#"{"x":"1970-01-01T00:00:01"}"#.to_owned()),
    ];
    assert_eq!(texts(&rows), expected);
    let rows = plain_values(&(Arc::new(at) as ArrayRef)).unwrap();
    assert_eq!(rows.refused()[&1], format!("the value {why}"));
    let time = Time32SecondArray::from(vec![Some(86_400), None]);
    let field = Arc::new(Field::new("item", time.data_type().clone(), true));
    let lists = FixedSizeListArray::new(field, 2, Arc::new(time), None);
    let rows = json_objects(&batch(Arc::new(lists))).unwrap();
    assert_eq!(
        rows.refused()[&0],
        "column `x.item` is 86400 seconds after midnight, which is no time of a day"
    );
}

#[test]
fn a_key_stands_once_in_a_map() {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    let long: Vec<_> = (0..20).collect();
    let twice = [long.as_slice(), &[5]].concat();
    for keys in [&long, [5, 5].as_slice(), &twice, &[4, 5]] {
        for key in keys {
            maps.keys().append_value(key.to_string());
            maps.values().append_value(*key);
        }
        maps.append(true).unwrap();
    }
    let rows = json_objects(&batch(Arc::new(maps.finish()))).unwrap();
    let why = "column `x` has the key \"5\" twice".to_owned();
    assert_eq!(
        rows.refused().iter().collect::<Vec<_>>(),
        [(&1, &why), (&2, &why)]
    );
}
