//! Another component, or another configuration, in the place of what works: rows go on, each once, and each commit names
//! what wrote it.

mod applied;
mod canary;
mod lasting;
mod load;
mod refused;
mod shadowed;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wasm_sink_tests::{Case, Outcome, versioned_component};

const LIMIT: Duration = Duration::from_secs(60);

/// What stands before the name of a version in the file of a component.
const MARK: &[u8] = b"wasm-sink-version:";
/// So much room is there for both.
const ROOM: usize = 48;

/// A component in as many versions as there are names.
pub struct Versions {
    wasm: Vec<u8>,
}

impl Versions {
    pub fn of(destination: &str) -> Self {
        let wasm = std::fs::read(versioned_component(destination)).unwrap();
        Self { wasm }
    }

    /// Writes the version of a name into a case's folder.
    pub fn write(&self, case: &Case, name: &str) -> PathBuf {
        let places = self.wasm.windows(MARK.len()).enumerate();
        let mut places = places.filter(|(_, bytes)| *bytes == MARK);
        let (place, _) = places.next().unwrap();
        assert!(places.next().is_none(), "the mark stands twice");
        let mut wasm = self.wasm.clone();
        let room = &mut wasm[place + MARK.len()..place + ROOM];
        room.fill(b'.');
        room[..name.len()].copy_from_slice(name.as_bytes());
        let path = case.path(&format!("{name}.wasm"));
        std::fs::write(&path, wasm).unwrap();
        path
    }
}

/// `wasm-sink swap pipeline.toml <component>`, once the pipeline can be asked.
fn swap(case: &Case, component: &Path, arguments: &[&str]) -> Outcome {
    soon(case, "swap", component, arguments)
}

/// `wasm-sink <command> pipeline.toml <component>`, once the pipeline can be asked.
fn soon(case: &Case, command: &str, component: &Path, arguments: &[&str]) -> Outcome {
    let started = Instant::now();
    loop {
        let mut command = case.command(command).arg(component);
        for argument in arguments {
            command = command.arg(argument);
        }
        let outcome = command.finish();
        let is_early = outcome.said().contains("no process of this user");
        if !is_early || started.elapsed() > LIMIT {
            return outcome;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
