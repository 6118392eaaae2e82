//! An honest component in the same process: what it delivers alone, beside one like it, and beside one that never ends.

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
const MEASURED: Duration = Duration::from_millis(500);
/// Measurements of each kind.
const MEASUREMENTS: usize = 7;
/// Less than this beside a hostile component than beside an honest one, and it is not isolated. (Held against each
/// other, since on a machine that has other things to do any neighbour takes something.)
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

/// What runs beside the honest component.
#[derive(Clone, Copy)]
enum Beside {
    /// Nothing.
    Nothing,
    /// Another one like it: two that share a machine have less of it each.
    Twin,
    /// One that never answers, and is started again each time that it was stopped.
    Hostile,
}

/// Rows per second of an honest component beside something.
async fn beside(engine: &Engine, honest: &mut dyn Instance, what: Beside) -> f64 {
    let is_over = Arc::new(AtomicBool::new(false));
    let (told, engine) = (Arc::clone(&is_over), engine.clone());
    let other = tokio::spawn(async move {
        let hostile = Guest::writing("(loop $again (br $again)) unreachable");
        let hostile = engine.load("hostile", &hostile.build(), None).unwrap();
        let mut twin = start(&engine).await;
        let mut turns = 0_u32;
        while !told.load(Ordering::Relaxed) {
            match what {
                Beside::Nothing => return 1,
                Beside::Twin => epoch(&mut *twin).await,
                Beside::Hostile => {
                    let ended = run::live_loaded(&hostile, run::endless_limits()).await;
                    ended.unwrap_err();
                }
            }
            turns += 1;
        }
        turns
    });
    let rows_per_second = throughput(honest).await;
    is_over.store(true, Ordering::Relaxed);
    assert!(other.await.unwrap() > 0);
    rows_per_second
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_neighbour_takes_no_more_than_an_honest_one() {
    let _machine = super::MACHINE.lock().await;
    let engine = run::engine();
    let mut honest = start(&engine).await;
    throughput(&mut *honest).await;
    let kinds = [Beside::Nothing, Beside::Twin, Beside::Hostile];
    let mut found = [const { Vec::new() }; 3];
    for _ in 0..MEASUREMENTS {
        for (kind, found) in kinds.into_iter().zip(&mut found) {
            found.push(beside(&engine, &mut *honest, kind).await);
        }
    }
    let [alone, twin, hostile] = found.map(median);
    eprintln!(
        "an honest component alone {alone:.0} rows/s; beside one like it {:.2} of that, beside a hostile one {:.2}",
        twin / alone,
        hostile / alone
    );
    let ratio = hostile / twin;
    assert!(
        ratio >= LEAST_RATIO,
        "{ratio:.2} of what is left beside an honest one"
    );
}
