//! Disks that are full or read-only: the run says so, and goes on where it was once they are not.

use std::time::Duration;

use wasm_sink_tests::{Case, Volume, files_below};

use crate::destination::{OnDisk, case};

const PIPELINE: &str = r#"
name = "disk"

[source]
type = "files"
path = "input-*.jsonl"
batch_rows = 500

[epoch]
max_rows = 500

[limits]
tasks = 2

[retry]
initial_ms = 10
GIVE_UP
"#;
const LIMIT: Duration = Duration::from_secs(120);
const ROWS: u32 = 12_000;
/// What the system calls it, or what we do.
const READ_ONLY: &str = "ead-only";

/// Half of the rows, which compress to about a third of a kilobyte each.
fn rows(half: u32) -> String {
    let mut chance = fastrand::Rng::with_seed(half.into());
    (half..ROWS)
        .step_by(2)
        .map(|n| {
            let text: String = (0..40)
                .map(|_| format!("{:016x}", chance.u64(..)))
                .collect();
            format!("{{\"n\": {n}, \"text\": \"{text}\"}}\n")
        })
        .collect()
}

fn prepare<D: OnDisk>(volume: &Volume, give_up: &str) -> Case {
    let destination = D::at(volume.mount_point());
    let case = case(
        &destination,
        &PIPELINE.replace("GIVE_UP", give_up),
        "disk",
        "",
    );
    write_all(&case);
    case
}

/// Each task has a file, so that one is at work while the other finds the disk full.
fn write_all(case: &Case) {
    case.write("input-0.jsonl", rows(0));
    case.write("input-1.jsonl", rows(1));
}

/// What is there, as others read it, who cannot resolve the volume's own path.
fn count<D: OnDisk>(volume: &Volume) -> (u64, u64) {
    let copy = volume.copy(".");
    let found = D::at(copy.path()).query_one(
        "disk",
        "select count(*) as rows, count(distinct n) as ns from t",
    );
    let number = |name: &str| found[name].as_u64().expect("a count");
    (number("rows"), number("ns"))
}

#[track_caller]
fn expect_all<D: OnDisk>(volume: &Volume) {
    assert_eq!(count::<D>(volume), (ROWS.into(), ROWS.into()));
    // What is half written would keep a full disk full.
    let files = files_below(&volume.path());
    let left: Vec<_> = files.iter().filter(|name| D::is_left_over(name)).collect();
    assert!(left.is_empty(), "{left:?}");
}

pub fn a_disk_that_fills_up<D: OnDisk>() {
    let mut volume = Volume::mount(D::SMALL);
    let case = prepare::<D>(&volume, "give_up_ms = 1_500");
    case.run()
        .within(&volume)
        .finish()
        .expect_code(1)
        .expect_said(D::FULL);

    // What was committed before stays readable and is not delivered again.
    let (before, distinct) = count::<D>(&volume);
    assert!(before > 0 && before < ROWS.into(), "{before} rows fitted");
    assert_eq!(before, distinct);
    volume.remount("size=256m");
    case.run().within(&volume).finish().expect_code(0);
    expect_all::<D>(&volume);
}

pub fn a_disk_that_is_given_room_while_the_run_waits<D: OnDisk>() {
    let mut volume = Volume::mount(D::SMALL);
    let case = prepare::<D>(&volume, "");
    let mut process = case.run().within(&volume).start();
    process.await_stderr(D::FULL, LIMIT);
    assert!(process.is_running(), "it waits");
    volume.remount("size=256m");
    process.wait(LIMIT).expect_code(0);
    expect_all::<D>(&volume);
}

pub fn a_disk_that_is_read_only<D: OnDisk>() {
    let mut volume = Volume::mount("256m");
    let case = prepare::<D>(&volume, "give_up_ms = 300");
    let place = D::at(volume.mount_point()).connection(None);
    let place = place.split('"').nth(3).expect("a path").to_owned();
    let expect_refused = |volume: &mut Volume| {
        volume.remount("ro");
        let outcome = case.run().within(volume).finish().expect_code(1);
        outcome.expect_said(READ_ONLY);
        outcome.expect_said(&place);
        volume.remount("rw");
    };
    expect_refused(&mut volume);
    let first = rows(0).lines().next().unwrap_or_default().to_owned();
    case.write("input-0.jsonl", first + "\n");
    case.write("input-1.jsonl", "");
    case.run().within(&volume).finish().expect_code(0);
    assert_eq!(count::<D>(&volume), (1, 1));
    write_all(&case);
    expect_refused(&mut volume);
    case.run().within(&volume).finish().expect_code(0);
    expect_all::<D>(&volume);
}
