//! Prometheus' own checks of rules and configurations.

use std::path::Path;
use std::process::Command;

use crate::tools::tool;

/// Runs `promtool` in a folder; what it said.
///
/// # Panics
/// It is not content.
#[track_caller]
pub fn promtool(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(tool("promtool"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("promtool");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
    said
}
