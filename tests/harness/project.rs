//! Sink authors' projects, built with the toolchains of `tests/setup.sh`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::binary::{Binary, Invocation};
use crate::component::target_directory;
use crate::tools::tool;

/// A command line of whoever writes a sink in this language: with the environment of the tests, and the language's
/// toolchain on PATH.
pub fn author(language: &str, args: &[&str], folder: &Path) -> Invocation {
    let mut command = Binary::find().command(args).current_dir(folder);
    for (name, value) in author_environment(language) {
        command = command.env(name, value);
    }
    command
}

/// The environment of whoever writes a sink in this language. `wasm-sink` is on its PATH, too.
pub fn author_environment(language: &str) -> Vec<(OsString, OsString)> {
    let tools: &[&'static str] = match language {
        "go" => &["golang"],
        "javascript" | "typescript" => &["nodejs"],
        "c" => &["zig"],
        _ => &[],
    };
    let mut path = OsString::new();
    let programs = tools.iter().map(|name| tool(name));
    for program in programs.chain([Binary::find().path().to_owned()]) {
        path.push(program.parent().expect("a folder that holds the program"));
        path.push(":");
    }
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let is_ours = |name: &OsString| {
        name.to_str()
            .is_some_and(|name| name.starts_with("WASM_SINK_"))
    };
    let mut variables: Vec<_> = std::env::vars_os()
        .filter(|(name, _)| !is_ours(name))
        .collect();
    variables.push(("PATH".into(), path));
    // What all projects in Rust have in common is compiled once.
    let projects = target_directory().join("projects");
    variables.push(("CARGO_TARGET_DIR".into(), projects.into()));
    // Nor is it looked at here how small and fast it gets.
    for (setting, value) in [("LTO", "off"), ("OPT_LEVEL", "0"), ("CODEGEN_UNITS", "16")] {
        variables.push((
            format!("CARGO_PROFILE_RELEASE_{setting}").into(),
            value.into(),
        ));
    }
    variables
}

/// A copy of tests/careless in a language, where it can be built.
///
/// # Panics
/// It cannot be copied.
pub fn careless_project(language: &str) -> PathBuf {
    let folder = match language {
        "javascript" | "typescript" => "js",
        other => other,
    };
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("careless")
        .join(folder);
    let to = target_directory().join("careless").join(folder);
    std::fs::create_dir_all(&to).expect("a folder for the copy");
    for entry in std::fs::read_dir(&from).expect("the project") {
        let entry = entry.expect("a file of the project");
        if entry.path().is_file() {
            let copy = to.join(entry.file_name());
            let bytes = std::fs::read(entry.path()).expect("a file of the project");
            // What is the same stays as it is: compilers look at times.
            if std::fs::read(&copy).ok().as_ref() != Some(&bytes) {
                std::fs::write(&copy, bytes).expect("a copy");
            }
        }
    }
    to
}
