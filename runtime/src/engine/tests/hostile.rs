//! Guests that run for ever, eat memory, trap or talk too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasm_sink_core::component::{Failure, FailureCause, Instance};
use wasm_sink_core::epoch::CommitId;
use wasm_sink_core::error::{Blame, Error};
use wasm_sink_core::guest::GuestLimits;
use wasm_sink_core::stage::Purpose;

use super::super::{InstanceLimits, Loaded};
use super::destination::{component, component_within, engine, hasty_limits};
use super::guest::Guest;
use super::rows::rows;

const LOOP: &str = "(loop $again (br $again)) unreachable";

fn load(guest: &Guest) -> Loaded {
    engine().load("guest", &guest.build(), None).unwrap()
}

async fn start_error(guest: &Guest) -> Error {
    let (component, _) = component_within(guest, hasty_limits());
    match component.start(Purpose::Commit).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

async fn started(guest: &Guest) -> Box<dyn Instance> {
    let (component, _) = component_within(guest, hasty_limits());
    let mut instance = component.start(Purpose::Commit).await.unwrap();
    instance.begin(CommitId::from_random(1));
    instance
}

async fn write_failure(guest: &Guest) -> Failure {
    started(guest)
        .await
        .write(rows("0", 0, 3))
        .await
        .unwrap_err()
}

#[track_caller]
fn assert_deadline(error: &Error, call: &str) {
    let text = error.to_string();
    assert!(
        text.contains("[limits] call_deadline_ms") && text.contains("limit 50 ms"),
        "{text}"
    );
    assert!(text.contains(call), "{text}");
    assert_eq!(error.blame(), Blame::Component);
}

#[tokio::test]
async fn a_loop_in_any_call_ends_at_the_deadline() {
    let start = Guest {
        definitions: "(func $run (loop $again (br $again))) (start $run)",
        ..Guest::default()
    };
    assert_deadline(&start_error(&start).await, "its start");
    let open = Guest {
        open: LOOP,
        ..Guest::default()
    };
    assert_deadline(&start_error(&open).await, "`open`");

    let schema = Guest {
        config_schema: LOOP,
        ..Guest::default()
    };
    let error = load(&schema)
        .config_schema(&hasty_limits())
        .await
        .unwrap_err();
    assert_deadline(&error, "`config-schema`");
    let validate = Guest {
        validate: LOOP,
        ..Guest::default()
    };
    let error = load(&validate)
        .validate("{}", &hasty_limits())
        .await
        .unwrap_err();
    assert_deadline(&error, "`validate`");

    let write = Guest {
        write: LOOP,
        ..Guest::default()
    };
    let failure = write_failure(&write).await;
    assert_eq!(failure.cause, FailureCause::Deadline);
    assert_deadline(&failure.error, "`write`");
    let flush = Guest {
        flush: LOOP,
        ..Guest::default()
    };
    let failure = started(&flush).await.flush().await.unwrap_err();
    assert_eq!(failure.cause, FailureCause::Deadline);
    assert_deadline(&failure.error, "`flush`");
}

#[tokio::test]
async fn a_loop_of_host_calls_ends_as_well() {
    let guest = Guest {
        imports: r#"(import "wasm-sink:sink/epoch@0.1.0" "commit-within" (func $within (param i32)))"#,
        write: "(loop $again (call $within (i32.const 5)) (br $again)) unreachable",
        ..Guest::default()
    };
    assert_eq!(write_failure(&guest).await.cause, FailureCause::Deadline);
}

#[tokio::test]
async fn a_loop_of_kernels_is_the_guests_own_time() {
    let guest = Guest {
        imports: r#"(import "wasm-sink:sink/types@0.1.0" "[method]batch.ipc"
            (func $ipc (param i32 i32 i32 i32)))"#,
        // Each answer is put where the last one stood.
        write: "(loop $again
                (global.set $heap (i32.const 65536))
                (call $ipc (local.get $rows) (i32.const 0) (i32.const 0) (i32.const 256))
                (br $again))
            unreachable",
        pages: 60,
        ..Guest::default()
    };
    let mut instance = started(&guest).await;
    // The host's work is nearly all of the loop: at its own pace it would go on for half a minute.
    let write = instance.write(rows("0", 0, 200_000));
    let failure = tokio::time::timeout(Duration::from_secs(5), write)
        .await
        .expect("the deadline comes first")
        .unwrap_err();
    assert_eq!(failure.cause, FailureCause::Deadline);
    assert_deadline(&failure.error, "`write`");
}

#[tokio::test]
async fn a_looping_guest_lets_others_run_on_the_same_thread() {
    let turns = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let guest = Guest {
        write: LOOP,
        ..Guest::default()
    };
    let mut instance = started(&guest).await;
    turns.store(0, Ordering::Relaxed);
    instance.write(rows("0", 0, 3)).await.unwrap_err();
    other.abort();
    assert!(turns.load(Ordering::Relaxed) >= 2);
}

#[tokio::test]
async fn waiting_for_the_destination_is_not_the_guests_time() {
    let guest = Guest {
        world: "import wasm-sink:depot/depot@0.1.0;",
        imports: r#"(import "wasm-sink:depot/depot@0.1.0" "put-slowly" (func $put (param i32) (result i32)))"#,
        write: "(drop (call $put (i32.const 3))) call $ok",
        ..Guest::default()
    };
    // Six times the deadline, twice.
    let mut instance = started(&guest).await;
    instance.write(rows("0", 0, 3)).await.unwrap();
    instance.write(rows("0", 3, 3)).await.unwrap();
    assert_eq!(instance.flush().await.unwrap().account.staged, 6);
}

#[tokio::test]
async fn running_out_of_memory_names_the_limit() {
    let guest = Guest {
        write: "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
        ..Guest::default()
    };
    let failure = write_failure(&guest).await;
    assert_eq!(failure.cause, FailureCause::Trap);
    let text = failure.error.to_string();
    assert!(
        text.contains(
            "out of memory: the component asked for 5 MiB, limit 4 MiB ([limits] memory)"
        ),
        "{text}"
    );

    let large = Guest {
        pages: 100,
        ..Guest::default()
    };
    let text = start_error(&large).await.to_string();
    assert!(
        text.contains("out of memory") && text.contains("7 MiB"),
        "{text}"
    );
}

#[tokio::test]
async fn a_handle_too_many_names_the_limit() {
    let guest = Guest {
        imports: r#"(import "wasm-sink:sink/types@0.1.0" "[constructor]plan" (func $plan (result i32)))"#,
        write: "(loop $again (drop (call $plan)) (br $again)) unreachable",
        ..Guest::default()
    };
    let own = InstanceLimits::default();
    let guest_limits = GuestLimits {
        handles: 1_000,
        ..own.guest
    };
    let limits = InstanceLimits {
        guest: guest_limits,
        ..own
    };
    let (component, _) = component_within(&guest, limits);
    let mut instance = component.start(Purpose::Commit).await.unwrap();
    instance.begin(CommitId::from_random(1));
    let failure = instance.write(rows("0", 0, 1)).await.unwrap_err();
    assert_eq!(failure.cause, FailureCause::Trap);
    let text = failure.error.to_string();
    let said = "it holds 1000 batches and other handles, and may hold no more ([limits] handles)";
    assert!(text.contains(said), "{text}");
}

#[tokio::test]
async fn a_trap_names_the_functions_that_led_there() {
    let guest = Guest {
        definitions: "(func $parse_price unreachable) (func $map_row (call $parse_price))",
        write: "(call $map_row) call $ok",
        ..Guest::default()
    };
    let mut instance = started(&guest).await;
    let failure = instance.write(rows("0", 0, 3)).await.unwrap_err();
    assert_eq!(failure.cause, FailureCause::Trap);
    let text = failure.error.to_string();
    assert!(
        text.contains("component `guest`: `write` trapped"),
        "{text}"
    );
    assert!(text.contains("unreachable"), "{text}");
    assert!(text.contains("in parse_price < map_row < write"), "{text}");
    assert!(!text.contains("unknown"), "{text}");

    let again = instance.write(rows("0", 0, 3)).await.unwrap_err();
    assert_eq!(again.error.blame(), Blame::Host, "{again}");
}

#[tokio::test]
async fn a_trap_repeats_what_was_said_before() {
    let guest = Guest {
        imports: r#"(import "wasm-sink:sink/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#,
        definitions: r#"(data (i32.const 1024) "row 7 has no price")"#,
        write: "(call $log (i32.const 3) (i32.const 1024) (i32.const 18)) unreachable",
        ..Guest::default()
    };
    let text = write_failure(&guest).await.to_string();
    assert!(text.contains("it last said: row 7 has no price"), "{text}");
}

#[tokio::test]
async fn endless_recursion_is_a_trap() {
    let guest = Guest {
        definitions: "(func $deeper (call $deeper))",
        write: "(call $deeper) call $ok",
        ..Guest::default()
    };
    let text = write_failure(&guest).await.to_string();
    assert!(text.contains("stack"), "{text}");
}

/// Takes what is logged on this thread.
#[derive(Clone, Default)]
struct Captured(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_flood_of_lines_is_counted_and_left_out() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // While there is but one subscriber, whoever logs a line first decides whether it is on: a test
    // on a thread without any would turn it off.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);
    let guest = Guest {
        imports: r#"(import "wasm-sink:sink/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#,
        definitions: r#"(data (i32.const 1024) "flood")"#,
        write: "(local $n i32)
            (loop $again
                (call $log (i32.const 1) (i32.const 1024) (i32.const 5))
                (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000))))
            call $ok",
        ..Guest::default()
    };
    let mut instance = component(&guest).0.start(Purpose::Commit).await.unwrap();
    instance.begin(CommitId::from_random(1));
    instance.write(rows("0", 0, 3)).await.unwrap();
    drop(instance);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    let lines = text
        .lines()
        .filter(|line| line.contains("component: flood"))
        .count();
    assert!((100..1000).contains(&lines), "{lines} lines");
    assert!(text.contains("lines were left out: more than 100 per second"));
    assert!(text.contains("component: flood"), "the target is named");
}
