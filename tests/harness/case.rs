//! A pipeline in a folder of its own.

use std::ffi::OsStr;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Binary, Invocation};
use crate::dead_letters::{DeadLetter, dead_letters, kept_rows, pending_dead_letters};

/// Something that a pipeline can be connected to.
pub trait Connected {
    /// `[connections.<label>]`, whole.
    fn connection(&self) -> String;

    /// The secrets that it names.
    fn environment(&self) -> Vec<(String, String)>;

    /// The pipeline as it can have it, where others are connected to the same thing at the same time.
    fn adapt(&self, pipeline: &str) -> String {
        pipeline.to_owned()
    }
}

/// One pipeline, ready to run any number of times.
#[derive(Debug)]
pub struct Case {
    directory: TempDir,
    binary: Binary,
    environment: Vec<(String, String)>,
}

impl Case {
    /// Writes `pipeline` with its connection into a new folder.
    pub fn new(pipeline: &str, connected: impl Connected) -> Self {
        let case = Self {
            directory: TempDir::with_prefix("wasm-sink-").expect("a temporary folder"),
            binary: Binary::find(),
            environment: connected.environment(),
        };
        case.rewrite(pipeline, connected);
        case
    }

    /// Replaces the pipeline; its state stays.
    pub fn rewrite(&self, pipeline: &str, connected: impl Connected) {
        let (pipeline, connection) = (connected.adapt(pipeline), connected.connection());
        self.write("pipeline.toml", format!("{pipeline}\n{connection}"));
    }

    /// A path in the case's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file into the case's folder.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).expect("a file in the case's folder");
    }

    /// `wasm-sink run pipeline.toml`.
    pub fn run(&self) -> Invocation {
        self.command("run")
    }

    /// `wasm-sink <command> pipeline.toml`.
    pub fn command(&self, command: &str) -> Invocation {
        self.binary
            .command([OsStr::new(command), self.path("pipeline.toml").as_os_str()])
            .envs(&self.environment)
    }

    /// `wasm-sink <commands> pipeline.toml`.
    pub fn commands(&self, commands: &[&str]) -> Invocation {
        let commands = commands.iter().map(OsStr::new);
        let pipeline = self.path("pipeline.toml");
        self.binary
            .command(commands.chain([pipeline.as_os_str()]))
            .envs(&self.environment)
    }

    /// The dead letters that were published, of the pipeline called `name`.
    pub fn dead_letters(&self, name: &str) -> Vec<DeadLetter> {
        dead_letters(&self.dead_letter_directory(name))
    }

    /// The rows that an epoch's dead letters have, as others read them.
    pub fn kept_rows(&self, name: &str, commit: &str) -> Vec<Value> {
        let path = self.dead_letter_directory(name);
        kept_rows(&path.join(format!("{commit}.arrow")))
    }

    /// # Panics
    /// A dead-letter file was left unsettled.
    #[track_caller]
    pub fn expect_no_pending_dead_letters(&self, name: &str) {
        let pending = pending_dead_letters(&self.dead_letter_directory(name));
        assert!(pending.is_empty(), "left unsettled: {pending:?}");
    }

    fn dead_letter_directory(&self, name: &str) -> PathBuf {
        self.path(".wasm-sink").join(name).join("dead-letters")
    }
}
