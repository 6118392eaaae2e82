//! Against the library itself: what goes in comes out.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    DurationMicrosecondArray, FixedSizeListArray, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int32Builder, Int64Array, IntervalMonthDayNanoArray, LargeStringArray,
    ListArray, MapBuilder, StringArray, StringBuilder, StructArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Int32Type, Int64Type, IntervalMonthDayNano, Schema};
use tempfile::TempDir;

use super::*;
use arrow::array::RecordBatch;

fn database() -> (TempDir, Arc<Database>) {
    let folder = TempDir::new().unwrap();
    let database = Database::open(&folder.path().join("t.duckdb"), &[]).unwrap();
    (folder, Arc::new(database))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields = columns
        .iter()
        .map(|(name, values)| Field::new(*name, values.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(
        schema,
        columns.into_iter().map(|(_, values)| values).collect(),
    )
    .unwrap()
}

fn all(session: &mut Session, query: &str) -> RecordBatch {
    let rows = session.query(query, &[]).unwrap();
    concat_batches(&rows[0].schema(), &rows).unwrap()
}

fn texts(session: &mut Session, query: &str) -> Vec<String> {
    let rows = all(session, query);
    let texts = rows.column(0).as_string::<i32>();
    texts
        .iter()
        .map(|text| text.unwrap_or("null").to_owned())
        .collect()
}

fn numbers() -> RecordBatch {
    let numbers = Int64Array::from_iter_values(0..5_000);
    batch(vec![("n", Arc::new(numbers))])
}

const INSERT: &str = "insert into t (n) select n from _wasm_sink_rows";

#[test]
fn rows_go_in_with_their_transaction_and_go_with_it() {
    let (_folder, database) = database();
    let mut session = Session::connect(&database).unwrap();
    session.run("create table t (n bigint); begin").unwrap();
    session.append(INSERT, &numbers()).unwrap();
    session.append(INSERT, &numbers()).unwrap();
    // What waits is part of what one reads.
    let sum = all(
        &mut session,
        "select count(*) as rows, sum(n)::bigint as total from t",
    );
    assert_eq!(sum.column(0).as_primitive::<Int64Type>().value(0), 10_000);
    assert_eq!(
        sum.column(1).as_primitive::<Int64Type>().value(0),
        24_995_000
    );
    session.append(INSERT, &numbers()).unwrap();
    session.roll_back().unwrap();
    session.run("begin").unwrap();
    session.append(INSERT, &numbers()).unwrap();
    session.run("commit").unwrap();
    session.run("begin").unwrap();
    session.append(INSERT, &numbers()).unwrap();
    drop(session);

    let mut other = Session::connect(&database).unwrap();
    assert_eq!(other.execute("delete from t", &[]).unwrap(), 5_000);
}

#[test]
fn every_type_comes_back_as_it_went() {
    let strings = || StringArray::from(vec![Some("é🦀"), Some(""), None]);
    let ints = || Int32Array::from(vec![Some(1), None, Some(i32::MIN)]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("a");
    map.values().append_value(1);
    map.append(true).unwrap();
    map.append(true).unwrap();
    map.append(false).unwrap();
    let point = StructArray::from(vec![
        (
            Arc::new(Field::new("x", ints().data_type().clone(), true)),
            Arc::new(ints()) as ArrayRef,
        ),
        (
            Arc::new(Field::new("s", strings().data_type().clone(), true)),
            Arc::new(strings()),
        ),
    ]);
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None]),
        Some(vec![]),
        None,
    ]);
    let pairs = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(
        [
            Some(vec![Some(1), None]),
            None,
            Some(vec![Some(2), Some(3)]),
        ],
        2,
    );
    let interval = IntervalMonthDayNano::new(-13, 40, -1_000);
    let columns: Vec<(&str, &str, ArrayRef)> = vec![
        (
            "b",
            "boolean",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        ),
        (
            "i8",
            "tinyint",
            Arc::new(Int8Array::from(vec![Some(-128), Some(127), None])),
        ),
        (
            "i16",
            "smallint",
            Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(0)])),
        ),
        ("i32", "integer", Arc::new(ints())),
        (
            "i64",
            "bigint",
            Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX, 0])),
        ),
        (
            "u8",
            "utinyint",
            Arc::new(UInt8Array::from(vec![0, 255, 1])),
        ),
        (
            "u16",
            "usmallint",
            Arc::new(UInt16Array::from(vec![0, u16::MAX, 1])),
        ),
        (
            "u32",
            "uinteger",
            Arc::new(UInt32Array::from(vec![0, u32::MAX, 1])),
        ),
        (
            "u64",
            "ubigint",
            Arc::new(UInt64Array::from(vec![0, u64::MAX, 1])),
        ),
        (
            "f32",
            "float",
            Arc::new(Float32Array::from(vec![
                f32::MIN_POSITIVE,
                -0.0,
                f32::INFINITY,
            ])),
        ),
        (
            "f64",
            "double",
            Arc::new(Float64Array::from(vec![
                5e-324,
                f64::MAX,
                f64::NEG_INFINITY,
            ])),
        ),
        ("s", "varchar", Arc::new(strings())),
        (
            "zero",
            "varchar",
            Arc::new(StringArray::from(vec!["a\0b", "\0", "x"])),
        ),
        (
            "blob",
            "blob",
            Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..], b"", b"'"])),
        ),
        (
            "day",
            "date",
            Arc::new(Date32Array::from(vec![-719_162, 2_932_896, -25_567_000])),
        ),
        (
            "time",
            "time",
            Arc::new(Time64MicrosecondArray::from(vec![0, 86_399_999_999, 1])),
        ),
        (
            "at",
            "timestamp",
            Arc::new(TimestampMicrosecondArray::from(vec![
                -62_135_596_800_000_000,
                1,
                i64::MAX - 1,
            ])),
        ),
        (
            "ns",
            "timestamp_ns",
            Arc::new(TimestampNanosecondArray::from(vec![
                -1,
                1,
                1_700_000_000_000_000_001,
            ])),
        ),
        (
            "dec",
            "decimal(38,10)",
            Arc::new(
                Decimal128Array::from(vec![
                    -1,
                    0,
                    99_999_999_999_999_999_999_999_999_999_999_999_999_i128,
                ])
                .with_precision_and_scale(38, 10)
                .unwrap(),
            ),
        ),
        (
            "cents",
            "decimal(4,2)",
            Arc::new(
                Decimal128Array::from(vec![-9_999, 1, 0])
                    .with_precision_and_scale(4, 2)
                    .unwrap(),
            ),
        ),
        (
            "span",
            "interval",
            Arc::new(IntervalMonthDayNanoArray::from(vec![
                Some(interval),
                None,
                Some(interval),
            ])),
        ),
        ("list", "integer[]", Arc::new(lists)),
        ("pair", "integer[2]", Arc::new(pairs)),
        ("point", "struct(x integer, s varchar)", Arc::new(point)),
        ("map", "map(varchar, integer)", Arc::new(map.finish())),
    ];
    let (_folder, database) = database();
    let mut session = Session::connect(&database).unwrap();
    for (name, sql, values) in columns {
        session
            .run(&format!(
                "create or replace table t (\"{name}\" {sql}); begin"
            ))
            .unwrap();
        let insert = format!("insert into t (\"{name}\") select \"{name}\" from _wasm_sink_rows");
        // In slices, too: whoever reads offsets wrongly shows it here.
        let rows = batch(vec![(name, Arc::clone(&values))]);
        session.append(&insert, &rows.slice(0, 1)).unwrap();
        session.append(&insert, &rows.slice(1, 2)).unwrap();
        session.run("commit").unwrap();
        let back = all(&mut session, "select * from t");
        assert_eq!(back.num_rows(), 3, "{name}");
        for row in 0..3 {
            let shown = |values: &ArrayRef| wasm_sink_core::guest::fit::shown(values, row);
            assert_eq!(shown(back.column(0)), shown(&values), "{name}, row {row}");
        }
    }
}

#[test]
fn what_is_close_is_read_as_it_is_meant() {
    let (_folder, database) = database();
    let mut session = Session::connect(&database).unwrap();
    session.run("create table t (n interval); begin").unwrap();
    let spans = DurationMicrosecondArray::from(vec![-1, 90_061_000_001]);
    session
        .append(INSERT, &batch(vec![("n", Arc::new(spans))]))
        .unwrap();
    session.run("commit").unwrap();
    assert_eq!(
        texts(&mut session, "select n::varchar from t"),
        ["-00:00:00.000001", "25:01:01.000001"]
    );

    session
        .run("create type mood as enum ('well', 'ill'); create or replace table t (n mood, u uuid)")
        .unwrap();
    session.run("begin").unwrap();
    let insert = "insert into t (n, u) select n, u from _wasm_sink_rows";
    let moods = LargeStringArray::from(vec![Some("ill"), None]);
    let ids = StringArray::from(vec![Some("00000000-0000-0000-0000-0000000000ff"), None]);
    session
        .append(
            insert,
            &batch(vec![("n", Arc::new(moods)), ("u", Arc::new(ids))]),
        )
        .unwrap();
    assert_eq!(
        texts(&mut session, "select n || ' ' || u from t"),
        ["ill 00000000-0000-0000-0000-0000000000ff", "null"]
    );
    let wrong = batch(vec![
        ("n", Arc::new(StringArray::from(vec!["odd"]))),
        ("u", Arc::new(StringArray::from(vec!["x"]))),
    ]);
    session.append(insert, &wrong).unwrap();
    let failure = session.end_append().unwrap_err();
    assert_eq!(
        failure.kind,
        ffi::duckdb_error_type_DUCKDB_ERROR_CONVERSION,
        "{failure:?}"
    );
}

#[test]
fn a_transaction_that_failed_is_over() {
    let (_folder, database) = database();
    let mut session = Session::connect(&database).unwrap();
    session
        .run("create table t (n bigint primary key); begin")
        .unwrap();
    session.append(INSERT, &numbers()).unwrap();
    session.append(INSERT, &numbers()).unwrap();
    let failure = session.end_append().unwrap_err();
    assert_eq!(
        failure.kind,
        ffi::duckdb_error_type_DUCKDB_ERROR_CONSTRAINT,
        "{failure:?}"
    );
    session.roll_back().unwrap();
    assert_eq!(session.execute("delete from t", &[]).unwrap(), 0);
}

#[test]
fn statements_that_cannot_be_say_so() {
    let (_folder, database) = database();
    let mut session = Session::connect(&database).unwrap();
    let kinds = [
        (
            "select * from nothing",
            ffi::duckdb_error_type_DUCKDB_ERROR_CATALOG,
        ),
        ("select nothing", ffi::duckdb_error_type_DUCKDB_ERROR_BINDER),
    ];
    for (statement, kind) in kinds {
        assert_eq!(
            session.query(statement, &[]).unwrap_err().kind,
            kind,
            "{statement}"
        );
        assert_eq!(
            session.run(statement).unwrap_err().kind,
            kind,
            "{statement}"
        );
        assert!(!session.understands(statement));
    }
    assert!(session.run("select '\0'").is_err());
    assert!(session.understands("select ?"));
    let rows = session.query(
        "select ?, ?, ?",
        &[Value::Text("a'"), Value::Integer(-1), Value::Bool(true)],
    );
    assert_eq!(rows.unwrap().len(), 2);
}

#[test]
fn a_file_is_opened_once_however_often_it_is_asked_for() {
    let (folder, first) = database();
    let path = folder.path().join("t.duckdb");
    let second = Arc::new(Database::open(&path, &[]).unwrap());
    Session::connect(&first)
        .unwrap()
        .run("create table t (n int)")
        .unwrap();
    Session::connect(&second)
        .unwrap()
        .run("drop table t")
        .unwrap();
    drop(first);
    drop(second);
    std::fs::write(
        &path,
        "no database, but long enough to be taken for one".repeat(100),
    )
    .unwrap();
    assert!(Database::open(&path, &[]).is_err());
    assert!(Database::open(&path, &[("no_such_setting", "1")]).is_err());
}

/// As a connection opens it: threads read side by side.
fn parallel() -> (TempDir, Arc<Database>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("preserve_insertion_order", "false"), ("threads", "4")];
    let database = Database::open(&folder.path().join("test.duckdb"), &settings).unwrap();
    (folder, Arc::new(database))
}

fn many(from: i64, count: i64) -> RecordBatch {
    let values = Int64Array::from_iter_values(from..from + count);
    batch(vec![("n", Arc::new(values))])
}

#[test]
fn threads_that_read_side_by_side_read_each_row_once() {
    let (_folder, database) = parallel();
    let mut session = Session::connect(&database).unwrap();
    session
        .run("create table t (n bigint); create table u (n bigint); begin")
        .unwrap();
    let (rows, step) = (700_000, 7_000);
    for from in (0..rows).step_by(step as usize) {
        session.append(INSERT, &many(from, step)).unwrap();
        session
            .append(&INSERT.replace("into t", "into u"), &many(from, 1))
            .unwrap();
    }
    session.run("commit").unwrap();
    let sums = "select count(*) || ' ' || count(distinct n) || ' ' || sum(n) from ";
    assert_eq!(
        texts(&mut session, &format!("{sums} t")),
        [format!("{rows} {rows} {}", rows * (rows - 1) / 2)]
    );
    assert_eq!(
        texts(&mut session, &format!("{sums} u")),
        [format!("100 100 {}", step * 99 * 100 / 2)]
    );
}

/// A thread fails in the middle of a row group, and others wait for rows: nobody waits for ever.
#[test]
fn a_thread_that_fails_ends_the_others() {
    let (_folder, database) = parallel();
    for _ in 0..20 {
        let mut session = Session::connect(&database).unwrap();
        session
            .run("create or replace table t (n bigint check (n >= 0)); begin")
            .unwrap();
        for from in [0, -1] {
            session.append(INSERT, &many(from, 1)).unwrap();
            while session.unread() > 0 {
                std::thread::yield_now();
            }
        }
        let appended = session.append(INSERT, &many(0, 10));
        let failure = appended.and_then(|()| session.end_append()).unwrap_err();
        assert!(failure.message.contains("CHECK"), "{failure:?}");
        session.roll_back().unwrap();
        assert_eq!(
            texts(&mut session, "select count(*)::varchar from t"),
            ["0"]
        );
    }
}

#[test]
fn rows_that_are_given_up_leave_nothing() {
    let (_folder, database) = parallel();
    let mut session = Session::connect(&database).unwrap();
    session.run("create table t (n bigint); begin").unwrap();
    session.append(INSERT, &many(0, 150_000)).unwrap();
    session.roll_back().unwrap();
    session.run("begin").unwrap();
    session.append(INSERT, &many(0, 10)).unwrap();
    drop(session);
    let mut session = Session::connect(&database).unwrap();
    assert_eq!(
        texts(&mut session, "select count(*)::varchar from t"),
        ["0"]
    );
}

/// Whether a query has one chunk, many, or none, and whether or not it sorts.
#[test]
fn an_answer_is_taken_while_it_is_made() {
    let (_folder, database) = database();
    let mut session = Session::connect(&database).unwrap();
    session
        .run("create table t as select range as n from range(100000)")
        .unwrap();
    for (query, count) in [
        ("select n from t where n < 10 order by n", 10),
        ("select n from t order by n", 100_000),
        ("select n from t", 100_000),
        ("select n from t where n < 0", 0),
    ] {
        let session = Session::connect(&database).unwrap();
        let mut stream = session
            .stream(query)
            .unwrap_or_else(|failure| panic!("{query}: {failure:?}"));
        let mut seen = 0;
        while let Some(rows) = stream.next(5_000).unwrap() {
            assert!(rows.num_rows() >= 5_000 || count - seen == rows.num_rows());
            seen += rows.num_rows();
        }
        assert_eq!(seen, count, "{query}");
        assert!(stream.next(1).unwrap().is_none());
    }
    // One that is left in the middle is no trouble.
    let session = Session::connect(&database).unwrap();
    let mut stream = session.stream("select n from t order by n").unwrap();
    stream.next(1).unwrap();
    let session = Session::connect(&database).unwrap();
    let mut failing = session.stream("select cast('x' || n as int) as n from t order by 1");
    let failed = match &mut failing {
        Ok(stream) => stream.next(1).is_err(),
        Err(_) => true,
    };
    assert!(failed);
}
