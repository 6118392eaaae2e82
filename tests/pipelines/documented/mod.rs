//! Pages that readers follow: what stands in their code blocks is done, and has to come out as they say.

mod contract;

use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_sink_tests::{author_environment, tool};

fn script(name: &str) -> Command {
    let mut command = Command::new(tool("python"));
    command.arg(here().join(name));
    command
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/documented")
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let ran = command.output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// Follows a page of docs/ in an empty folder, with what authors in this language have.
fn follow(page: &str, language: &str) {
    let folder = tempfile::tempdir().unwrap();
    let page = here().join("../../../docs").join(page);
    let mut command = script("run_blocks.py");
    command.arg(page).arg(folder.path());
    command.env_clear().envs(author_environment(language));
    succeeds(&mut command);
}

fn first_sink(language: &str) {
    follow(&format!("first-sink/{language}.md"), language);
}

#[test]
fn the_first_sink_in_python() {
    first_sink("python");
}

#[test]
fn the_first_sink_in_typescript() {
    first_sink("typescript");
}

#[test]
fn the_first_sink_in_go() {
    first_sink("go");
}

#[test]
fn the_first_sink_in_c() {
    first_sink("c");
}

#[test]
fn the_first_sink_in_rust() {
    first_sink("rust");
}

#[test]
fn the_component_in_rust() {
    follow("components.md", "rust");
}

#[test]
fn blocks_are_found_and_held_against_what_is_printed() {
    succeeds(&mut script("test_run_blocks.py"));
}
