//! The real pipeline code against a modelled source, home and group, on one thread with virtual
//! time and a seed: crashes at every step that others can see, replies lost, requests that land
//! minutes later or twice, owners that stall and wake, rebalances, traps, poisoned rows.
//!
//! `WASM_SINK_SIMULATION_SEEDS` says how many seeds run (10,000); `WASM_SINK_SIMULATION_SEED` runs
//! one and prints its trace.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod component;
mod disk;
mod group;
mod home;
mod run;
mod source;
mod world;

use wasm_sink::pipeline::planted::Fault;

use run::{Verdict, run, stop};
use world::{HomeKind, Scenario, SchemaChanges};

fn seeds() -> u64 {
    let seeds = std::env::var("WASM_SINK_SIMULATION_SEEDS").ok();
    seeds.map_or(10_000, |seeds| seeds.parse().unwrap())
}

fn fail(seed: u64, verdict: &Verdict) -> ! {
    let tail = verdict.trace.len().saturating_sub(400);
    panic!(
        "seed {seed}: {}\n{:?}\n{}\nreplay: WASM_SINK_SIMULATION_SEED={seed}",
        verdict.violation.as_deref().unwrap_or(""),
        Scenario::of(seed),
        verdict.trace[tail..].join("\n")
    );
}

#[test]
fn the_protocol_holds() {
    if let Ok(seed) = std::env::var("WASM_SINK_SIMULATION_SEED") {
        let seed = seed.parse().unwrap();
        let verdict = run(Scenario::of(seed), None);
        println!("{}", verdict.trace.join("\n"));
        if verdict.violation.is_some() {
            fail(seed, &verdict);
        }
        return;
    }
    let (mut steps, mut canary_epochs) = (0, 0);
    for seed in 0..seeds() {
        let verdict = run(Scenario::of(seed), None);
        steps += verdict.steps;
        canary_epochs += verdict.canary_epochs;
        if verdict.violation.is_some() {
            fail(seed, &verdict);
        }
    }
    println!(
        "{} seeds, {steps} steps, {canary_epochs} epochs of canaries: every row once and in order",
        seeds()
    );
    assert!(canary_epochs > seeds() / 50, "canaries get nothing to do");
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [1, 7, 42, 4711] {
        let (one, two) = (run(Scenario::of(seed), None), run(Scenario::of(seed), None));
        assert!(!one.trace.is_empty());
        assert_eq!(one.trace, two.trace, "seed {seed}");
    }
}

/// Written again for the columns that the destination has now, and refused again: somebody changes
/// them for ever (commit protocol, rule 13).
#[test]
fn an_epoch_that_is_outdated_twice_stops_the_pipeline() {
    let scenario = Scenario {
        home: HomeKind::Log,
        processes: 1,
        has_group: false,
        poison: None,
        schema_changes: SchemaChanges::Always,
        disturbances: 0,
        swaps: 0,
        ..Scenario::of(1)
    };
    let why = stop(scenario).unwrap();
    assert!(why.contains("written again, and refused again"), "{why}");
}

/// Whether something is written between an attempt and its answer.
fn overlaps(home: HomeKind) -> bool {
    let scenario = Scenario {
        home,
        processes: 1,
        has_group: false,
        tasks: 1,
        rows: 40,
        max_epoch_rows: 6,
        max_batch_rows: 2,
        poison: None,
        disturbances: 0,
        swaps: 0,
        ..Scenario::of(1)
    };
    let verdict = run(scenario, None);
    assert_eq!(verdict.violation, None);
    let mut is_attempting = false;
    verdict.trace.iter().any(|step| {
        if step.contains(" attempt ") {
            is_attempting = true;
        } else if step.contains(" hear of the attempt") {
            is_attempting = false;
        }
        is_attempting && step.contains(" write ")
    })
}

#[test]
fn the_next_epoch_is_written_during_a_commit_where_staging_is_durable() {
    assert!(overlaps(HomeKind::Log));
    assert!(!overlaps(HomeKind::Database));
}

/// A reply is lost, and the epoch written again in another session while the first commit lands. It is
/// the same epoch under the same name: known as ours, and not taken for another process's.
#[test]
fn a_commit_that_lands_while_its_epoch_is_written_again_is_known() {
    let mut late = 0;
    for seed in 0..3_000 {
        let scenario = Scenario {
            home: HomeKind::Database,
            processes: 1,
            has_group: false,
            poison: None,
            ..Scenario::of(seed)
        };
        let verdict = run(scenario, None);
        assert_eq!(verdict.violation, None, "seed {seed}");
        // What an earlier life sent may well land in a later one, which does not know of it.
        let is_end = |step: &String| step.contains("CRASH");
        for step in verdict.trace.iter().take_while(|step| !is_end(step)) {
            late += usize::from(step.contains("LATE"));
            let is_ours = !step.contains("another process");
            assert!(is_ours, "seed {seed}: {step}\n{}", verdict.trace.join("\n"));
        }
    }
    assert!(late > 30, "only {late} commits landed late");
}

/// The first seed that finds a planted fault.
fn found(fault: Fault) -> (u64, String) {
    for seed in 0..seeds() {
        let verdict = run(Scenario::of(seed), Some(fault));
        if let Some(violation) = verdict.violation {
            return (seed, violation);
        }
    }
    panic!("{fault:?} was not found in {} seeds", seeds());
}

#[test]
fn at_least_instead_of_equal_is_found() {
    println!("{:?}", found(Fault::AtLeast));
}

#[test]
fn a_missing_read_back_is_found() {
    println!("{:?}", found(Fault::NoReadBack));
}

#[test]
fn deleting_an_attempted_commits_files_is_found() {
    println!("{:?}", found(Fault::DeleteAttempted));
}

#[test]
fn a_lost_intent_is_found() {
    println!("{:?}", found(Fault::LostIntent));
}
