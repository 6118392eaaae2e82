//! Epoch by epoch: who is told what, and whose word counts.

use std::time::Duration;

use tokio::time::Instant;
use wasm_sink_core::batch::Rows;
use wasm_sink_core::component::{FailureCause, Instance};
use wasm_sink_core::epoch::{Account, CommitId};
use wasm_sink_core::error::{Blame, Kind};
use wasm_sink_core::stage::Purpose;

use super::destination::{INVALID, LOST, UNAVAILABLE, component, component_within, hasty_limits};
use super::guest::{Guest, SKIP_IMPORT, SKIP_ONE};
use super::rows::{batch, rows};

const DEPOT: &str = "import wasm-sink:depot/depot@0.1.0;";
const PUT: &str =
    r#"(import "wasm-sink:depot/depot@0.1.0" "put" (func $put (param i32) (result i32)))"#;

async fn start(guest: &Guest) -> Box<dyn Instance> {
    let (component, _) = component(guest);
    let mut instance = component.start(Purpose::Commit).await.unwrap();
    instance.begin(CommitId::from_random(1));
    instance
}

/// Puts `first` in its first call and 1 in later ones, then does `then`.
fn putting(first: u32, then: &'static str) -> Guest {
    let write = format!(
        "(drop (call $put (select (i32.const {first}) (i32.const 1) (i32.eqz (global.get $calls)))))
         (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         {then}"
    );
    Guest {
        world: DEPOT,
        imports: PUT,
        definitions: r#"(global $calls (mut i32) (i32.const 0))
            (data (i32.const 1024) "rows are bad")"#,
        write: write.leak(),
        ..Guest::default()
    }
}

#[tokio::test]
async fn an_epoch_is_sealed_with_its_account() {
    let (component, heard) = component(&putting(2, "call $ok"));
    let mut instance = component.start(Purpose::Commit).await.unwrap();
    for id in [7, 8] {
        instance.begin(CommitId::from_random(id));
        instance.write(rows("0", 100 * id, 5)).await.unwrap();
        instance.write(rows("0", 100 * id + 5, 5)).await.unwrap();
        instance.write(rows("1", 0, 5)).await.unwrap();
        let sealed = instance.flush().await.unwrap();
        let staged = if id == 7 { 4 } else { 3 };
        let account = Account {
            taken: 15,
            staged,
            ..Account::default()
        };
        assert_eq!(sealed.account, account);
        assert_eq!(sealed.staged[0].rows, staged);
    }
    assert_eq!(instance.units()[0].connection.as_ref(), "depot");
    // A partition is admitted once per epoch, with where the epoch begins.
    let told = [
        "stage Commit",
        "begin 7",
        "admit 0 700",
        "admit 1 beginning",
        "finish 4",
        "begin 8",
        "admit 0 800",
        "admit 1 beginning",
        "finish 3",
    ];
    assert_eq!(heard.take(), told);
}

#[tokio::test]
async fn a_part_of_a_batch_begins_where_the_part_does() {
    let (component, heard) = component(&putting(1, "call $ok"));
    let mut instance = component.start(Purpose::Probe).await.unwrap();
    instance.begin(CommitId::from_random(1));
    let part = Rows::range(batch("0", 10, 8), 3..5);
    instance.write(part).await.unwrap();
    instance.forget().await;
    assert_eq!(
        heard.take(),
        ["stage Probe", "begin 1", "admit 0 13", "forget 1"]
    );
}

#[tokio::test]
async fn ok_after_a_failed_call_does_not_count() {
    let mut instance = start(&putting(UNAVAILABLE, "call $ok")).await;
    let failure = instance.write(rows("0", 0, 3)).await.unwrap_err();
    assert_eq!(failure.cause, FailureCause::Answer);
    assert_eq!(failure.error.kind(), Kind::Unavailable);
    assert_eq!(failure.error.blame(), Blame::Destination);
    let text = failure.to_string();
    assert!(
        text.contains("answered ok to `write` although a call had failed"),
        "{text}"
    );
    assert!(text.contains("the depot is closed"), "{text}");
}

#[tokio::test]
async fn rejecting_rows_or_trapping_does_not_talk_away_a_failed_call() {
    let rejects = "(call $fail (i32.const 5) (i32.const 1024) (i32.const 12))";
    for then in [
        rejects,
        "unreachable",
        "(loop $again (br $again)) unreachable",
    ] {
        let (component, _) = component_within(&putting(UNAVAILABLE, then), hasty_limits());
        let mut instance = component.start(Purpose::Commit).await.unwrap();
        instance.begin(CommitId::from_random(1));
        let failure = instance.write(rows("0", 0, 3)).await.unwrap_err();
        assert_eq!(failure.cause, FailureCause::Answer, "{failure}");
        assert_eq!(failure.error.kind(), Kind::Unavailable, "{failure}");
    }
}

#[tokio::test]
async fn invalid_is_an_answer_that_a_guest_may_handle() {
    let mut instance = start(&putting(INVALID, "call $ok")).await;
    instance.write(rows("0", 0, 3)).await.unwrap();
    instance.write(rows("0", 3, 3)).await.unwrap();
    assert_eq!(instance.flush().await.unwrap().account.staged, 1);
}

#[tokio::test]
async fn a_guests_own_error_keeps_its_kind() {
    let rejects = "(call $fail (i32.const 5) (i32.const 1024) (i32.const 12))";
    let mut instance = start(&putting(1, rejects)).await;
    let failure = instance.write(rows("0", 0, 3)).await.unwrap_err();
    assert_eq!(failure.cause, FailureCause::Answer);
    assert_eq!(failure.error.kind(), Kind::Rejected);
    assert_eq!(
        failure.to_string(),
        "component `guest`: `write` failed: rows are bad"
    );
}

#[tokio::test]
async fn a_failed_open_is_why_there_is_no_instance() {
    let guest = Guest {
        definitions: r#"(data (i32.const 1024) "no table")"#,
        open: "(call $fail (i32.const 7) (i32.const 1024) (i32.const 8))",
        ..Guest::default()
    };
    let Err(error) = component(&guest).0.start(Purpose::Commit).await else {
        panic!("it started");
    };
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(
        error.to_string(),
        "component `guest`: `open` failed: no table"
    );

    let swallows = Guest {
        world: DEPOT,
        imports: PUT,
        open: "(drop (call $put (i32.const 901))) call $ok",
        ..Guest::default()
    };
    let Err(error) = component(&swallows).0.start(Purpose::Commit).await else {
        panic!("it started");
    };
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn silence_is_not_a_verdict() {
    let mut instance = start(&Guest::default()).await;
    instance.write(rows("0", 0, 3)).await.unwrap();
    let failure = instance.flush().await.unwrap_err();
    assert_eq!(
        (failure.error.kind(), failure.error.blame()),
        (Kind::Other, Blame::Component)
    );
    assert!(failure.to_string().contains("took 3 rows"), "{failure}");

    let honest = Guest {
        imports: SKIP_IMPORT,
        write: SKIP_ONE,
        ..Guest::default()
    };
    let mut instance = start(&honest).await;
    instance.write(rows("0", 0, 3)).await.unwrap();
    assert_eq!(instance.flush().await.unwrap().account.skipped, 1);
}

#[tokio::test]
async fn an_epoch_without_rows_may_be_silent() {
    let mut instance = start(&Guest::default()).await;
    assert!(instance.flush().await.unwrap().staged.is_empty());
}

#[tokio::test]
async fn what_is_lost_while_it_becomes_durable_fails_the_epoch() {
    let mut instance = start(&putting(LOST, "call $ok")).await;
    instance.write(rows("0", 0, 3)).await.unwrap();
    let failure = instance.flush().await.unwrap_err();
    assert_eq!(failure.error.kind(), Kind::Unavailable);
    assert_eq!(
        instance.flush().await.unwrap_err().error.blame(),
        Blame::Host
    );
}

/// Counts the rows of the batch that the first call kept.
const KEEPS_A_BATCH: Guest = Guest {
    world: "",
    imports: r#"(import "wasm-sink:sink/types@0.1.0" "[method]batch.row-count" (func $count (param i32) (result i32)))
        (import "wasm-sink:sink/epoch@0.1.0" "skip" (func $skip (param i32 i32 i32)))"#,
    definitions: "(global $kept (mut i32) (i32.const 0))",
    config_schema: "i32.const 16",
    validate: "i32.const 16",
    open: "call $ok",
    write: "(if (i32.eqz (global.get $kept)) (then (global.set $kept (local.get $rows))))
        (call $skip (call $count (global.get $kept)) (i32.const 0) (i32.const 0))
        call $ok",
    flush: "call $ok",
    contract: "0.1.0",
    pages: 2,
};

#[tokio::test]
async fn a_batch_lives_until_flush_returns_and_no_longer() {
    let mut instance = start(&KEEPS_A_BATCH).await;
    instance.write(rows("0", 0, 3)).await.unwrap();
    instance.write(rows("0", 3, 4)).await.unwrap();
    assert_eq!(instance.flush().await.unwrap().account.skipped, 6);
    instance.begin(CommitId::from_random(2));
    let failure = instance.write(rows("0", 7, 4)).await.unwrap_err();
    assert_eq!(failure.cause, FailureCause::Trap);
    assert!(
        failure
            .to_string()
            .contains("batches live until `flush` returns"),
        "{failure}"
    );
}

#[tokio::test]
async fn the_earliest_wish_of_an_epoch_counts() {
    let guest = Guest {
        imports: r#"(import "wasm-sink:sink/epoch@0.1.0" "commit-within" (func $within (param i32)))
            (import "wasm-sink:sink/epoch@0.1.0" "skip" (func $skip (param i32 i32 i32)))"#,
        open: "(call $within (i32.const 1)) call $ok",
        write: "(call $within (i32.const 60000)) (call $within (i32.const 30000))
            (call $within (i32.const 90000))
            (call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok",
        ..Guest::default()
    };
    let mut instance = start(&guest).await;
    assert_eq!(instance.wish(), None, "a wish in `open` has no effect");
    let before = Instant::now();
    instance.write(rows("0", 0, 3)).await.unwrap();
    let wish = instance.wish().unwrap();
    assert!(wish >= before + Duration::from_secs(30) && wish < before + Duration::from_secs(50));
    instance.flush().await.unwrap();
    instance.begin(CommitId::from_random(2));
    assert_eq!(instance.wish(), None);
}

#[tokio::test]
async fn a_call_that_was_abandoned_spends_the_instance() {
    let guest = Guest {
        world: DEPOT,
        imports: r#"(import "wasm-sink:depot/depot@0.1.0" "put-slowly" (func $put (param i32) (result i32)))"#,
        write: "(drop (call $put (i32.const 3))) call $ok",
        ..Guest::default()
    };
    let mut instance = start(&guest).await;
    let abandoned =
        tokio::time::timeout(Duration::from_millis(10), instance.write(rows("0", 0, 3))).await;
    assert!(abandoned.is_err());
    assert_eq!(
        instance.flush().await.unwrap_err().error.blame(),
        Blame::Host
    );
    instance.forget().await;
}

#[tokio::test]
async fn an_instance_with_many_dead_handles_is_worn() {
    let mut instance = start(&Guest {
        imports: SKIP_IMPORT,
        write: SKIP_ONE,
        ..Guest::default()
    })
    .await;
    assert!(!instance.worn());
    let mut offset = 0;
    while !instance.worn() {
        assert!(offset < 100_000, "it never wears out");
        for _ in 0..1000 {
            instance.write(rows("0", offset, 1)).await.unwrap();
            offset += 1;
        }
        instance.flush().await.unwrap();
        instance.begin(CommitId::from_random(offset));
    }
}
