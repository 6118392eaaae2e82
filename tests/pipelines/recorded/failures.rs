//! Epochs that fail are kept without being asked for, and fail again in the same words.

use serde_json::json;

use super::{Recorded, recordings, replay, replayed};

/// The path that an error names.
fn named(said: &str) -> String {
    let (_, path) = said
        .split_once("`wasm-sink replay ")
        .unwrap_or_else(|| panic!("{said}"));
    path.split(' ').next().unwrap().to_owned()
}

#[test]
fn a_failure_is_recorded_and_comes_again_in_the_same_words() {
    let recorded = Recorded::with(|text| text.replace("./one.wasm", "./traps.wasm"));
    recorded.versions.write(&recorded.case, "traps");
    let outcome = recorded.case.run().finish().expect_code(1);
    let said = outcome.said();
    let path = named(&said);
    let one = recorded.versions.write(&recorded.case, "one");
    std::fs::remove_dir_all(recorded.lake.path()).unwrap();
    let all = replayed(path.as_ref(), &[], 0);
    let failures = all[0]["verdict"]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{all:?}");
    let failure = failures[0].as_str().unwrap();
    assert!(failure.contains("this version traps"), "{failure}");
    // Word by word as the pipeline said it.
    let escaped = serde_json::to_string(failure).unwrap();
    assert!(
        said.contains(escaped.trim_matches('"')),
        "{said}\n{failure}"
    );
    assert_eq!(all[0]["verdict"]["otherwise"], json!(0));

    let said = replay(path.as_ref(), &["--component", one.to_str().unwrap()]).expect_code(1);
    let said = said.stdout;
    assert!(said.contains("failed epochs: 1, then 0"), "{said}");
    assert!(said.contains("this version traps"), "{said}");
}

#[test]
fn one_bad_row_is_a_dead_letter_and_a_recording() {
    let recorded = Recorded::with(|text| text.replace("./one.wasm", "./one+traps-on-one.wasm"));
    recorded.versions.write(&recorded.case, "one+traps-on-one");
    let outcome = recorded.case.run().finish().expect_code(0);
    // In both partitions.
    assert_eq!(recorded.case.dead_letters("recorded").len(), 2);
    let path = named(&outcome.said());
    let all = replayed(path.as_ref(), &[], 0);
    let failure = all[0]["verdict"]["failures"][0].as_str().unwrap();
    assert!(failure.contains("traps at offset 4321"), "{failure}");
}

#[test]
fn what_ran_into_its_deadline_is_not_held_against_the_clock() {
    let recorded = Recorded::with(|text| {
        text.replace("./one.wasm", "./spins.wasm")
            .replace("rows = 20_000", "rows = 1")
            .replace("partitions = 2", "partitions = 1")
            .replace("call_deadline_ms = 500", "call_deadline_ms = 100")
    });
    recorded.versions.write(&recorded.case, "spins");
    let outcome = recorded.case.run().finish().expect_code(1);
    let path = named(&outcome.said());
    let all = replayed(path.as_ref(), &[], 0);
    assert_eq!(all[0]["verdict"]["deadlines"], json!(1));
}

#[test]
fn each_run_that_fails_leaves_a_recording() {
    let recorded = Recorded::with(|text| text.replace("./one.wasm", "./rejects.wasm"));
    recorded.versions.write(&recorded.case, "rejects");
    for _ in 0..3 {
        recorded.case.run().finish().expect_code(1);
    }
    let folder = recorded.case.path(".wasm-sink/recorded/failures");
    assert_eq!(recordings(&folder).len(), 3);
    replay(&folder, &[]).expect_code(0);
}
