//! Exactly once: positions, the swap, joins, overwrites.

use wasm_sink_core::guest::tables::TableStage;
use wasm_sink_core::home::{AttemptError, CommitPurpose, History};
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::{CommitId, Position};

use super::fixture::{Fixture, append, commit, connect, delta, epoch, home, key, numbers, offset};

#[tokio::test(flavor = "multi_thread")]
async fn data_and_positions_become_visible_together() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let staged = lake.staged(7, 0..10).await;
    assert_eq!((staged[0].rows, staged.len()), (10, 1));
    assert!(lake.files().await.is_empty());
    let base = home.read().await.unwrap();
    assert_eq!(offset(&base, "0"), None);

    home.attempt(&base, &commit(vec![epoch(7, "0", (None, 10), staged)]))
        .await
        .unwrap();
    assert_eq!(lake.numbers().await, (0..10).collect::<Vec<_>>());
    // Read by a process that knows nothing yet.
    let twin = super::fixture::home(&*lake.twin().await);
    for home in [&home, &twin] {
        let base = home.read().await.unwrap();
        assert_eq!(offset(&base, "0"), Some(10));
        assert_eq!(base.positions[&key("0")].commit, CommitId::from_random(7));
        assert_eq!(
            home.history(CommitId::from_random(7)).await.unwrap(),
            History::Holds
        );
        assert_eq!(
            home.history(CommitId::from_random(8)).await.unwrap(),
            History::Lacks
        );
        let winner = home.winner(&base, &key("0")).await;
        assert_eq!(winner.version, Some(1));
        assert!(
            winner.description.contains(&std::process::id().to_string()),
            "{winner:?}"
        );
    }
    let info = &lake.actions(1, "commitInfo")[0]["wasmSink"];
    assert_eq!(
        (&info["rowsIn"], &info["component"]),
        (&10.into(), &"sha256:0".into())
    );
    assert_eq!(info["configuration"], "sha256:1");
    assert!(
        lake.actions(1, "txn")
            .iter()
            .all(|txn| txn.get("lastUpdated").is_none())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_build_on_one_base_one_wins() {
    let lake = Fixture::new().await;
    let (home, twin) = (lake.home(), home(&*lake.twin().await));
    let (one, other) = (lake.staged(1, 0..5).await, lake.staged(2, 0..7).await);
    let (base, twin_base) = (home.read().await.unwrap(), twin.read().await.unwrap());
    let (won, lost) = tokio::join!(
        async {
            home.attempt(&base, &commit(vec![epoch(1, "0", (None, 5), one)]))
                .await
        },
        async {
            twin.attempt(&twin_base, &commit(vec![epoch(2, "0", (None, 7), other)]))
                .await
        },
    );
    assert!(won.is_ok() != lost.is_ok(), "{won:?} {lost:?}");
    let loss = if won.is_ok() { lost } else { won };
    assert!(matches!(loss, Err(AttemptError::Conflict(_))), "{loss:?}");
    let stored = offset(&home.read().await.unwrap(), "0").unwrap();
    assert_eq!(lake.numbers().await, (0..stored).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_that_began_before_the_stored_position_is_refused() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let staged = lake.staged(1, 0..150).await;
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 150), staged)]))
        .await
        .unwrap();
    // The zombie's epoch [100, 200) builds on the newest version, and passes 150.
    let zombie = lake.staged(2, 100..200).await;
    let base = home.read().await.unwrap();
    let refused = home
        .attempt(
            &base,
            &commit(vec![epoch(2, "0", (Some(100), 200), zombie)]),
        )
        .await;
    assert!(
        matches!(refused, Err(AttemptError::Conflict(_))),
        "{refused:?}"
    );
    assert_eq!(lake.numbers().await.len(), 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_of_a_join_follow_each_other() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let (first, second) = (lake.staged(1, 0..5).await, lake.staged(2, 5..9).await);
    let other = lake.staged(3, 100..103).await;
    let base = home.read().await.unwrap();
    let wrong = commit(vec![
        epoch(1, "0", (None, 5), first.clone()),
        epoch(2, "0", (Some(6), 9), second.clone()),
    ]);
    assert!(matches!(
        home.attempt(&base, &wrong).await,
        Err(AttemptError::Conflict(_))
    ));
    let right = commit(vec![
        epoch(1, "0", (None, 5), first),
        epoch(3, "1", (None, 3), other),
        epoch(2, "0", (Some(5), 9), second),
    ]);
    home.attempt(&base, &right).await.unwrap();
    let base = home.read().await.unwrap();
    assert_eq!((offset(&base, "0"), offset(&base, "1")), (Some(9), Some(3)));
    assert_eq!(base.positions[&key("0")].commit, CommitId::from_random(2));
    assert_eq!(lake.numbers().await.len(), 12);
    for id in 1..=3 {
        assert_eq!(
            home.history(CommitId::from_random(id)).await.unwrap(),
            History::Holds
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_happens_once_and_spares_what_is_ours() {
    let lake = Fixture::new().await;
    // Somebody else's rows.
    let stranger = connect(lake.directory.path().into(), "another").await;
    let staged = lake.staged(1, 1000..1010).await;
    let strange_home = home(&*stranger);
    let base = strange_home.read().await.unwrap();
    strange_home
        .attempt(&base, &commit(vec![epoch(1, "0", (None, 1), staged)]))
        .await
        .unwrap();

    let home = lake.home();
    let mut end = None;
    for id in 2..5_u64 {
        let mut stage = lake.stage(id, &[("n", "int64")], &[]).await;
        delta(&mut stage).overwrite("").unwrap();
        let begin = end.unwrap_or(0);
        append(&mut stage, &numbers(begin as i64..begin as i64 + 5))
            .await
            .unwrap();
        let staged = stage.finish().await.unwrap();
        let base = home.read().await.unwrap();
        home.attempt(
            &base,
            &commit(vec![epoch(id, "0", (end, begin + 5), staged)]),
        )
        .await
        .unwrap();
        end = Some(begin + 5);
    }
    assert_eq!(lake.numbers().await, (0..15).collect::<Vec<_>>());
    // The stranger's position stays.
    assert_eq!(offset(&strange_home.read().await.unwrap(), "0"), Some(1));

    // After a restart it is due once more.
    let base = home.read().await.unwrap();
    let mut restart = commit(vec![epoch(9, "0", (Some(15), 0), Vec::new())]);
    restart.purpose = CommitPurpose::Restart;
    home.attempt(&base, &restart).await.unwrap();
    let mut stage = lake.stage(10, &[("n", "int64")], &[]).await;
    delta(&mut stage).overwrite("").unwrap();
    append(&mut stage, &numbers(0..3)).await.unwrap();
    let staged = stage.finish().await.unwrap();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(10, "0", (Some(0), 3), staged)]))
        .await
        .unwrap();
    assert_eq!(lake.numbers().await, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_removes_what_came_after_it_was_staged() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let mut stage = lake.stage(1, &[("n", "int64")], &[]).await;
    delta(&mut stage).overwrite("").unwrap();
    append(&mut stage, &numbers(0..3)).await.unwrap();
    let staged = stage.finish().await.unwrap();
    let late = lake.staged(2, 50..60).await;
    let stranger = super::fixture::home(&*connect(lake.directory.path().into(), "another").await);
    let base = stranger.read().await.unwrap();
    stranger
        .attempt(&base, &commit(vec![epoch(2, "0", (None, 1), late)]))
        .await
        .unwrap();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 3), staged)]))
        .await
        .unwrap();
    assert_eq!(lake.numbers().await, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_spares_what_its_own_pipeline_appended() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let appended = lake.staged(1, 0..3).await;
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 3), appended)]))
        .await
        .unwrap();
    let mut stage = lake.stage(2, &[("n", "int64")], &[]).await;
    delta(&mut stage).overwrite("").unwrap();
    append(&mut stage, &numbers(3..5)).await.unwrap();
    let staged = stage.finish().await.unwrap();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(2, "0", (Some(3), 5), staged)]))
        .await
        .unwrap();
    assert_eq!(lake.numbers().await, [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waiting_cannot_mend_is_not_tried_again() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let mut stage = lake.stage(1, &[("n", "int64")], &[]).await;
    delta(&mut stage).overwrite("").unwrap();
    append(&mut stage, &numbers(0..3)).await.unwrap();
    let staged = stage.finish().await.unwrap();
    // Meanwhile somebody forbids overwriting.
    let mut metadata = lake.actions(0, "metaData").remove(0);
    metadata["configuration"]["delta.appendOnly"] = "true".into();
    let entry = serde_json::json!({ "metaData": metadata }).to_string();
    std::fs::write(lake.entry(1), entry).unwrap();
    let base = home.read().await.unwrap();
    let refused = home
        .attempt(&base, &commit(vec![epoch(1, "0", (None, 3), staged)]))
        .await;
    assert!(
        matches!(refused, Err(AttemptError::Failed(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_alone_need_no_columns() {
    let lake = Fixture::new().await;
    let home = lake.home();
    let base = home.read().await.unwrap();
    assert_eq!(base.version, 0);
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 4), Vec::new())]))
        .await
        .unwrap();
    assert_eq!(offset(&home.read().await.unwrap(), "0"), Some(4));
    // The component still finds no table, and creates it.
    let mut stage = lake.connection.stage(Purpose::Commit).unwrap();
    delta(&mut stage).open("").await.unwrap();
    assert!(delta(&mut stage).fields("").unwrap().is_none());
    let staged = lake.staged(2, 4..6).await;
    let base = home.read().await.unwrap();
    assert_eq!(offset(&base, "0"), Some(4));
    home.attempt(&base, &commit(vec![epoch(2, "0", (Some(4), 6), staged)]))
        .await
        .unwrap();
    assert_eq!(lake.numbers().await, [4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_or_discarded_leaves_no_file() {
    let lake = Fixture::new().await;
    let mut stage = lake.stage(1, &[("n", "int64")], &[]).await;
    append(&mut stage, &numbers(0..3)).await.unwrap();
    stage.forget().await;
    assert_eq!(lake.data_files(), 0);
    // An instance that vanishes forgets as well; its thread is waited for by the next epoch here.
    let staged = lake.staged(2, 0..3).await;
    assert_eq!(lake.data_files(), 1);
    lake.home().discard(&staged).await;
    assert_eq!(lake.data_files(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_writes_nothing_and_a_preview_keeps_rows() {
    let lake = Fixture::new().await;
    for purpose in [Purpose::Probe, Purpose::Preview] {
        let mut stage = lake.connection.stage(purpose).unwrap();
        stage.begin(CommitId::from_random(1));
        stage.admit(&key("0"), Some(&Position::from_offset(3)));
        delta(&mut stage).open("").await.unwrap();
        let fields = super::fixture::columns(&[("n", "int64")]);
        delta(&mut stage).create("", &fields, &[]).await.unwrap();
        let more = super::fixture::columns(&[("m", "utf8")]);
        delta(&mut stage).add_columns("", &more).await.unwrap();
        append(&mut stage, &numbers(0..3)).await.unwrap();
        let preview = stage.preview();
        let rows: usize = preview[0].rows.iter().map(|rows| rows.num_rows()).sum();
        assert_eq!(rows, if purpose == Purpose::Preview { 3 } else { 0 });
        assert!(!preview[0].exists);
        assert!(stage.finish().await.unwrap().is_empty());
    }
    assert_eq!(std::fs::read_dir(lake.directory.path()).unwrap().count(), 0);
}
