//! Creating tables and changing their columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use wasm_sink_core::guest::tables::TableStage;
use wasm_sink_core::home::AttemptError;
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::{CommitId, Kind, Position};

use super::fixture::{Fixture, append, columns, commit, delta, epoch, home, key, numbers, offset};
use crate::schema::TableSchema;

#[tokio::test(flavor = "multi_thread")]
async fn creating_twice_is_creating_once() {
    let lake = Fixture::new().await;
    let (a, b) = tokio::join!(
        lake.stage(1, &[("n", "int64"), ("p", "utf8")], &["p"]),
        lake.stage(2, &[("p", "utf8"), ("n", "int64")], &["p"]),
    );
    for mut stage in [a, b] {
        assert_eq!(delta(&mut stage).fields("").unwrap().unwrap().len(), 2);
        let other = delta(&mut stage)
            .create("", &columns(&[("n", "int64")]), &[])
            .await;
        assert_eq!(other.unwrap_err().kind(), Kind::Invalid);
    }
    assert!(!lake.entry(1).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_added_while_the_epoch_is_at_its_begin() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let staged = lake.staged(1, 0..5).await;
    let mut stage = lake.stage(2, &[("n", "int64")], &[]).await;
    // Files with the old columns, staged before and committed after.
    append(&mut stage, &numbers(5..7)).await.unwrap();
    stage.admit(&key("0"), Some(&Position::from_offset(5)));
    let new = columns(&[("n", "int64"), ("city", "utf8")]);
    let too_early = delta(&mut stage).add_columns("", &new).await.unwrap_err();
    assert_eq!(too_early.kind(), Kind::Conflict);

    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 5), staged)]))
        .await
        .unwrap();
    delta(&mut stage).add_columns("", &new).await.unwrap();
    let version = home.read().await.unwrap().version;
    delta(&mut stage).add_columns("", &new).await.unwrap();
    assert_eq!(home.read().await.unwrap().version, version);

    let city: ArrayRef = Arc::new(StringArray::from(vec![Some("Wien"), None]));
    let n: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
    let rows =
        RecordBatch::try_from_iter_with_nullable([("city", city, true), ("n", n, true)]).unwrap();
    append(&mut stage, &rows).await.unwrap();
    let staged = stage.finish().await.unwrap();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(2, "0", (Some(5), 9), staged)]))
        .await
        .unwrap();
    assert_eq!(lake.numbers().await, (0..9).collect::<Vec<_>>());

    // One whose partition has moved on is a zombie.
    stage.begin(CommitId::from_random(3));
    stage.admit(&key("0"), Some(&Position::from_offset(5)));
    let zombie = delta(&mut stage)
        .add_columns("", &columns(&[("x", "int8")]))
        .await;
    assert_eq!(zombie.unwrap_err().kind(), Kind::Conflict);
    let wrong = delta(&mut stage)
        .add_columns("", &columns(&[("city", "int8")]))
        .await;
    assert!(wrong.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_outlive_added_columns_and_no_other_change() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let staged = lake.staged(1, 0..5).await;
    let twin = lake.twin().await;
    let mut other = twin.stage(Purpose::Commit).unwrap();
    other.begin(CommitId::from_random(5));
    delta(&mut other).open("").await.unwrap();
    delta(&mut other)
        .add_columns("", &columns(&[("city", "utf8")]))
        .await
        .unwrap();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 5), staged)]))
        .await
        .unwrap();

    // Staged for a table that is dropped and made anew.
    let staged = lake.staged_again(2, 5..6).await;
    std::fs::remove_dir_all(lake.directory.path().join("_delta_log")).unwrap();
    let _new = lake
        .stage(3, &[("n", "int64"), ("city", "utf8")], &[])
        .await;
    let base = home.read().await.unwrap();
    assert_eq!(offset(&base, "0"), None);
    let outdated = home
        .attempt(&base, &commit(vec![epoch(2, "0", (None, 6), staged)]))
        .await;
    assert!(
        matches!(outdated, Err(AttemptError::Outdated(_))),
        "{outdated:?}"
    );
}

impl Fixture {
    async fn staged_again(
        &self,
        id: u64,
        values: std::ops::Range<i64>,
    ) -> Vec<wasm_sink_core::stage::Staged> {
        let mut stage = self.connection.stage(Purpose::Commit).unwrap();
        stage.begin(CommitId::from_random(id));
        delta(&mut stage).open("").await.unwrap();
        append(&mut stage, &numbers(values)).await.unwrap();
        stage.finish().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_dropped_and_made_anew_is_noticed_at_any_length() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let staged = lake.staged(1, 0..5).await;
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 5), staged)]))
        .await
        .unwrap();
    assert_eq!(offset(&home.read().await.unwrap(), "0"), Some(5));
    std::fs::remove_dir_all(lake.directory.path().join("_delta_log")).unwrap();
    // Another process makes it anew, with as many versions.
    let twin_connection = lake.twin().await;
    let mut stage = twin_connection.stage(Purpose::Commit).unwrap();
    stage.begin(CommitId::from_random(8));
    delta(&mut stage).open("").await.unwrap();
    delta(&mut stage)
        .create("", &columns(&[("n", "int64")]), &[])
        .await
        .unwrap();
    let twin = super::fixture::home(&*twin_connection);
    let base = twin.read().await.unwrap();
    twin.attempt(&base, &commit(vec![epoch(9, "1", (None, 2), Vec::new())]))
        .await
        .unwrap();
    let base = home.read().await.unwrap();
    assert_eq!((offset(&base, "0"), offset(&base, "1")), (None, Some(2)));
    std::fs::remove_dir_all(lake.directory.path().join("_delta_log")).unwrap();
    assert_eq!(home.read().await.unwrap().version, 0);
}

#[test]
fn names_and_partitions_that_delta_cannot_have_are_refused_by_name() {
    let refused = |fields: &[(&str, &str)], partition_by: &[&str]| {
        let partition_by: Vec<_> = partition_by.iter().map(|name| (*name).to_owned()).collect();
        let error = TableSchema::requested(&columns(fields), &partition_by).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    };
    assert!(refused(&[("a b", "utf8")], &[]).contains("`a b`"));
    assert!(refused(&[("s", "struct<`x;y`: utf8>")], &[]).contains("x;y"));
    assert!(refused(&[("a", "utf8"), ("A", "utf8")], &[]).contains("only in case"));
    assert!(refused(&[("a", "utf8")], &["b"]).contains("`b`"));
    assert!(refused(&[("a", "utf8")], &["a"]).contains("every column"));
    assert!(refused(&[("a", "list<utf8>"), ("b", "utf8")], &["a"]).contains("list<utf8>"));
    assert!(refused(&[("a", "binary"), ("b", "utf8")], &["a"]).contains("binary"));
    assert!(refused(&[("", "utf8")], &[]).contains("empty name"));
    assert!(refused(&[], &[]).contains("at least one column"));
}

#[test]
fn structs_grow_and_keep_their_fields() {
    let table = |data_type| {
        TableSchema::requested(&columns(&[("s", data_type), ("n", "int64")]), &[]).unwrap()
    };
    let known = table("struct<a: utf8, b: list<struct<c: int32>>>");
    let same = known
        .with_columns(&columns(&[("s", "struct<a: utf8>")]))
        .unwrap();
    assert!(same.is_none());
    let grown = known
        .with_columns(&columns(&[(
            "s",
            "struct<b: list<struct<c: int32, d: utf8>>, e: date32>",
        )]))
        .unwrap()
        .unwrap();
    assert_eq!(
        grown.fields()[0].data_type,
        "struct<a: utf8, b: list<struct<c: int32, d: utf8>>, e: date32>"
    );
    assert!(
        known
            .with_columns(&columns(&[("s", "struct<a: int32>")]))
            .is_err()
    );
    assert!(known.with_columns(&columns(&[("x", "utf8!")])).is_err());
    assert_eq!(known.obstacle(&grown), None);
    assert!(grown.obstacle(&known).unwrap().contains("`s`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_and_its_twin_agree_after_foreign_commits() {
    let lake = Fixture::new().await;
    let (one, other) = (lake.home(), home(&*lake.twin().await));
    let _ = lake.staged(1, 0..1).await;
    let mut begin = None;
    for round in 0..40_u64 {
        let home = if round % 3 == 0 { &other } else { &one };
        let base = home.read().await.unwrap();
        assert_eq!(offset(&base, "0"), begin.map(|begin: u64| begin as i64));
        let next = epoch(round + 10, "0", (begin, round + 1), Vec::new());
        home.attempt(&base, &commit(vec![next])).await.unwrap();
        begin = Some(round + 1);
    }
    let (one, other) = (one.read().await.unwrap(), other.read().await.unwrap());
    assert_eq!(one.positions, other.positions);
    assert_eq!(one.version, other.version);
}
