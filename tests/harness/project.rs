//! Sink authors' projects, built with the toolchains of `tests/setup.sh`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::binary::{Binary, Invocation};
use crate::component::target_directory;
use crate::tools::tool;

/// A command line of whoever writes a sink in this language: with the environment of the tests, and the language's
/// toolchain on PATH.
pub fn author(language: &str, args: &[&str], folder: &Path) -> Invocation {
    let tools: &[&'static str] = match language {
        "go" => &["golang"],
        "javascript" | "typescript" => &["nodejs"],
        "c" => &["zig"],
        _ => &[],
    };
    let mut path = OsString::new();
    for program in tools.iter().map(|name| tool(name)) {
        path.push(program.parent().expect("a folder that holds the program"));
        path.push(":");
    }
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Binary::find().command(args).current_dir(folder);
    for (name, value) in std::env::vars_os() {
        let is_ours = name
            .to_str()
            .is_some_and(|name| name.starts_with("WASM_SINK_"));
        if !is_ours {
            command = command.env(name, value);
        }
    }
    command
        .env("PATH", path)
        // What all projects in Rust have in common is compiled once.
        .env("CARGO_TARGET_DIR", target_directory().join("projects"))
        // Nor is it looked at here how small and fast it gets.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
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
