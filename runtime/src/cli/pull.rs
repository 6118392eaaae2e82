//! `wasm-sink pull`.

use std::path::PathBuf;

use clap::Args;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Exit;
use super::numbers::bytes;
use super::terminal::Terminal;
use crate::config::Reference;
use crate::engine::EngineSettings;
use crate::oci;

const EXAMPLES: &str = "\
Examples:
  wasm-sink pull oci://ghcr.io/team/orders:1.0
  wasm-sink pull oci://ghcr.io/team/orders@sha256:9f86… --output vetted/orders.wasm

A pipeline fetches its component by itself; this is for looking at one (`wasm-sink inspect`), and for machines
that reach no registry. Prints where the component is by its digest.";

/// Arguments of `pull`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PullArgs {
    /// The registry, the name, and the tag or the digest
    #[arg(value_name = "oci://REGISTRY/NAME:TAG")]
    reference: Reference,
    /// The file to write [default: the last part of the name, with .wasm]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn execute(args: &PullArgs, terminal: &Terminal) -> Exit {
    match pull(args).await {
        Ok((pinned, path, size)) => {
            terminal.note(&format!("{}: {}\n", path.display(), bytes(size as f64)));
            terminal.result(&format!("{pinned}\n"));
            Exit::Success
        }
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

/// Where it is by its digest, the file, and its bytes.
async fn pull(args: &PullArgs) -> Result<(Reference, PathBuf, usize)> {
    let most = EngineSettings::default().max_component_bytes;
    let fetched = oci::fetch(&args.reference, most).await?;
    let path = args.output.clone();
    let path = path.unwrap_or_else(|| PathBuf::from(format!("{}.wasm", args.reference.name())));
    // What stands there may be of value to somebody; the same once more is no loss.
    let there = std::fs::read(&path).ok();
    if args.output.is_none() && there.is_some_and(|there| there != fetched.wasm) {
        let message = format!(
            "{0} is there already, and is another one: --output {0} replaces it",
            path.display()
        );
        return Err(Error::new(Kind::Invalid, Blame::Configuration, message));
    }
    std::fs::write(&path, &fetched.wasm).map_err(|error| {
        let message = format!("cannot write {}", path.display());
        Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
    })?;
    Ok((fetched.pinned, path, fetched.wasm.len()))
}
