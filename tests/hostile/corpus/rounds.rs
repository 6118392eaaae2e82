//! The whole corpus again and again: what an instance took is given back.

use std::fs;

use wasm_sink::engine::Loaded;

use super::case::{Bytes, Case, Times};
use super::{corpus, run};

/// Rounds before memory is looked at for the first time: allocators keep what they had once.
const WARM_UP: usize = 5;
/// Growth per round that is no leak yet; the smallest instance has 128 KiB of memory, and a round some 80 instances.
const BYTES_PER_ROUND: usize = 128 << 10;
/// Growth in all that is noise.
const NOISE_BYTES: usize = 32 << 20;

fn rounds() -> usize {
    let rounds = std::env::var("WASM_SINK_HOSTILE_ROUNDS").ok();
    rounds.map_or(20, |rounds| rounds.parse().unwrap())
}

/// Memory of this process that is in use, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    kilobytes.parse::<usize>().unwrap() << 10
}

/// Compiled once, as in a pipeline that restarts its task; None where that is what fails.
fn loaded(engine: &wasm_sink::engine::Engine, case: &Case) -> Option<Loaded> {
    match case.component {
        Bytes::Guest(_) => engine.load("guest", &case.wasm(), None).ok(),
        Bytes::Raw(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rounds_over_the_corpus_leak_nothing() {
    let _machine = super::MACHINE.lock().await;
    let engine = run::engine();
    let cases: Vec<_> = corpus()
        .into_iter()
        .filter(|case| case.times == Times::EachRound)
        .map(|case| (loaded(&engine, &case), case))
        .collect();
    let rounds = rounds();
    let mut warm = 0;
    for round in 0..WARM_UP + rounds {
        if round == WARM_UP {
            warm = resident();
        }
        for (loaded, case) in &cases {
            let outcome = match loaded {
                Some(loaded) => run::live_loaded(loaded, run::limits(case)).await,
                None => run::live(&engine, case).await,
            };
            case.judge(outcome).unwrap();
        }
    }
    let end = resident();
    let growth = end.saturating_sub(warm);
    eprintln!(
        "{rounds} rounds of {} components: {} MiB resident after the warm-up, {} MiB at the end",
        cases.len(),
        warm >> 20,
        end >> 20
    );
    assert!(
        growth < NOISE_BYTES + rounds * BYTES_PER_ROUND,
        "{growth} bytes more than after the warm-up"
    );
}
