//! What the SDKs can be tried of without a host: their own tests, run by their language's own means.

use std::path::Path;
use std::process::Command;

use wasm_sink_tests::{target_directory, tool};

fn passes(language: &str, command: &mut Command) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../sdk")
        .join(language);
    let tried = command.current_dir(folder).output().unwrap();
    assert!(
        tried.status.success(),
        "{}{}",
        String::from_utf8_lossy(&tried.stdout),
        String::from_utf8_lossy(&tried.stderr)
    );
}

#[test]
fn of_python() {
    let python = tool("python");
    let arguments = [
        "-B",
        "-m",
        "unittest",
        "discover",
        "--start-directory",
        "tests",
    ];
    passes("python", Command::new(python).args(arguments));
}

#[test]
fn of_javascript() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/js/tests");
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // A folder is taken by Node.js 20, and not by later ones.
    let tests: Vec<_> = names
        .filter(|name| name.ends_with(".test.js"))
        .map(|name| format!("tests/{name}"))
        .collect();
    assert!(tests.len() > 2, "{tests:?}");
    passes("js", Command::new(tool("nodejs")).arg("--test").args(tests));
}

#[test]
fn of_go() {
    let cache = target_directory().join("go");
    let mut command = Command::new(tool("golang"));
    passes("go", command.args(["test", "./..."]).env("GOCACHE", cache));
}

#[test]
fn of_c() {
    passes("c", Command::new("sh").arg("tests/run.sh"));
}
