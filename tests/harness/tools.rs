//! What `tests/setup.sh` installs.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// The program of a name that `tests/setup.sh` knows, installed if need be.
///
/// # Panics
/// It cannot be installed.
pub fn tool(name: &'static str) -> PathBuf {
    // One installation at a time: the script locks, too, but two waiting scripts say less than one.
    static KNOWN: Mutex<Vec<(&str, PathBuf)>> = Mutex::new(Vec::new());
    let mut known = KNOWN
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some((_, path)) = known.iter().find(|(tool, _)| *tool == name) {
        return path.clone();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/setup.sh");
    let output = Command::new("bash")
        .args([script, name])
        .stderr(Stdio::inherit())
        .output()
        .expect("bash, for tests/setup.sh");
    let text = String::from_utf8_lossy(&output.stdout);
    let path = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .filter(|_| output.status.success())
        .unwrap_or_else(|| panic!("tests/setup.sh {name} failed: see above"));
    known.push((name, path.into()));
    path.into()
}
