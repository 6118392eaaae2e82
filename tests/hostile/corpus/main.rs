//! Components that mean harm, each once with the error that is expected, then in rounds that must not leak, then beside
//! an honest component in the same process.
//!
//! `WASM_SINK_HOSTILE_ROUNDS` says how many rounds run over the whole corpus.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where; figures are for whoever reads the log"
)]

mod calls;
mod case;
mod files;
mod guest;
mod handles;
mod ipc;
mod mutated;
mod neighbour;
mod rounds;
mod rows;
mod run;
#[path = "../../fuzz/targets.rs"]
mod targets;
mod world;

use case::Case;
use tokio::sync::Mutex;

/// Held by each test: what is measured would measure the others, too.
static MACHINE: Mutex<()> = Mutex::const_new(());

/// All of it.
fn corpus() -> Vec<Case> {
    [
        calls::cases(),
        handles::cases(),
        ipc::cases(),
        world::cases(),
        files::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_refused_with_the_reason_and_the_neighbour_goes_on() {
    let _machine = MACHINE.lock().await;
    let engine = run::engine();
    let mut neighbour = neighbour::start(&engine).await;
    let mut wrong = Vec::new();
    for case in corpus() {
        let outcome = run::live(&engine, &case).await;
        if let Err(error) = &outcome {
            eprintln!("{}: {error}", case.name);
        }
        if let Err(what) = case.judge(outcome) {
            wrong.push(what);
        }
        neighbour::epoch(&mut *neighbour).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
