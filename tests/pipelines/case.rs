//! A pipeline in a folder of its own, and the table that it delivers to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wasm_sink_tests::{
    Binary, DeadLetter, DeltaTable, Invocation, Versitygw, dead_letters, pending_dead_letters,
};

/// Where a case's table lies.
#[derive(Clone, Copy)]
pub enum Lake<'a> {
    /// In a folder.
    Disk(&'a Path),
    /// In a gateway's bucket, below a prefix, reached by this URL: the gateway's own, or a proxy's.
    S3 {
        server: &'a Versitygw,
        endpoint: &'a str,
        prefix: &'a str,
    },
}

impl Lake<'_> {
    /// `[connections.lake]`.
    fn connection(&self) -> String {
        match self {
            Self::Disk(path) => format!(
                "\n[connections.lake]\ntype = \"delta\"\npath = \"{}\"\n",
                path.display()
            ),
            Self::S3 {
                endpoint, prefix, ..
            } => format!(
                r#"
[connections.lake]
type = "delta"
path = "s3://{bucket}/{prefix}"
endpoint = "{endpoint}"
region = "{region}"
allow_http = true
access_key_id = "{access_key_id}"
secret_access_key = "${{LAKE_SECRET}}"
"#,
                bucket = Versitygw::BUCKET,
                region = Versitygw::REGION,
                access_key_id = Versitygw::ACCESS_KEY_ID,
            ),
        }
    }

    /// The table as others read it, past any proxy.
    pub fn table(&self) -> DeltaTable {
        match self {
            Self::Disk(path) => DeltaTable::local(path),
            Self::S3 { server, prefix, .. } => DeltaTable::s3(server, prefix),
        }
    }
}

/// One pipeline, ready to run any number of times.
pub struct Case {
    directory: TempDir,
    binary: Binary,
}

impl Case {
    /// Writes `pipeline` with the connection of `lake` into a new folder.
    pub fn new(pipeline: &str, lake: Lake<'_>) -> Self {
        let case = Self {
            directory: TempDir::with_prefix("wasm-sink-").expect("a temporary folder"),
            binary: Binary::find(),
        };
        case.rewrite(pipeline, lake);
        case
    }

    /// Replaces the pipeline; its state stays.
    pub fn rewrite(&self, pipeline: &str, lake: Lake<'_>) {
        self.write("pipeline.toml", format!("{pipeline}{}", lake.connection()));
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
            .env("LAKE_SECRET", Versitygw::SECRET_ACCESS_KEY)
    }

    /// The dead letters that were published, of the pipeline called `name`.
    pub fn dead_letters(&self, name: &str) -> Vec<DeadLetter> {
        dead_letters(&self.dead_letter_directory(name))
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

/// Waits until the table in a folder has at least so many versions.
///
/// # Panics
/// It takes over a minute.
#[track_caller]
pub fn await_versions(table: &Path, least: usize) {
    let started = Instant::now();
    while versions(table) < least {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "no {least} versions in a minute"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn versions(table: &Path) -> usize {
    let is_version = |name: &str| name.len() == 25 && name.ends_with(".json");
    let entries = std::fs::read_dir(table.join("_delta_log"));
    entries.map_or(0, |entries| {
        let names = entries.flatten().map(|entry| entry.file_name());
        names
            .filter(|name| is_version(&name.to_string_lossy()))
            .count()
    })
}
