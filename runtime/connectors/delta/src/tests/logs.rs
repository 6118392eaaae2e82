//! Checkpoints, damage, and tables of others.

use std::fs;

use wasm_sink_core::guest::tables::TableStage;
use wasm_sink_core::home::History;
use wasm_sink_core::{Blame, CommitId, Kind};

use super::fixture::{Fixture, append, commit, connect, delta, epoch, home, numbers, offset};

/// A table with one row per commit.
async fn with_commits(count: u64) -> Fixture {
    let lake = Fixture::new().await;
    let home = lake.home();
    let mut begin = None;
    for id in 0..count {
        let staged = lake.staged(id, id as i64..id as i64 + 1).await;
        let base = home.read().await.unwrap();
        let epoch = epoch(id, "0", (begin, id + 1), staged);
        home.attempt(&base, &commit(vec![epoch])).await.unwrap();
        begin = Some(id + 1);
    }
    lake
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_outlive_the_entries_before_a_checkpoint() {
    let lake = with_commits(12).await;
    assert!(lake.log("00000000000000000010.checkpoint.parquet").exists());
    for version in 0..=10 {
        fs::remove_file(lake.entry(version)).unwrap();
    }
    let home = home(&*lake.twin().await);
    let base = home.read().await.unwrap();
    assert_eq!((base.version, offset(&base, "0")), (13, Some(12)));
    assert_eq!(
        home.history(CommitId::from_random(11)).await.unwrap(),
        History::Holds
    );
    assert_eq!(
        home.history(CommitId::from_random(3)).await.unwrap(),
        History::Forgotten
    );
    // It goes on from there.
    let staged = lake.staged(12, 12..13).await;
    let next = epoch(12, "0", (Some(12), 13), staged);
    home.attempt(&base, &commit(vec![next])).await.unwrap();
    assert_eq!(lake.numbers().await, (0..13).collect::<Vec<_>>());
    // Also without the hint, and with nothing but the checkpoint.
    fs::remove_file(lake.log("_last_checkpoint")).unwrap();
    for version in 11..=13 {
        fs::remove_file(lake.entry(version)).unwrap();
    }
    let home = super::fixture::home(&*lake.twin().await);
    let base = home.read().await.unwrap();
    assert_eq!((base.version, offset(&base, "0")), (11, Some(10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_finds_files_through_a_checkpoint() {
    let lake = with_commits(11).await;
    for version in 0..=9 {
        fs::remove_file(lake.entry(version)).unwrap();
    }
    let other = connect(lake.directory.path().into(), "another").await;
    let mut stage = other.stage(wasm_sink_core::stage::Purpose::Commit).unwrap();
    stage.begin(CommitId::from_random(77));
    delta(&mut stage).open("").await.unwrap();
    delta(&mut stage).overwrite("").unwrap();
    append(&mut stage, &numbers(500..501)).await.unwrap();
    let staged = stage.finish().await.unwrap();
    let home = home(&*other);
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(77, "0", (None, 1), staged)]))
        .await
        .unwrap();
    assert_eq!(lake.numbers().await, [500]);
    assert_eq!(lake.actions(12, "remove").len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_named_and_nothing_panics() {
    let message = |damage: fn(&Fixture)| async move {
        let lake = with_commits(3).await;
        damage(&lake);
        let error = home(&*lake.twin().await).read().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.blame()),
            (Kind::Other, Blame::Destination),
            "{error}"
        );
        error.to_string()
    };
    let text = message(|lake| fs::write(lake.entry(2), "{\"add\": nonsense").unwrap()).await;
    assert!(
        text.contains("00000000000000000002.json") && text.contains("line 1"),
        "{text}"
    );
    let text = message(|lake| fs::write(lake.entry(3), "").unwrap()).await;
    assert!(
        text.contains("00000000000000000003.json is empty"),
        "{text}"
    );
    let text = message(|lake| fs::write(lake.entry(1), [0xff, 0x00, b'\n']).unwrap()).await;
    assert!(text.contains("00000000000000000001.json"), "{text}");
    let text = message(|lake| fs::remove_file(lake.entry(1)).unwrap()).await;
    assert!(
        text.contains("00000000000000000001.json is missing"),
        "{text}"
    );
    let text = message(|lake| fs::remove_file(lake.entry(0)).unwrap()).await;
    assert!(
        text.contains("00000000000000000000.json is missing"),
        "{text}"
    );
    let text = message(|lake| {
        fs::write(
            lake.log("00000000000000000003.checkpoint.parquet"),
            "PAR1 no",
        )
        .unwrap();
    })
    .await;
    assert!(text.contains("checkpoint"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_that_appears_while_we_run_is_noticed() {
    let lake = with_commits(3).await;
    let home = lake.home();
    home.read().await.unwrap();
    let text = fs::read_to_string(lake.entry(3)).unwrap();
    fs::write(lake.entry(4), &text).unwrap();
    fs::write(lake.entry(5), &text).unwrap();
    fs::write(lake.entry(7), &text).unwrap();
    let error = home.read().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("00000000000000000006.json is missing"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_ask_for_more_are_refused_by_feature() {
    let refused = |from: &'static str, to: &'static str| async move {
        let lake = Fixture::new().await;
        let _stage = lake.stage(1, &[("n", "int64")], &[]).await;
        let text = fs::read_to_string(lake.entry(0)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(lake.entry(0), text.replacen(from, to, 1)).unwrap();
        let twin = lake.twin().await;
        let error = home(&*twin).read().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(twin.check().await.is_err());
        error.to_string()
    };
    let text = refused("\"minWriterVersion\":2", "\"minWriterVersion\":9").await;
    assert!(text.contains("version 1 of the Delta protocol"), "{text}");
    let text = refused(
        "\"minReaderVersion\":1,\"minWriterVersion\":2",
        "\"minReaderVersion\":1,\"minWriterVersion\":7,\"writerFeatures\":[\"rowTracking\"]",
    )
    .await;
    assert!(text.contains("`rowTracking`"), "{text}");
    let text = refused(
        "\"configuration\":{}",
        "\"configuration\":{\"delta.constraints.positive\":\"n > 0\"}",
    )
    .await;
    assert!(text.contains("`positive`"), "{text}");
    let text = refused(
        "\"configuration\":{}",
        "\"configuration\":{\"delta.columnMapping.mode\":\"name\"}",
    )
    .await;
    assert!(text.contains("columnMapping"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_only_table_is_not_overwritten() {
    let lake = Fixture::new().await;
    let _stage = lake.stage(1, &[("n", "int64")], &[]).await;
    let text = fs::read_to_string(lake.entry(0)).unwrap();
    let append_only = "\"configuration\":{\"delta.appendOnly\":\"true\"}";
    fs::write(
        lake.entry(0),
        text.replacen("\"configuration\":{}", append_only, 1),
    )
    .unwrap();
    let twin = lake.twin().await;
    let mut stage = twin.stage(wasm_sink_core::stage::Purpose::Commit).unwrap();
    stage.begin(CommitId::from_random(2));
    delta(&mut stage).open("").await.unwrap();
    let error = delta(&mut stage).overwrite("").unwrap_err();
    assert!(error.to_string().contains("appendOnly"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_says_how_often_it_wants_checkpoints() {
    let lake = Fixture::new().await;
    let _stage = lake.stage(0, &[("n", "int64")], &[]).await;
    let text = fs::read_to_string(lake.entry(0)).unwrap();
    let configuration = "\"configuration\":{\"delta.checkpointInterval\":\"2\",\
         \"delta.deletedFileRetentionDuration\":\"interval 2 hours\"}";
    fs::write(
        lake.entry(0),
        text.replacen("\"configuration\":{}", configuration, 1),
    )
    .unwrap();
    let home = home(&*lake.twin().await);
    for id in 1..3_u64 {
        let base = home.read().await.unwrap();
        let begin = (id > 1).then_some(id - 1);
        let next = epoch(id, "0", (begin, id), Vec::new());
        home.attempt(&base, &commit(vec![next])).await.unwrap();
    }
    assert!(lake.log("00000000000000000002.checkpoint.parquet").exists());
    assert_eq!(
        home.max_staged_age(),
        Some(std::time::Duration::from_secs(3600))
    );
}
