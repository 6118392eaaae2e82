//! An honest component in the same process: what it delivers alone, and beside one that never ends.
//!
//! Beside it, too, a thread of the machine that never ends takes a core where others are busy. What the host answers for is
//! that a hostile component takes no more than such a thread: that is asserted, and the ratio to what is alone is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wasm_sink::engine::{Engine, InstanceLimits, Loaded};
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
/// Less than this of what it delivers beside a thread that never ends, and it is not isolated. On a quiet machine of two
/// cores the thread costs nothing, and what is aimed at is 0.9.
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

/// How often a component that never ends was started until it is told to stop.
async fn restart(hostile: Loaded, is_over: Arc<AtomicBool>) -> u32 {
    let mut restarts = 0;
    while !is_over.load(Ordering::Relaxed) {
        run::live_loaded(&hostile, run::endless_limits())
            .await
            .unwrap_err();
        restarts += 1;
    }
    restarts
}

fn spin(is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_component_keeps_its_pace() {
    let _machine = super::MACHINE.lock().await;
    let engine = run::engine();
    let mut honest = start(&engine).await;
    let hostile = Guest::writing("(loop $again (br $again)) unreachable");
    let hostile = engine.load("hostile", &hostile.build(), None).unwrap();
    let (mut alone, mut beside_thread, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    throughput(&mut *honest).await;
    for _ in 0..MEASUREMENTS {
        alone.push(throughput(&mut *honest).await);

        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = thread::spawn(move || spin(&told));
        beside_thread.push(throughput(&mut *honest).await);
        is_over.store(true, Ordering::Relaxed);
        thread.join().unwrap();

        let is_over = Arc::new(AtomicBool::new(false));
        let restarts = tokio::spawn(restart(hostile.clone(), Arc::clone(&is_over)));
        beside.push(throughput(&mut *honest).await);
        is_over.store(true, Ordering::Relaxed);
        assert!(restarts.await.unwrap() > 0);
    }
    let (alone, beside_thread, beside) = (median(alone), median(beside_thread), median(beside));
    eprintln!(
        "alone {alone:.0} rows/s, beside a thread {beside_thread:.0}, beside a hostile component {beside:.0}: \
         {:.2} of alone, {:.2} of beside a thread",
        beside / alone,
        beside / beside_thread
    );
    let ratio = beside / beside_thread;
    assert!(ratio >= LEAST_RATIO, "{ratio:.2}");
}
