//! `wasm-sink push`.

use std::path::PathBuf;

use clap::Args;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::Exit;
use super::numbers::bytes;
use super::terminal::Terminal;
use crate::config::Reference;
use crate::oci;

const EXAMPLES: &str = "\
Examples:
  wasm-sink push build/orders.wasm oci://ghcr.io/team/orders:1.0
  wasm-sink push build/orders.wasm oci://localhost:5000/orders:dev

Prints where the component is by its digest, which no other component has: that is what to write into
pipeline.toml. Any OCI registry will do. Credentials are those of `docker login`, or of its helpers
($DOCKER_CONFIG or ~/.docker). Registries on this machine itself are asked without TLS.";

/// Arguments of `push`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PushArgs {
    /// The component
    #[arg(value_name = "FILE")]
    component: PathBuf,
    /// The registry, the name and the tag
    #[arg(value_name = "oci://REGISTRY/NAME:TAG")]
    reference: Reference,
}

pub(super) async fn execute(args: &PushArgs, terminal: &Terminal) -> Exit {
    match push(args).await {
        Ok((pinned, size)) => {
            terminal.note(&format!(
                "pushed {}, {}\n",
                args.reference,
                bytes(size as f64)
            ));
            terminal.result(&format!("{pinned}\n"));
            Exit::Success
        }
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

/// Where it is by its digest, and its bytes.
async fn push(args: &PushArgs) -> Result<(Reference, usize)> {
    let path = args.component.display();
    let wasm = std::fs::read(&args.component).map_err(|error| {
        let message = format!("cannot read {path}");
        Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
    })?;
    let size = wasm.len();
    let pinned = oci::push(wasm, &args.reference).await;
    let pinned = pinned.map_err(|error| error.context(format!("component `{path}`")))?;
    Ok((pinned, size))
}
