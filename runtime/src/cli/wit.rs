//! `wasm-sink wit`.

use std::path::{Path, PathBuf};

use clap::Args;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Exit;
use super::terminal::Terminal;
use crate::connectors::Connector;
use crate::contract::{self, capability};

const EXAMPLES: &str = "\
Examples:
  wasm-sink wit --capability delta
  wasm-sink wit --capability delta --capability kafka --into my-sink/wit

For toolchains of your own: world.wit has a world `sink` that imports what is named and exports what the
host calls; deps/ has the packages that it is made of. A component imports no more than it uses, and what
it imports is what it may do. A world.wit that is there stays as it is.";

/// Arguments of `wit`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct WitArgs {
    /// A capability that the component uses; may be said several times
    #[arg(long, value_name = "NAME", value_parser = capability)]
    capability: Vec<&'static Connector>,
    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = "wit")]
    into: PathBuf,
}

pub(super) fn execute(args: &WitArgs, terminal: &Terminal) -> Exit {
    match write(args) {
        Ok(paths) => {
            for path in paths {
                terminal.result(&format!("{}\n", path.display()));
            }
            Exit::Success
        }
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

/// Writes what is asked for; the files that were written.
fn write(args: &WitArgs) -> Result<Vec<PathBuf>> {
    let mut files = contract::files(&args.capability);
    if args.into.join(contract::WORLD_FILE).exists() {
        files.retain(|(path, _)| path != contract::WORLD_FILE);
    }
    let mut written = Vec::new();
    for (path, text) in files {
        let path = args.into.join(path);
        let failed = |error| {
            let message = format!("cannot write {}", path.display());
            Error::new(Kind::Other, Blame::Configuration, message).with_source(error)
        };
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        std::fs::write(&path, text).map_err(failed)?;
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use wit_parser::Resolve;

    use super::*;
    use crate::connectors::BUILT;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: WitArgs,
    }

    fn args(folder: &Path, capabilities: &[&str]) -> WitArgs {
        let mut words = vec![
            "wit".to_owned(),
            "--into".to_owned(),
            folder.display().to_string(),
        ];
        for name in capabilities {
            words.extend(["--capability".to_owned(), (*name).to_owned()]);
        }
        Command::parse_from(words).args
    }

    #[test]
    fn each_world_resolves() {
        let all: Vec<_> = BUILT
            .iter()
            .filter(|connector| connector.capability.is_some())
            .map(|connector| connector.name)
            .collect();
        for capabilities in [&all[..], &[], &all[..1]] {
            let folder = tempfile::tempdir().unwrap();
            write(&args(folder.path(), capabilities)).unwrap();
            let mut resolve = Resolve::default();
            let (package, _) = resolve.push_dir(folder.path()).unwrap();
            let world = resolve.select_world(&[package], Some("sink")).unwrap();
            let world = &resolve.worlds[world];
            // Four of every sink: types, epoch, dead letters, log.
            assert_eq!(world.imports.len(), 4 + capabilities.len());
            assert_eq!(world.exports.len(), 1);
        }
    }

    #[test]
    fn a_world_of_ones_own_stays() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("world.wit"), "mine").unwrap();
        let written = write(&args(folder.path(), &[])).unwrap();
        assert_eq!(written.len(), 2);
        let world = std::fs::read_to_string(folder.path().join("world.wit")).unwrap();
        assert_eq!(world, "mine");
    }
}
