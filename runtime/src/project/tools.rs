//! Runs compilers and package tools, and says what is missing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use wasm_sink_core::{Blame, Error, Kind, Result};

use super::files::disk;

/// So much of what a tool printed is shown, from its end, in bytes.
const SHOWN_BYTES: usize = 8 << 10;

/// Is told what a build does; some of it takes a while the first time.
pub trait Watcher: Send + Sync {
    /// It does this now.
    fn step(&self, doing: &str);
}

/// The tools of a machine, for one project.
pub(super) struct Tools {
    root: PathBuf,
    watcher: Arc<dyn Watcher>,
}

/// A tool that is to be there.
#[derive(Clone, Copy)]
pub(super) struct Tool<'a> {
    /// Its name on PATH, or its path from the project's folder.
    pub(super) program: &'a str,
    /// Where one gets it; a sentence.
    pub(super) install: &'a str,
}

impl Tools {
    pub(super) fn new(root: &Path, watcher: Arc<dyn Watcher>) -> Self {
        Self {
            root: root.to_owned(),
            watcher,
        }
    }

    /// Says what is done now.
    pub(super) fn step(&self, doing: &str) {
        self.watcher.step(doing);
    }

    /// Whether a program is there and answers to these words.
    pub(super) fn has(&self, program: &str, words: &[&str]) -> bool {
        let mut command = self.command(program);
        command
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Runs a tool in the project's folder until it ends; what it printed on standard output.
    ///
    /// # Errors
    /// It is not there, or failed: with all that it printed, or the end of it.
    pub(super) fn run(&self, tool: &Tool<'_>, words: &[&str]) -> Result<Vec<u8>> {
        self.run_with(tool, words, &[])
    }

    /// The same, with these in its environment.
    ///
    /// # Errors
    /// As [`Tools::run`].
    pub(super) fn run_with(
        &self,
        tool: &Tool<'_>,
        words: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Vec<u8>> {
        let mut command = self.command(tool.program);
        command.args(words).envs(environment.iter().copied());
        let shown = Path::new(tool.program)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let output = command.output().map_err(|error| {
            let message = match error.kind() {
                ErrorKind::NotFound => format!("`{shown}` is missing: {}", tool.install),
                _ => format!("`{shown}` does not start"),
            };
            failure(message).with_source(error)
        })?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(failure(format!(
                "`{shown}` failed ({}):\n{}",
                output.status,
                said(&output)
            ))),
        }
    }

    /// What a tool made, by its path from the project's folder.
    ///
    /// # Errors
    /// It is not there.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>> {
        let path = self.root.join(path);
        std::fs::read(&path).map_err(|error| disk("read", &path, error))
    }

    /// A path with a folder in it counts from where the process runs, not from where the command is to run.
    fn command(&self, program: &str) -> Command {
        let mut command = match program.contains('/') {
            true => Command::new(self.root.join(program)),
            false => Command::new(program),
        };
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }
}

pub(super) fn failure(message: String) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

/// What a tool complained of, the end of it if it is long. What it printed as its result is not shown, unless there is
/// nothing else.
fn said(output: &Output) -> String {
    let complaints = String::from_utf8_lossy(&output.stderr);
    let result = String::from_utf8_lossy(&output.stdout);
    let all = match complaints.trim() {
        "" => result.trim(),
        complaints => complaints,
    };
    if all.len() <= SHOWN_BYTES {
        return all.to_owned();
    }
    let from = all.len() - SHOWN_BYTES;
    let line = all.bytes().skip(from).position(|byte| byte == b'\n');
    let end = line.and_then(|line| all.get(from + line + 1..));
    format!("…\n{}", end.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;

    impl Watcher for Silent {
        fn step(&self, _doing: &str) {}
    }

    fn tools() -> Tools {
        Tools::new(Path::new("/"), Arc::new(Silent))
    }

    fn shell(script: &str) -> Result<Vec<u8>> {
        let tool = Tool {
            program: "sh",
            install: "it comes with the system",
        };
        tools().run(&tool, &["-c", script])
    }

    #[test]
    fn a_tool_that_is_missing_is_named_with_what_to_install() {
        let tool = Tool {
            program: "no-such-compiler",
            install: "get it from example.org",
        };
        let failed = tools().run(&tool, &["-c"]).unwrap_err();
        let told = failed.to_string();
        assert!(
            told.starts_with("`no-such-compiler` is missing: get it from example.org"),
            "{told}"
        );
        assert!(!tools().has("no-such-compiler", &[]));
        assert!(tools().has("sh", &["-c", "true"]));
    }

    #[test]
    fn a_tool_that_fails_is_quoted() {
        assert_eq!(shell("echo fine").unwrap(), b"fine\n");
        let failed = shell("echo one; echo two >&2; exit 3").unwrap_err();
        assert_eq!(failed.to_string(), "`sh` failed (exit status: 3):\ntwo");
        let failed = shell("echo one; exit 3").unwrap_err();
        assert_eq!(failed.to_string(), "`sh` failed (exit status: 3):\none");
    }

    #[test]
    fn of_long_complaints_the_end_is_shown() {
        let failed = shell("for i in $(seq 5000); do echo line $i; done; exit 1").unwrap_err();
        let told = failed.to_string();
        assert!(told.len() < SHOWN_BYTES + 100, "{}", told.len());
        assert!(told.contains("…\nline "), "{told}");
        assert!(told.ends_with("line 5000"));
    }
}
