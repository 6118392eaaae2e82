//! What crosses the boundary is recorded, and lived again without destination or network.

mod damaged;
mod failures;
mod same;

use std::path::{Path, PathBuf};

use serde_json::Value;
use wasm_sink_tests::{Binary, Case, Outcome};

use crate::case::Lake;
use crate::swap::Versions;

const PIPELINE: &str = include_str!("pipeline.toml");

/// A pipeline, and the folder that its lake was in.
struct Recorded {
    case: Case,
    lake: tempfile::TempDir,
    versions: Versions,
}

impl Recorded {
    /// `adapt` changes the pipeline's text.
    fn with(adapt: impl Fn(String) -> String) -> Self {
        let lake = tempfile::tempdir().unwrap();
        let case = Case::new(&adapt(PIPELINE.to_owned()), Lake::Disk(lake.path()));
        let versions = Versions::of("delta");
        versions.write(&case, "one");
        Self {
            case,
            lake,
            versions,
        }
    }

    fn new() -> Self {
        Self::with(|text| text)
    }

    fn run(&self) -> Outcome {
        let recorded = self.case.path("recorded");
        self.case.run().arg("--record").arg(recorded).finish()
    }

    /// Nothing of what it wrote to is there any more.
    fn folder(&self) -> PathBuf {
        std::fs::remove_dir_all(self.lake.path()).unwrap();
        std::fs::remove_file(self.case.path("one.wasm")).unwrap();
        self.case.path("recorded")
    }
}

/// `wasm-sink replay`.
fn replay(recording: &Path, arguments: &[&str]) -> Outcome {
    let mut command = Binary::find().command(["replay"]).arg(recording);
    for argument in arguments {
        command = command.arg(argument);
    }
    command.finish()
}

/// What `--json` says of each recording.
fn replayed(recording: &Path, arguments: &[&str], code: i32) -> Vec<Value> {
    let arguments = [arguments, &["--json"]].concat();
    let outcome = replay(recording, &arguments).expect_code(code);
    let lines = outcome.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The recordings in a folder.
fn recordings(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    found.sort();
    found
}
