use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::*;
use arrow::ipc::MetadataVersion;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

use super::{decode, encode};
use crate::error::Kind;

/// A column of every type that a guest may hand back.
fn plain() -> RecordBatch {
    let tags = ListArray::new(
        Arc::new(Field::new("item", DataType::Utf8, true)),
        OffsetBuffer::from_lengths([2, 0, 1]),
        Arc::new(StringArray::from(vec![Some("x"), None, Some("größe")])),
        Some(NullBuffer::from(vec![true, false, true])),
    );
    let detail = StructArray::from(vec![
        (
            Arc::new(Field::new("a", DataType::Int8, true)),
            Arc::new(Int8Array::from(vec![Some(1), None, Some(3)])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("b", DataType::Boolean, false)),
            Arc::new(BooleanArray::from(vec![true, false, true])) as ArrayRef,
        ),
    ]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("k");
    map.values().append_value(1);
    map.append(true).unwrap();
    map.append(true).unwrap();
    map.append(false).unwrap();
    let fixed = FixedSizeListArray::new(
        Arc::new(Field::new("item", DataType::Float32, true)),
        2,
        Arc::new(Float32Array::from(vec![1., 2., 3., 4., 5., 6.])),
        Some(NullBuffer::from(vec![true, true, false])),
    );
    let zoned =
        TimestampMicrosecondArray::from(vec![Some(1), None, Some(-1)]).with_timezone("+00:00");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        (
            "text",
            Arc::new(StringArray::from(vec![Some("a"), None, Some("ü")])),
        ),
        (
            "large",
            Arc::new(LargeStringArray::from(vec!["a", "", "c"])),
        ),
        (
            "bytes",
            Arc::new(BinaryArray::from(vec![&b"\xff"[..], b"", b"z"])),
        ),
        (
            "truth",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        ("nothing", Arc::new(NullArray::new(3))),
        (
            "price",
            Arc::new(
                Decimal128Array::from(vec![1, 2, 3])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        (
            "wide",
            Arc::new(Decimal256Array::from(vec![
                i256::from(1),
                i256::MINUS_ONE,
                i256::ZERO,
            ])),
        ),
        ("at", Arc::new(zoned)),
        ("day", Arc::new(Date32Array::from(vec![1, 2, 3]))),
        (
            "clock",
            Arc::new(Time32SecondArray::from(vec![0, 1, 86_399])),
        ),
        (
            "fixed",
            Arc::new(
                FixedSizeBinaryArray::try_from_iter([b"ab", b"cd", b"ef"].into_iter()).unwrap(),
            ),
        ),
        ("tags", Arc::new(tags)),
        ("detail", Arc::new(detail)),
        ("map", Arc::new(map.finish())),
        ("pair", Arc::new(fixed)),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap()
}

fn write(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), batches[0].schema_ref()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn refusal(bytes: Vec<u8>) -> String {
    let error = decode(bytes).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    error.to_string()
}

#[test]
fn what_goes_out_comes_back() {
    let batch = plain();
    let bytes = encode(&batch).unwrap();
    assert_eq!(decode(bytes.clone()).unwrap(), batch);
    // Anybody can read it.
    let mut reader = StreamReader::try_new(bytes.as_slice(), None).unwrap();
    assert_eq!(reader.next().unwrap().unwrap(), batch);
    assert!(reader.next().is_none());
    // Slices, nothing, and several batches in one stream.
    assert_eq!(
        decode(encode(&batch.slice(1, 2)).unwrap()).unwrap(),
        batch.slice(1, 2)
    );
    assert_eq!(
        decode(encode(&batch.slice(3, 0)).unwrap())
            .unwrap()
            .num_rows(),
        0
    );
    assert_eq!(
        decode(write(&[batch.slice(0, 1), batch.slice(1, 2)])).unwrap(),
        batch
    );
    let empty = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(5)),
    )
    .unwrap();
    assert_eq!(decode(encode(&empty).unwrap()).unwrap().num_rows(), 5);
}

#[test]
fn encodings_go_out_as_plain_values() {
    let dictionary: DictionaryArray<Int8Type> = vec!["a", "b", "a"].into_iter().collect();
    let list = ListArray::new(
        Arc::new(Field::new("item", dictionary.data_type().clone(), true)),
        OffsetBuffer::from_lengths([1, 2, 0]),
        Arc::new(dictionary.clone()),
        None,
    );
    let runs =
        RunArray::<Int32Type>::try_new(&Int32Array::from(vec![3]), &Int64Array::from(vec![7]))
            .unwrap();
    let batch = RecordBatch::try_from_iter([
        ("dictionary", Arc::new(dictionary) as ArrayRef),
        (
            "view",
            Arc::new(StringViewArray::from(vec![
                "x",
                "y",
                "a text that is longer than twelve",
            ])) as _,
        ),
        ("list", Arc::new(list) as _),
        ("runs", Arc::new(runs) as _),
    ])
    .unwrap();
    let back = decode(encode(&batch).unwrap()).unwrap();
    let types: Vec<String> = back
        .schema()
        .fields()
        .iter()
        .map(|field| crate::data_type::name(field.data_type()))
        .collect();
    assert_eq!(types, ["utf8", "utf8", "list<utf8>", "int64"]);
    assert_eq!(back.column(0).as_string::<i32>().value(2), "a");
    assert_eq!(
        back.column(3).as_primitive::<Int64Type>().values(),
        &[7, 7, 7]
    );

    let union = UnionArray::try_new(
        UnionFields::try_new([0], [Field::new("a", DataType::Int8, true)]).unwrap(),
        vec![0].into(),
        None,
        vec![Arc::new(Int8Array::from(vec![1]))],
    )
    .unwrap();
    let batch = RecordBatch::try_from_iter([("u", Arc::new(union) as ArrayRef)]).unwrap();
    assert!(
        encode(&batch)
            .unwrap_err()
            .to_string()
            .contains("`u` holds a union")
    );
}

#[test]
fn what_cannot_be_taken_is_named() {
    let dictionary: DictionaryArray<Int8Type> = vec!["a", "b"].into_iter().collect();
    let of = |column: ArrayRef| write(&[RecordBatch::try_from_iter([("x", column)]).unwrap()]);
    assert!(refusal(of(Arc::new(dictionary))).contains("`x` is dictionary-encoded"));
    assert!(
        refusal(of(Arc::new(StringViewArray::from(vec!["x"])))).contains("views are not taken")
    );
    assert!(refusal(vec![]).contains("empty"));
    assert!(refusal(b"{\"id\": 1}".to_vec()).contains("no message begins"));
    let twice = Schema::new(vec![
        Field::new("x", DataType::Null, true),
        Field::new("x", DataType::Null, true),
    ]);
    let columns: Vec<ArrayRef> = vec![Arc::new(NullArray::new(1)), Arc::new(NullArray::new(1))];
    let twice = RecordBatch::try_new(Arc::new(twice), columns).unwrap();
    assert!(refusal(write(&[twice])).contains("stands twice"));
    // Digits and times that Arrow itself lets pass.
    let digits = Decimal128Array::from(vec![1_000])
        .with_precision_and_scale(10, 0)
        .unwrap();
    let digits = digits
        .to_data()
        .into_builder()
        .data_type(DataType::Decimal128(2, 0))
        .build()
        .unwrap();
    assert!(
        refusal(of(make_array(digits)))
            .contains("too large to store in a Decimal128 of precision 2")
    );
    assert!(
        refusal(of(Arc::new(Time32SecondArray::from(vec![86_400])))).contains("no time of a day")
    );
    // A cheap lie about length.
    assert!(refusal(of(Arc::new(NullArray::new(1 << 21)))).contains("more than its bytes"));
}

#[test]
fn buffers_cannot_share_bytes() {
    let numbers = Arc::new(Int64Array::from_iter_values(0..8)) as ArrayRef;
    let columns = ["x", "y"].map(|name| (name, Arc::clone(&numbers)));
    let mut bytes = write(&[RecordBatch::try_from_iter(columns).unwrap()]);
    assert!(judge(bytes.clone()));
    let place = |offset: i64, length: i64| [offset.to_le_bytes(), length.to_le_bytes()].concat();
    // Both have the whole body, of which they need a half.
    let (halves, whole) = ([place(0, 64), place(64, 64)], place(0, 128));
    for half in halves {
        let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(&half));
        let at = at.expect("the writer aligns to 64 bytes and leaves out validity");
        bytes[at..at + whole.len()].copy_from_slice(&whole);
    }
    assert!(refusal(bytes).contains("overlap"));
}

/// Whatever a guest writes, the answer is `invalid` or rows that are valid in full.
fn judge(bytes: Vec<u8>) -> bool {
    match decode(bytes) {
        Ok(batch) => {
            for column in batch.columns() {
                assert_eq!(column.len(), batch.num_rows());
                column.to_data().validate_full().unwrap();
            }
            // Kernels and text must cope with it as well.
            encode(&batch).unwrap();
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), Kind::Invalid);
            false
        }
    }
}

#[test]
fn no_byte_can_do_harm() {
    let options = || IpcWriteOptions::try_new(8, false, MetadataVersion::V5).unwrap();
    let batch = plain();
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), batch.schema_ref(), options()).unwrap();
    writer.write(&batch).unwrap();
    let valid = writer.into_inner().unwrap();
    assert!(judge(valid.clone()));
    let (mut taken, mut refused) = (0, 0);
    let mut count = |valid: bool| if valid { taken += 1 } else { refused += 1 };
    for at in 0..valid.len() {
        let mut cut = valid.clone();
        cut.truncate(at);
        count(judge(cut));
        for change in [0x01, 0x80, 0xFF] {
            let mut changed = valid.clone();
            changed[at] ^= change;
            count(judge(changed));
        }
        let mut zeroed = valid.clone();
        zeroed[at] = 0;
        count(judge(zeroed));
    }
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..5_000 {
        let mut changed = valid.clone();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(0..changed.len());
            changed[at] = random.u8(..);
        }
        count(judge(changed));
    }
    assert!(
        taken > 100 && refused > 1_000,
        "{taken} taken, {refused} refused"
    );
}
