//! Against the library itself: what a transaction with rows may do to their table.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use tempfile::TempDir;

use super::*;

const INSERT: &str = "insert into t (n) select n from _wasm_sink_rows";
const WIDEN: &str = "alter table t alter column n set data type bigint";
const ADD: &str = "alter table t add column if not exists more int";

fn session() -> (TempDir, Session) {
    let folder = TempDir::new().unwrap();
    let database = Database::open(&folder.path().join("t.duckdb"), &[]).unwrap();
    let mut session = Session::connect(&Arc::new(database)).unwrap();
    session
        .run("create table t (n int); insert into t values (-1); begin")
        .unwrap();
    (folder, session)
}

fn numbers(rows: i64) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    let numbers = Int64Array::from_iter_values(0..rows);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers)]).unwrap()
}

fn number(session: &mut Session, query: &str) -> i64 {
    let rows = session.query(query, &[]).unwrap();
    let last = rows.last().unwrap();
    last.column(0).as_primitive::<Int64Type>().value(0)
}

#[test]
fn a_table_that_few_rows_came_to_can_be_changed() {
    let (_folder, mut session) = session();
    session.append(INSERT, &numbers(100_000)).unwrap();
    session.run(&format!("{WIDEN}; {ADD}")).unwrap();
    session.append(INSERT, &numbers(200_000)).unwrap();
    session
        .run("insert into t values (5000000000, 1); commit")
        .unwrap();
    assert_eq!(number(&mut session, "select count(*) from t"), 300_002);
    assert_eq!(number(&mut session, "select max(n) from t"), 5_000_000_000);
}

/// So changes come first. Where this fails, the library was mended, and they need not.
#[test]
fn a_table_that_row_groups_came_to_cannot_be_changed() {
    for change in [WIDEN, ADD] {
        let (_folder, mut session) = session();
        session.append(INSERT, &numbers(200_000)).unwrap();
        session.run(change).unwrap();
        let appended = session.append(INSERT, &numbers(200_000));
        let failure = appended.and_then(|()| session.end_append()).unwrap_err();
        assert!(failure.message.contains("Row group"), "{failure:?}");
    }
}

/// Likewise.
#[test]
fn a_table_that_rows_left_cannot_be_changed() {
    for change in [WIDEN, ADD] {
        let (_folder, mut session) = session();
        session.run(&format!("delete from t; {change}")).unwrap();
        let failure = session.run("commit").unwrap_err();
        assert!(failure.message.contains("altered"), "{failure:?}");
        session.run("begin").unwrap();
        session.run(&format!("{change}; delete from t")).unwrap();
        session.run("commit").unwrap();
    }
}
