//! Readers in Python: a question as JSON in, an answer as JSON out.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tools::tool;

/// Asks a script of this folder.
pub(crate) fn ask(script: &str, question: &Value) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness");
    let mut python = Command::new(tool("python"))
        .arg(folder.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = python.stdin.take().expect("a piped stdin");
    stdin
        .write_all(question.to_string().as_bytes())
        .expect("Python takes the question");
    drop(stdin);
    let output = python.wait_with_output().expect("Python's answer");
    assert!(
        output.status.success(),
        "reading {question}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("an answer in JSON")
}
