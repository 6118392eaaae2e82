//! What a guest learns of the world: nothing.

use wasm_sink_core::component::Instance;
use wasm_sink_core::epoch::CommitId;
use wasm_sink_core::stage::Purpose;

use super::super::{ConfigProblem, Loaded};
use super::destination::{component, engine, limits};
use super::guest::Guest;
use super::rows::rows;

/// Skips as many rows as `value` says, so that the account shows it.
fn telling(world: &'static str, imports: &'static str, value: &str) -> Guest {
    let imports = format!(
        r#"{imports}
        (import "wasm-sink:sink/epoch@0.1.0" "skip" (func $skip (param i32 i32 i32)))"#
    );
    let write = format!("(call $skip {value} (i32.const 0) (i32.const 0)) call $ok");
    Guest {
        world,
        imports: imports.leak(),
        write: write.leak(),
        ..Guest::default()
    }
}

async fn start(guest: &Guest) -> Box<dyn Instance> {
    let (component, _) = component(guest);
    let mut instance = component.start(Purpose::Commit).await.unwrap();
    instance.begin(CommitId::from_random(1));
    instance
}

/// What the guest told in one epoch with one batch.
async fn told(instance: &mut dyn Instance, offset: u64) -> u64 {
    instance.write(rows("0", offset, 1)).await.unwrap();
    let told = instance.flush().await.unwrap().account.skipped;
    instance.begin(CommitId::from_random(2));
    told
}

#[tokio::test]
async fn the_wall_clock_shows_the_batchs_time() {
    let guest = telling(
        "import wasi:clocks/wall-clock@0.2.3;",
        r#"(import "wasi:clocks/wall-clock@0.2.3" "now" (func $now (param i32)))"#,
        "(call $now (i32.const 256)) (i32.wrap_i64 (i64.load (i32.const 256)))",
    );
    let mut instance = start(&guest).await;
    assert_eq!(told(&mut *instance, 5).await, 1_700_000_005);
    assert_eq!(told(&mut *instance, 0).await, 1_700_000_000);
}

#[tokio::test]
async fn sleeping_takes_no_time_and_moves_the_clock() {
    let guest = telling(
        "import wasi:clocks/monotonic-clock@0.2.3; import wasi:io/poll@0.2.3;",
        r#"(import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
        (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $wait (param i64) (result i32)))
        (import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))"#,
        "(call $block (call $wait (i64.const 3600000000000)))
         (i32.wrap_i64 (i64.div_u (call $now) (i64.const 1000000000)))",
    );
    let started = std::time::Instant::now();
    let mut instance = start(&guest).await;
    assert_eq!(told(&mut *instance, 0).await, 3600);
    assert_eq!(told(&mut *instance, 1).await, 7200);
    assert!(started.elapsed().as_secs() < 60);
}

#[tokio::test]
async fn randomness_repeats_with_each_run_and_differs_between_instances() {
    let guest = telling(
        "import wasi:random/random@0.2.3;",
        r#"(import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))"#,
        "(i32.and (i32.wrap_i64 (call $random)) (i32.const 0x7fffffff))",
    );
    let mut draws = Vec::new();
    for _run in 0..2 {
        let (component, _) = component(&guest);
        for _instance in 0..2 {
            let mut instance = component.start(Purpose::Commit).await.unwrap();
            instance.begin(CommitId::from_random(1));
            draws.push(told(&mut *instance, 0).await);
        }
    }
    assert_eq!(draws[..2], draws[2..]);
    assert_ne!(draws[0], draws[1]);
}

fn load(guest: &Guest) -> Loaded {
    engine().load("guest", &guest.build(), None).unwrap()
}

#[tokio::test]
async fn the_schema_and_the_problems_come_from_the_guest() {
    let guest = Guest {
        definitions: r#"(data (i32.const 1024) "{\"type\":\"object\"}")
            (data (i32.const 1100) "no such column")
            (data (i32.const 1200) "columns")
            (data (i32.const 16) "\00\00\00\00\00\00\00\00")
            (data (i32.const 200) "\00\04\00\00\11\00\00\00")
            (data (i32.const 208) "\e0\00\00\00\01\00\00\00")
            (data (i32.const 224) "\00\01\00\00\01\00\00\00\4c\04\00\00\0e\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
            (data (i32.const 256) "\b0\04\00\00\07\00\00\00")"#,
        config_schema: "i32.const 200",
        validate: "i32.const 208",
        ..Guest::default()
    };
    let loaded = load(&guest);
    let schema = loaded.config_schema(&limits()).await.unwrap();
    assert_eq!(schema, "{\"type\":\"object\"}");
    let problems = loaded.validate("{}", &limits()).await.unwrap();
    let expected = ConfigProblem {
        path: vec!["columns".to_owned()],
        message: "no such column".to_owned(),
        help: None,
    };
    assert_eq!(problems, [expected]);
}

#[tokio::test]
async fn capabilities_answer_denied_in_validate() {
    let guest = Guest {
        world: "import wasm-sink:depot/depot@0.1.0;",
        imports: r#"(import "wasm-sink:depot/depot@0.1.0" "put" (func $put (param i32) (result i32)))"#,
        validate: "(if (i32.eqz (call $put (i32.const 1))) (then unreachable)) i32.const 16",
        ..Guest::default()
    };
    assert!(
        load(&guest)
            .validate("{}", &limits())
            .await
            .unwrap()
            .is_empty()
    );
}
