//! Every Arrow type: written exactly, or refused with a reason.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::*;
use arrow::util::display::array_value_to_string;
use wasm_sink_core::guest::tables::TableStage;
use wasm_sink_core::guest::wit;
use wasm_sink_core::{Kind, data_type};

use super::fixture::{Fixture, append, columns, commit, delta, epoch};
use crate::types::delta_type;

fn one(name: &str, array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, array, true)]).unwrap()
}

/// Writes one column into a table of its own type; gives what is read back, its Delta type, and
/// the reasons of refused rows.
async fn round_trip(array: ArrayRef) -> (RecordBatch, String, Vec<String>) {
    let lake = Fixture::new().await;
    let text = data_type::name(array.data_type());
    let mut stage = lake
        .stage(1, &[("v", &text), ("filler", "int8")], &[])
        .await;
    let refused = append(&mut stage, &one("v", array)).await.unwrap();
    let staged = stage.finish().await.unwrap();
    let home = lake.home();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 1), staged)]))
        .await
        .unwrap();
    let fields = delta(&mut stage).fields("").unwrap().unwrap();
    let files = lake.files().await;
    (
        files[0].project(&[0]).unwrap(),
        fields[0].data_type.clone(),
        refused,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_fit_come_back_equal() {
    let text = ["a", "", "日本"];
    let micros = TimestampMicrosecondArray::from(vec![-1, 0, 1]);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let dictionary: DictionaryArray<Int32Type> = text.into_iter().collect();
    let run_ends = Int32Array::from(vec![2, 3]);
    let run = RunArray::try_new(&run_ends, &StringArray::from(vec!["x", "y"])).unwrap();
    let decimals = Decimal256Array::from(vec![i256::from_i128(-12_345); 3]);
    let cases: Vec<(ArrayRef, &str)> = vec![
        (
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
            "boolean",
        ),
        (Arc::new(Int8Array::from(vec![i8::MIN, 0, i8::MAX])), "int8"),
        (
            Arc::new(Int16Array::from(vec![i16::MIN, 0, i16::MAX])),
            "int16",
        ),
        (
            Arc::new(Int32Array::from(vec![i32::MIN, 0, i32::MAX])),
            "int32",
        ),
        (
            Arc::new(Int64Array::from(vec![i64::MIN, 0, i64::MAX])),
            "int64",
        ),
        (Arc::new(UInt8Array::from(vec![0, 1, u8::MAX])), "int16"),
        (Arc::new(UInt16Array::from(vec![0, 1, u16::MAX])), "int32"),
        (Arc::new(UInt32Array::from(vec![0, 1, u32::MAX])), "int64"),
        (
            Arc::new(UInt64Array::from(vec![0, 1, u64::MAX])),
            "decimal(20,0)",
        ),
        (
            Arc::new(Float32Array::from(vec![f32::MIN, f32::NAN, -0.0])),
            "float32",
        ),
        (
            Arc::new(Float64Array::from(vec![f64::MIN, f64::INFINITY, 0.1])),
            "float64",
        ),
        (
            cast(
                &Float32Array::from(vec![0.5, 1.0, -2.0]),
                &DataType::Float16,
            )
            .unwrap(),
            "float32",
        ),
        (Arc::new(StringArray::from(text.to_vec())), "utf8"),
        (Arc::new(LargeStringArray::from(text.to_vec())), "utf8"),
        (Arc::new(StringViewArray::from(text.to_vec())), "utf8"),
        (
            Arc::new(BinaryArray::from(vec![&b"\xff\x00"[..], b"", b"x"])),
            "binary",
        ),
        (
            Arc::new(LargeBinaryArray::from(vec![&b"\xff"[..], b"", b"x"])),
            "binary",
        ),
        (
            Arc::new(BinaryViewArray::from(vec![&b"\xff"[..], b"", b"x"])),
            "binary",
        ),
        (
            Arc::new(FixedSizeBinaryArray::try_from_iter([[1, 2], [3, 4], [5, 6]].iter()).unwrap()),
            "binary",
        ),
        (Arc::new(Date32Array::from(vec![-1, 0, 20_000])), "date32"),
        (
            Arc::new(Date64Array::from(vec![-86_400_000, 0, 86_400_000])),
            "date32",
        ),
        (Arc::new(micros.clone()), "timestamp(us)"),
        (
            Arc::new(micros.with_timezone("+02:00")),
            "timestamp(us,+00:00)",
        ),
        (
            Arc::new(TimestampSecondArray::from(vec![-1, 0, 1])),
            "timestamp(us)",
        ),
        (
            Arc::new(TimestampMillisecondArray::from(vec![-1, 0, 1])),
            "timestamp(us)",
        ),
        (
            Arc::new(TimestampNanosecondArray::from(vec![-1_000, 0, 1_000])),
            "timestamp(us)",
        ),
        (
            Arc::new(
                Decimal32Array::from(vec![-5, 0, 5])
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
            "decimal(9,2)",
        ),
        (
            Arc::new(
                Decimal64Array::from(vec![-5, 0, 5])
                    .with_precision_and_scale(18, 2)
                    .unwrap(),
            ),
            "decimal(18,2)",
        ),
        (
            Arc::new(
                Decimal128Array::from(vec![-5, 0, 5])
                    .with_precision_and_scale(38, 10)
                    .unwrap(),
            ),
            "decimal(38,10)",
        ),
        (
            Arc::new(
                Decimal128Array::from(vec![-5, 0, 5])
                    .with_precision_and_scale(5, -2)
                    .unwrap(),
            ),
            "decimal(7,0)",
        ),
        (
            Arc::new(decimals.clone().with_precision_and_scale(20, 3).unwrap()),
            "decimal(20,3)",
        ),
        (
            Arc::new(decimals.clone().with_precision_and_scale(76, 3).unwrap()),
            "decimal(38,3)",
        ),
        (
            Arc::new(decimals.with_precision_and_scale(30, -3).unwrap()),
            "decimal(33,0)",
        ),
        (Arc::new(list.clone()), "list<int32>"),
        (
            cast(&list, &DataType::new_large_list(DataType::Int32, true)).unwrap(),
            "list<int32>",
        ),
        (
            Arc::new(FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
                vec![Some(vec![Some(1), None]); 3],
                2,
            )),
            "list<int32>",
        ),
        (Arc::new(dictionary), "utf8"),
        (Arc::new(run), "utf8"),
    ];
    for (array, expected) in cases {
        let (read, delta, refused) = round_trip(Arc::clone(&array)).await;
        let from = data_type::name(array.data_type());
        assert_eq!(delta, expected, "{from}");
        assert!(refused.is_empty(), "{from}: {refused:?}");
        let plain = read.column(0);
        let wanted = cast(&array, plain.data_type()).unwrap();
        // A cast from lists of fixed size names the items as it likes.
        let texts = |values: &ArrayRef| -> Vec<String> {
            (0..values.len())
                .map(|row| array_value_to_string(values, row).unwrap())
                .collect()
        };
        assert_eq!(texts(plain), texts(&wanted), "{from}");
        assert_eq!(
            plain.logical_null_count(),
            wanted.logical_null_count(),
            "{from}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_values_come_back_equal() {
    let fields = Fields::from(vec![
        Field::new("country", DataType::LargeUtf8, true),
        Field::new("score", DataType::UInt8, true),
    ]);
    let structs = StructArray::new(
        fields,
        vec![
            Arc::new(LargeStringArray::from(vec![Some("AT"), None, Some("x")])),
            Arc::new(UInt8Array::from(vec![Some(200), Some(1), None])),
        ],
        Some(NullBuffer::from(vec![true, true, false])),
    );
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("k");
    map.values().append_value(7);
    map.append(true).unwrap();
    map.append(false).unwrap();
    map.append(true).unwrap();
    let (read, delta, refused) = round_trip(Arc::new(structs)).await;
    assert_eq!(
        (delta.as_str(), refused.len()),
        ("struct<country: utf8, score: int16>", 0)
    );
    assert!(read.column(0).is_null(2));
    let scores = read
        .column(0)
        .as_struct()
        .column(1)
        .as_primitive::<Int16Type>()
        .clone();
    assert_eq!(scores.values()[..2], [200, 1]);
    let (read, delta, _) = round_trip(Arc::new(map.finish())).await;
    assert_eq!(delta, "map<utf8, int64>");
    assert_eq!(read.column(0).as_map().value_length(0), 1);
    assert!(read.column(0).is_null(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_do_not_fit_refuse_their_row_alone() {
    let list = |values: ArrayRef| {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([2, 0, 1]);
        Arc::new(ListArray::new(item, offsets, values, None)) as ArrayRef
    };
    let cases: Vec<(ArrayRef, &str, usize)> = vec![
        (
            Arc::new(TimestampNanosecondArray::from(vec![1, 1_000, 2_000])),
            "microsecond",
            1,
        ),
        (
            Arc::new(TimestampSecondArray::from(vec![i64::MAX, 0, i64::MIN])),
            "too far",
            2,
        ),
        (
            Arc::new(TimestampMillisecondArray::from(vec![i64::MAX, 0, 0])),
            "too far",
            1,
        ),
        (
            Arc::new(Date64Array::from(vec![1, 0, i64::MAX])),
            "whole day",
            2,
        ),
        (
            Arc::new(
                Decimal256Array::from(vec![i256::ONE, i256::from_i128(i128::MAX), i256::ZERO])
                    .with_precision_and_scale(76, 0)
                    .unwrap(),
            ),
            "more digits",
            1,
        ),
        (
            list(Arc::new(TimestampNanosecondArray::from(vec![0, 5, 1_000]))),
            "`v.element`",
            1,
        ),
    ];
    for (array, reason, count) in cases {
        let from = data_type::name(array.data_type());
        let (read, _, refused) = round_trip(array).await;
        assert_eq!(refused.len(), count, "{from}: {refused:?}");
        assert!(
            refused[0].contains(reason) && refused[0].contains("`v"),
            "{from}: {refused:?}"
        );
        assert_eq!(read.num_rows(), 3 - count, "{from}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_are_refused_where_the_table_has_none() {
    let lake = Fixture::new().await;
    let fields = [("n", "int64!"), ("s", "struct<a: int32 not null>")];
    let mut stage = lake.stage(1, &fields, &[]).await;
    let inner = StructArray::new(
        vec![Field::new("a", DataType::Int32, true)].into(),
        vec![Arc::new(Int32Array::from(vec![
            Some(1),
            Some(1),
            None,
            None,
        ]))],
        Some(NullBuffer::from(vec![true, true, true, false])),
    );
    let rows = RecordBatch::try_from_iter_with_nullable([
        (
            "n",
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)])) as ArrayRef,
            true,
        ),
        ("s", Arc::new(inner) as ArrayRef, true),
    ])
    .unwrap();
    let refused = append(&mut stage, &rows).await.unwrap();
    assert_eq!(refused.len(), 2);
    assert!(
        refused[0].contains("`n`") && refused[1].contains("`s.a`"),
        "{refused:?}"
    );
    assert_eq!(stage.finish().await.unwrap()[0].rows, 2);
    let missing = append(&mut stage, &rows.project(&[1]).unwrap())
        .await
        .unwrap_err();
    assert!(missing.to_string().contains("`n`"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_another_shape_are_invalid_and_named() {
    let lake = Fixture::new().await;
    let mut stage = lake
        .stage(1, &[("n", "int64"), ("s", "struct<a: int32>")], &[])
        .await;
    let text: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
    let error = append(&mut stage, &one("n", Arc::clone(&text)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(
        error
            .to_string()
            .contains("`n` is int64 in the table, which takes no utf8"),
        "{error}"
    );
    let error = append(&mut stage, &one("m", text)).await.unwrap_err();
    assert!(
        error.to_string().contains("`m` is not in the table"),
        "{error}"
    );
    let wide = new_null_array(&data_type::parse("struct<a: int32, b: utf8>").unwrap(), 1);
    let error = append(&mut stage, &one("s", wide)).await.unwrap_err();
    assert!(error.to_string().contains("`s`"), "{error}");
    // What carries nothing is no column.
    append(
        &mut stage,
        &one("later", new_null_array(&DataType::Null, 2)),
    )
    .await
    .unwrap();
    assert_eq!(stage.finish().await.unwrap()[0].rows, 2);
}

/// A table keeps its types: what is the same in them goes in, the rest is refused with its value.
#[tokio::test(flavor = "multi_thread")]
async fn other_types_go_in_value_by_value() {
    let lake = Fixture::new().await;
    let columns = [("n", "int32"), ("f", "float32"), ("s", "struct<a: int16>")];
    let mut stage = lake.stage(1, &columns, &[]).await;
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 1 << 40, 3, 4]));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 0.5, 0.1, f64::NAN]));
    let inner: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 70_000]));
    let field = Arc::new(Field::new("a", DataType::Int64, true));
    let structs: ArrayRef = Arc::new(StructArray::from(vec![(field, inner)]));
    let rows = RecordBatch::try_from_iter([("n", numbers), ("f", floats), ("s", structs)]).unwrap();
    let fitted = delta(&mut stage).fit("", &rows).unwrap();
    assert_eq!(fitted.row_count, 1);
    let refused = fitted.refused.unwrap();
    let rows: Vec<_> = refused.rows.values().set_indices().collect();
    assert_eq!(rows, [1, 2, 3]);
    for (reason, named) in refused.reasons.iter().zip(["`n`", "`f`", "`s`"]) {
        assert!(
            reason.contains(named) && reason.contains("does not go into"),
            "{reason}"
        );
    }
}

/// Every variant of Arrow's type, and some nested in one another.
fn every_type() -> Vec<DataType> {
    let field = |data_type: &DataType| Arc::new(Field::new("item", data_type.clone(), true));
    let mut types: Vec<DataType> = vec![
        DataType::Null,
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float16,
        DataType::Float32,
        DataType::Float64,
        DataType::Date32,
        DataType::Date64,
        DataType::Binary,
        DataType::FixedSizeBinary(3),
        DataType::LargeBinary,
        DataType::BinaryView,
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Decimal32(9, 2),
        DataType::Decimal64(18, 2),
        DataType::Decimal128(38, 38),
        DataType::Decimal128(38, -1),
        DataType::Decimal256(76, 76),
        DataType::Decimal256(40, -40),
    ];
    for unit in [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ] {
        types.push(DataType::Timestamp(unit, None));
        types.push(DataType::Timestamp(unit, Some("+01:00".into())));
        types.push(DataType::Duration(unit));
    }
    types.extend([
        DataType::Time32(TimeUnit::Second),
        DataType::Time32(TimeUnit::Millisecond),
    ]);
    types.extend([
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Time64(TimeUnit::Nanosecond),
    ]);
    types.extend(
        [
            IntervalUnit::YearMonth,
            IntervalUnit::DayTime,
            IntervalUnit::MonthDayNano,
        ]
        .map(DataType::Interval),
    );
    types.push(DataType::Struct(Fields::empty()));
    let union = UnionFields::from_fields(vec![Field::new("a", DataType::Int8, true)]);
    types.push(DataType::Union(union, UnionMode::Dense));
    for inner in types.clone() {
        types.push(DataType::List(field(&inner)));
        types.push(DataType::LargeList(field(&inner)));
        types.push(DataType::FixedSizeList(field(&inner), 2));
        types.push(DataType::ListView(field(&inner)));
        types.push(DataType::LargeListView(field(&inner)));
        types.push(DataType::Struct(
            vec![Field::new("f", inner.clone(), true)].into(),
        ));
        types.push(DataType::Dictionary(
            Box::new(DataType::Int32),
            Box::new(inner.clone()),
        ));
        let run_ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
        let values = Arc::new(Field::new("values", inner.clone(), true));
        types.push(DataType::RunEndEncoded(run_ends, values));
        let entries = vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", inner, true),
        ];
        let entries = Field::new("entries", DataType::Struct(entries.into()), false);
        types.push(DataType::Map(Arc::new(entries), false));
    }
    types
}

#[tokio::test(flavor = "multi_thread")]
async fn no_type_panics() {
    let lake = Fixture::new().await;
    let mut stage = lake.stage(1, &[("filler", "int8")], &[]).await;
    let (mut written, mut refused) = (0, 0);
    for (index, data_type) in every_type().into_iter().enumerate() {
        let name = format!("c{index}");
        // Types whose text is not read back never come from a component.
        let field = wit::Field {
            name: name.clone(),
            data_type: data_type::name(&data_type),
            nullable: true,
        };
        match (
            delta_type(&name, &data_type),
            delta(&mut stage).add_columns("", &[field]).await,
        ) {
            (Ok(_), Ok(())) => {
                let wide = arrow::compute::can_cast_types(&DataType::Null, &data_type);
                let rows = if wide || !matches!(data_type, DataType::RunEndEncoded(..)) {
                    new_null_array(&data_type, 3)
                } else {
                    continue;
                };
                append(&mut stage, &one(&name, rows))
                    .await
                    .unwrap_or_else(|e| panic!("{data_type}: {e}"));
                written += 1;
            }
            (Err(error), _) => {
                assert_eq!(error.kind(), Kind::Invalid, "{data_type}");
                assert!(error.to_string().contains(&name), "{error}");
                refused += 1;
            }
            (Ok(_), Err(error)) => assert_eq!(error.kind(), Kind::Invalid, "{data_type}: {error}"),
        }
    }
    assert!(
        written > 150 && refused > 50,
        "{written} written, {refused} refused"
    );
    let rows: u64 = stage
        .finish()
        .await
        .unwrap()
        .iter()
        .map(|staged| staged.rows)
        .sum();
    assert_eq!(rows, 3 * written);
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_say_what_is_in_the_file() {
    let lake = Fixture::new().await;
    let fields = [
        ("n", "int64"),
        ("f", "float64"),
        ("nan", "float32"),
        ("t", "utf8"),
        ("d", "decimal(20,2)"),
        ("at", "timestamp(us,+00:00)"),
        ("day", "date32"),
        ("b", "boolean"),
        ("l", "list<int32>"),
        ("s", "struct<a: int32, u: struct<x: utf8>>"),
        ("empty", "int32"),
    ];
    let mut stage = lake.stage(1, &fields, &[]).await;
    let inner = StructArray::from(vec![(
        Arc::new(Field::new("x", DataType::Utf8, true)),
        Arc::new(StringArray::from(vec![Some("p"), None, Some("q")])) as ArrayRef,
    )]);
    let outer = StructArray::from(vec![
        (
            Arc::new(Field::new("a", DataType::Int32, true)),
            Arc::new(Int32Array::from(vec![3, 1, 2])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("u", inner.data_type().clone(), true)),
            Arc::new(inner) as ArrayRef,
        ),
    ]);
    let long = "ü".repeat(100);
    let rows = RecordBatch::try_from_iter_with_nullable([
        (
            "n",
            Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(5)])) as ArrayRef,
            true,
        ),
        (
            "f",
            Arc::new(Float64Array::from(vec![0.1, -1e300, 7.0])) as ArrayRef,
            true,
        ),
        (
            "nan",
            Arc::new(Float32Array::from(vec![1.0, f32::NAN, 2.0])) as ArrayRef,
            true,
        ),
        (
            "t",
            Arc::new(StringArray::from(vec![long.as_str(), "b\"", "a"])) as ArrayRef,
            true,
        ),
        (
            "d",
            Arc::new(
                Decimal128Array::from(vec![-12345678901234567, 5, 0])
                    .with_precision_and_scale(20, 2)
                    .unwrap(),
            ) as ArrayRef,
            true,
        ),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from(vec![1_001, 2_000, 3_001]).with_timezone("+00:00"),
            ) as ArrayRef,
            true,
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![0, 1, 2])) as ArrayRef,
            true,
        ),
        (
            "b",
            Arc::new(BooleanArray::from(vec![None, None, Some(true)])) as ArrayRef,
            true,
        ),
        ("s", Arc::new(outer) as ArrayRef, true),
    ])
    .unwrap();
    append(&mut stage, &rows).await.unwrap();
    let staged = stage.finish().await.unwrap();
    let home = lake.home();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 1), staged)]))
        .await
        .unwrap();
    let add = &lake.actions(1, "add")[0];
    let text = add["stats"].as_str().unwrap();
    let stats: serde_json::Value = serde_json::from_str(text).unwrap();
    let (min, max, nulls) = (
        &stats["minValues"],
        &stats["maxValues"],
        &stats["nullCount"],
    );
    assert_eq!(stats["numRecords"], 3);
    assert_eq!(
        (&min["n"], &max["n"], &nulls["n"]),
        (&i64::MIN.into(), &5.into(), &1.into())
    );
    assert_eq!((&min["f"], &max["f"]), (&(-1e300).into(), &7.0.into()));
    assert_eq!((min["nan"].as_f64(), max.get("nan")), (Some(1.0), None));
    assert_eq!(min["t"], "a");
    assert!(max["t"].as_str().unwrap() >= long.as_str());
    assert!(max["t"].as_str().unwrap().len() < long.len());
    assert!(text.contains(r#""d":-123456789012345.67"#), "{text}");
    assert_eq!(
        (&min["at"], &max["at"]),
        (
            &"1970-01-01T00:00:00.001Z".into(),
            &"1970-01-01T00:00:00.004Z".into()
        )
    );
    assert_eq!(
        (&min["day"], &max["day"]),
        (&"1970-01-01".into(), &"1970-01-03".into())
    );
    assert_eq!((&nulls["b"], min.get("b")), (&2.into(), None));
    assert_eq!(
        (&min["s"]["a"], &max["s"]["u"]["x"], &nulls["s"]["u"]["x"]),
        (&1.into(), &"q".into(), &1.into())
    );
    assert_eq!(
        (nulls.get("l"), &nulls["empty"], min.get("empty")),
        (None, &3.into(), None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_without_zone_asks_for_the_feature() {
    let lake = Fixture::new().await;
    let mut stage = lake.stage(1, &[("n", "int64")], &[]).await;
    delta(&mut stage)
        .add_columns("", &columns(&[("at", "timestamp(us)")]))
        .await
        .unwrap();
    let protocol = &lake.actions(1, "protocol")[0];
    assert_eq!(
        protocol["readerFeatures"],
        serde_json::json!(["timestampNtz"])
    );
    assert_eq!(
        protocol["writerFeatures"],
        serde_json::json!(["appendOnly", "invariants", "timestampNtz"])
    );
    lake.home().read().await.unwrap();
}
