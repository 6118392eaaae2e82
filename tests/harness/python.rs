//! Readers in Python: a question as JSON in, an answer as JSON out.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::tools::tool;

/// Asks a script of this folder.
pub(crate) fn ask(script: &str, question: &Value) -> Value {
    Asked::start(script, question).wait()
}

/// A question that is being answered.
#[derive(Debug)]
pub struct Asked {
    python: Child,
    question: String,
}

impl Asked {
    /// Has a script of this folder begin.
    pub(crate) fn start(script: &str, question: &Value) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness");
        let mut python = Command::new(tool("python"))
            .arg(folder.join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut stdin = python.stdin.take().expect("a piped stdin");
        let question = question.to_string();
        stdin
            .write_all(question.as_bytes())
            .expect("Python takes the question");
        Self { python, question }
    }

    /// Its answer.
    ///
    /// # Panics
    /// It failed; what it said is shown.
    pub fn wait(self) -> Value {
        let output = self.python.wait_with_output().expect("Python's answer");
        assert!(
            output.status.success(),
            "asked {}:\n{}",
            shortened(&self.question),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("an answer in JSON")
    }
}

/// A question may hold thousands of records.
fn shortened(question: &str) -> String {
    let mut short: String = question.chars().take(500).collect();
    if short.len() < question.len() {
        short.push('…');
    }
    short
}
