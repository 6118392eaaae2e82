//! An honest component in the same process: what it delivers alone, and beside one that never ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wasm_sink::engine::{Engine, InstanceLimits};
use wasm_sink_core::component::Instance;
use wasm_sink_core::epoch::CommitId;

use super::guest::Guest;
use super::rows::rows;
use super::run;

/// Rows of one batch; what is done with them is to read them all as IPC.
const ROWS: u64 = 10_000;
/// How long one measurement takes.
const MEASURED: Duration = Duration::from_millis(1_000);
/// Measurements of each kind.
const MEASUREMENTS: usize = 7;
/// Less than this beside a hostile component, and it is not isolated; what is aimed at is 0.9.
const LEAST_RATIO: f64 = 0.7;

/// Starts the honest component, with the usual limits.
pub async fn start(engine: &Engine) -> Box<dyn Instance> {
    let honest = Guest {
        pages: 40,
        ..Guest::writing(
            "(global.set $heap (i32.const 65536))
            (call $ipc (local.get $rows) (i32.const 0) (i32.const 0) (i32.const 256))
            (call $skip (call $count (local.get $rows)) (i32.const 0) (i32.const 0))
            (call $drop (local.get $rows))
            call $ok",
        )
    };
    let loaded = engine.load("honest", &honest.build(), None).unwrap();
    run::start(&loaded, InstanceLimits::default())
        .await
        .unwrap()
}

/// One epoch: all that it was given is accounted for.
pub async fn epoch(instance: &mut dyn Instance) {
    instance.begin(CommitId::from_random(1));
    instance.write(rows("0", 0, ROWS)).await.unwrap();
    let sealed = instance.flush().await.unwrap();
    assert_eq!((sealed.account.taken, sealed.account.skipped), (ROWS, ROWS));
}

/// Rows per second.
async fn throughput(instance: &mut dyn Instance) -> f64 {
    let begun = Instant::now();
    let mut epochs = 0;
    while begun.elapsed() < MEASURED {
        epoch(instance).await;
        epochs += 1;
    }
    f64::from(epochs) * ROWS as f64 / begun.elapsed().as_secs_f64()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_component_keeps_its_pace() {
    let _machine = super::MACHINE.lock().await;
    let engine = run::engine();
    let mut honest = start(&engine).await;
    let hostile = Guest::writing("(loop $again (br $again)) unreachable");
    let hostile = engine.load("hostile", &hostile.build(), None).unwrap();
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    throughput(&mut *honest).await;
    for _ in 0..MEASUREMENTS {
        alone.push(throughput(&mut *honest).await);
        let is_over = Arc::new(AtomicBool::new(false));
        let (told, again) = (Arc::clone(&is_over), hostile.clone());
        let restarts = tokio::spawn(async move {
            let mut restarts = 0_u32;
            while !told.load(Ordering::Relaxed) {
                run::live_loaded(&again, run::endless_limits())
                    .await
                    .unwrap_err();
                restarts += 1;
            }
            restarts
        });
        beside.push(throughput(&mut *honest).await);
        is_over.store(true, Ordering::Relaxed);
        assert!(restarts.await.unwrap() > 0);
    }
    let (alone, beside) = (median(alone), median(beside));
    let ratio = beside / alone;
    eprintln!("alone {alone:.0} rows/s, beside a hostile component {beside:.0} rows/s: {ratio:.2}");
    assert!(ratio >= LEAST_RATIO, "{ratio:.2}");
}
