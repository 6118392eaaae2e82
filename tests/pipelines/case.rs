//! The tables that pipelines deliver to.

use std::path::Path;
use std::time::{Duration, Instant};

pub use wasm_sink_tests::Case;
use wasm_sink_tests::{Connected, DeltaTable, Versitygw};

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

impl Connected for Lake<'_> {
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

    fn environment(&self) -> Vec<(String, String)> {
        vec![(
            "LAKE_SECRET".to_owned(),
            Versitygw::SECRET_ACCESS_KEY.to_owned(),
        )]
    }
}

impl Lake<'_> {
    /// The table as others read it, past any proxy.
    pub fn table(&self) -> DeltaTable {
        match self {
            Self::Disk(path) => DeltaTable::local(path),
            Self::S3 { server, prefix, .. } => DeltaTable::s3(server, prefix),
        }
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
