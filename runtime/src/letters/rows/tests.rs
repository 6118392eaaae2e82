//! Rows come back as they were.

use arrow::array::{
    Array, Decimal128Array, Int64Array, StringArray, StringDictionaryBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use wasm_sink_core::batch::Lineage;
use wasm_sink_core::dead_letter::{DecodedRow, RefusedBy, RowOrigin};
use wasm_sink_core::{PartitionKey, Position};

use super::*;

#[derive(Debug)]
struct Offsets;

impl Lineage for Offsets {
    fn position_after(&self, row: u32) -> Option<Position> {
        Some(Position::from_offset(u64::from(row) + 1))
    }

    fn origin(&self, _row: u32) -> RowOrigin {
        RowOrigin::default()
    }

    fn raw(&self, _row: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        let offsets = rows.values().iter().map(|row| i64::from(*row) + 100);
        match key {
            MetadataKey::Offset => Some(Arc::new(Int64Array::from_iter_values(offsets))),
            _ => None,
        }
    }
}

fn source(rows: RecordBatch) -> Arc<SourceBatch> {
    Arc::new(SourceBatch {
        key: PartitionKey::new("s", "0"),
        begin: None,
        end: Position::from_offset(rows.num_rows() as u64),
        rows,
        lineage: Arc::new(Offsets),
        undecodable: Vec::new(),
        at: DateTime::<Utc>::UNIX_EPOCH,
        bytes: 0,
        reservation: None,
    })
}

/// Columns that JSON has no word for.
fn amounts() -> RecordBatch {
    let decimals = Decimal128Array::from(vec![Some(1), None, Some(-3)]);
    let decimals = decimals.with_precision_and_scale(38, 10).unwrap();
    let times = TimestampMicrosecondArray::from(vec![1, 2, 3]).with_timezone("+00:00");
    let mut words = StringDictionaryBuilder::<Int32Type>::new();
    words.extend([Some("a"), None, Some("b")]);
    let schema = Schema::new_with_metadata(
        vec![
            Field::new("amount", decimals.data_type().clone(), true),
            Field::new("at", times.data_type().clone(), false),
            Field::new(
                "word",
                DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into()),
                true,
            ),
        ],
        [("of".to_owned(), "amounts".to_owned())].into(),
    );
    let columns: Vec<ArrayRef> = vec![
        Arc::new(decimals),
        Arc::new(times),
        Arc::new(words.finish()),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn names(names: &[&str]) -> RecordBatch {
    let column: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
    RecordBatch::try_from_iter([("name", column)]).unwrap()
}

fn letter(row: Option<(&Arc<SourceBatch>, u32)>) -> DeadLetter {
    DeadLetter {
        key: PartitionKey::new("s", "0"),
        origin: RowOrigin::default(),
        position: None,
        by: RefusedBy::Host,
        reason: String::new(),
        record: Bytes::new(),
        kept: row.map_or(Kept::Nothing, |(batch, row)| {
            Kept::Row(DecodedRow {
                batch: Arc::clone(batch),
                row,
            })
        }),
    }
}

/// Which letter each row is of, the row and its offset, as read back.
fn read_back(path: &Path, digest: &Digest) -> Vec<(u64, RecordBatch, i64)> {
    let mut found = Vec::new();
    for batch in read(path, digest).unwrap().unwrap() {
        let batch = batch.unwrap();
        let letters = batch[LETTER]
            .as_any()
            .downcast_ref::<UInt64Array>()
            .unwrap();
        let rows = batch[ROW].as_any().downcast_ref::<StructArray>().unwrap();
        let offsets = batch["offset"]
            .as_any()
            .downcast_ref::<Int64Array>()
            .unwrap();
        let metadata = batch.schema().metadata().clone();
        let rows = RecordBatch::from(rows);
        let schema = Schema::new_with_metadata(rows.schema().fields().clone(), metadata);
        let rows = rows.with_schema(Arc::new(schema)).unwrap();
        for row in 0..batch.num_rows() {
            found.push((letters.value(row), rows.slice(row, 1), offsets.value(row)));
        }
    }
    found
}

#[test]
fn rows_come_back_in_order_with_their_types_and_metadata() {
    let (amounts, names, later) = (
        source(amounts()),
        source(names(&["x", "y"])),
        source(names(&["z"])),
    );
    let letters = [
        letter(Some((&amounts, 2))),
        letter(None),
        letter(Some((&names, 1))),
        letter(Some((&later, 0))),
        letter(Some((&amounts, 1))),
    ];
    let directory = tempfile::tempdir().unwrap();
    let path = path(directory.path(), CommitId::from_random(7));
    let digest = write(&of(&letters), &mut File::create(&path).unwrap()).unwrap();
    let found = read_back(&path, &digest);
    let expected = vec![
        (0, amounts.rows.slice(2, 1), 102),
        (2, names.rows.slice(1, 1), 101),
        (3, later.rows.slice(0, 1), 100),
        (4, amounts.rows.slice(1, 1), 101),
    ];
    assert_eq!(found, expected);
}

#[test]
fn many_rows_and_rows_without_columns_come_back() {
    let count = CHUNK_ROWS as u32 * 2 + 1;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(count as usize));
    let empty = Arc::new(Schema::empty());
    let rows = RecordBatch::try_new_with_options(empty, Vec::new(), &options).unwrap();
    let batch = source(rows);
    let letters: Vec<_> = (0..count).map(|row| letter(Some((&batch, row)))).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = path(directory.path(), CommitId::from_random(7));
    let digest = write(&of(&letters), &mut File::create(&path).unwrap()).unwrap();
    let found = read_back(&path, &digest);
    let offsets: Vec<_> = found.iter().map(|(_, _, offset)| *offset).collect();
    assert_eq!(offsets, (100..100 + i64::from(count)).collect::<Vec<_>>());
}

#[test]
fn rows_of_another_attempt_belong_to_no_letters() {
    let directory = tempfile::tempdir().unwrap();
    let path = path(directory.path(), CommitId::from_random(7));
    let mut file = File::create(&path).unwrap();
    let one = source(names(&["one"]));
    let digest = write(&of(&[letter(Some((&one, 0)))]), &mut file).unwrap();
    assert!(read(&path, &digest).unwrap().is_some());
    let other = source(names(&["other"]));
    let mut file = File::create(&path).unwrap();
    write(&of(&[letter(Some((&other, 0)))]), &mut file).unwrap();
    assert!(read(&path, &digest).unwrap().is_none());
    std::fs::remove_file(&path).unwrap();
    assert!(read(&path, &digest).unwrap().is_none());
}
