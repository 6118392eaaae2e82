//! `make fuzz`: libFuzzer over each target, which changes inputs in the way that leads to code that no input ran before.
//!
//! It begins with the inputs in `tests/fuzz/corpus` and those that it found before, and writes what it finds to
//! `target/fuzz/<target>`. What it is asked stands in the environment:
//!
//! - `FUZZ_SECONDS`: for how long each target runs;
//! - `FUZZ_SEED`: a number, with which each run tries the same, as far as it gets; otherwise another one each time;
//! - `FUZZ_TARGET`: the only one to run;
//! - `FUZZ_INPUT`: a file, which is all that this target is run with;
//! - `FUZZ_KEEP`: nothing runs, but inputs found that reach more than the kept ones are kept with them.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what cannot go on fails, and says where"
)]

mod driver;
mod memory;
mod targets;

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use targets::TARGETS;

/// Says to a process which target it is to run as libFuzzer.
const CHILD: &str = "WASM_SINK_FUZZ_CHILD";
const SECONDS: &str = "60";
/// An input that takes longer is a fault. A thousand times what the slowest takes, for machines that are busy.
const TIMEOUT_SECONDS: u32 = 20;
/// A process that has more memory is a fault: libFuzzer itself has some, too.
const MEMORY_MB: u32 = 1024;
const MAX_INPUT_BYTES: u32 = 8192;

fn main() -> ExitCode {
    if let Ok(name) = env::var(CHILD) {
        let known = TARGETS.iter().find(|(known, _)| *known == name);
        return driver::run(known.expect("a target").1);
    }
    let wished = asked("FUZZ_TARGET");
    let names: Vec<_> = TARGETS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| wished.as_ref().is_none_or(|wished| wished == name))
        .collect();
    if names.is_empty() {
        let known = TARGETS.map(|(name, _)| name).join(", ");
        eprintln!("FUZZ_TARGET is {wished:?}, which is none of {known}");
        return ExitCode::FAILURE;
    }
    let input = asked("FUZZ_INPUT");
    if input.is_some() && names.len() > 1 {
        eprintln!("FUZZ_INPUT needs FUZZ_TARGET");
        return ExitCode::FAILURE;
    }
    let is_well = match input {
        Some(input) => replay(names[0], &input),
        None if asked("FUZZ_KEEP").is_some() => names.iter().all(|name| keep(name)),
        None => fuzz(&names),
    };
    match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn asked(key: &str) -> Option<OsString> {
    env::var_os(key).filter(|value| !value.is_empty())
}

/// target/fuzz
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("fuzz")
}

/// The inputs that a target found, and those that are kept.
fn inputs(name: &str) -> [PathBuf; 2] {
    let found = folder().join(name);
    fs::create_dir_all(&found).expect("a folder in target/");
    [found, Path::new("fuzz/corpus").join(name)]
}

fn child(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.env(CHILD, name).args([
        format!("-timeout={TIMEOUT_SECONDS}"),
        format!("-rss_limit_mb={MEMORY_MB}"),
    ]);
    command
}

/// Two or more side by side, as there are cores.
fn fuzz(names: &[&str]) -> bool {
    let waiting = Mutex::new(names.iter());
    let next = || waiting.lock().expect("nobody panicked").next();
    let seconds = asked("FUZZ_SECONDS").unwrap_or_else(|| SECONDS.into());
    let work = || {
        let mut is_well = true;
        while let Some(name) = next() {
            is_well &= run(name, &seconds.to_string_lossy());
        }
        is_well
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, bool>| worker.join().expect("no panic");
        workers
            .into_iter()
            .map(join)
            .fold(true, |all, one| all & one)
    })
}

fn run(name: &str, seconds: &str) -> bool {
    let began = Instant::now();
    let path = folder().join(format!("{name}.log"));
    let [found, kept] = inputs(name);
    let log = File::create(&path).expect("a log in target/");
    let mut command = child(name);
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={MAX_INPUT_BYTES}"))
        .arg(format!("-artifact_prefix={}/{name}-", folder().display()))
        .arg("-print_final_stats=1")
        .args(asked("FUZZ_SEED").map(|seed| format!("-seed={}", seed.to_string_lossy())))
        .args([found, kept])
        // Whoever runs the input once more gets it.
        .env("RUST_BACKTRACE", "0")
        .stdout(log.try_clone().expect("the log"))
        .stderr(log);
    let status = command.status().expect("this program runs");
    let text = fs::read(&path).expect("the log");
    let text = String::from_utf8_lossy(&text);
    if status.success() {
        let last = text.lines().rfind(|line| line.contains("cov:"));
        let (runs, reached) = last
            .and_then(|line| line.split_once("\tDONE"))
            .unwrap_or_default();
        let reached = reached.split(" corp:").next().unwrap_or_default().trim();
        let took = began.elapsed().as_secs();
        println!(
            "{name}: {} inputs in {took} s, {reached}",
            runs.trim_start_matches('#')
        );
        return true;
    }
    let end: Vec<_> = text.lines().rev().take(20).collect();
    for line in end.iter().rev() {
        println!("{name}: {line}");
    }
    let written = text
        .lines()
        .find_map(|line| line.split_once("Test unit written to "));
    match written {
        Some((_, input)) => println!(
            "{name}: FAILED with {input}\n{name}: once more: make fuzz FUZZ_TARGET={name} FUZZ_INPUT={input}\n\
             {name}: once it is mended, keep the input in tests/fuzz/corpus/{name}"
        ),
        None => println!(
            "{name}: FAILED ({status}); all it said is in {}",
            path.display()
        ),
    }
    false
}

fn replay(name: &str, input: &OsString) -> bool {
    // Tests run in the folder of their package; people name a file from where `make` is.
    let input = Path::new("..").join(input);
    let mut command = child(name);
    command.env("RUST_BACKTRACE", "1").arg(input);
    command.status().expect("this program runs").success()
}

/// Copies the fewest found inputs that reach code which no kept one reaches. How often they do is not asked, and longer
/// ones are cut, so that what is kept stays small.
fn keep(name: &str) -> bool {
    const MAX_KEPT_BYTES: u32 = 512;
    let [found, kept] = inputs(name);
    let mut command = child(name);
    command
        .args(["-set_cover_merge=1", "-use_counters=0"])
        .arg(format!("-max_len={MAX_KEPT_BYTES}"))
        .args([kept, found]);
    command.status().expect("this program runs").success()
}
