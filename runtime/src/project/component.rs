//! A component from a core module, for compilers that make no more than that.

use std::fmt::Display;

use wasm_encoder::{Module, RawSection};
use wasm_sink_core::{Blame, Error, Kind, Result};
use wasmparser::{BinaryReaderError, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

use super::Project;
use super::tools::failure;
use crate::contract;

/// What such compilers believe to run on.
const WASI: &str = "wasi_snapshot_preview1";
/// Takes its place.
const ADAPTER: &str = include_str!("../../../sdk/adapter/wasi.wat");
/// What the adapter may do.
const ADAPTER_WORLD: &str =
    "package my:adapter;\nworld adapter { import wasm-sink:sink/log@0.1.0; }\n";

/// Makes the component of a core module that was compiled against the bindings of an SDK. It imports what it uses,
/// and may use what `sink.toml` names.
///
/// # Errors
/// It uses what is not named, or is no module of this contract.
pub(super) fn of_module(project: &Project, module: &[u8]) -> Result<Vec<u8>> {
    let mut module = without_debug(module).map_err(|error| not_made(project, &error))?;
    let mut resolve = Resolve::default();
    let path = project.build_folder().join("wit");
    let (package, _) = resolve
        .push_dir(&path)
        .map_err(|error| ours("the contract", error))?;
    let world = world(&resolve, package, contract::WORLD)?;
    let adapter_package = resolve
        .push_str("adapter.wit", ADAPTER_WORLD)
        .map_err(|error| ours("the adapter's world", error))?;
    let adapter_world = self::world(&resolve, adapter_package, "adapter")?;

    let mut adapter = wat::parse_str(ADAPTER).map_err(|error| ours("the adapter", error))?;
    embed_component_metadata(&mut adapter, &resolve, adapter_world, StringEncoding::UTF8)
        .map_err(|error| ours("the adapter", error))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| not_made(project, &error))?;
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.adapter(WASI, &adapter))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| not_made(project, &error))
}

/// Leaves out what debuggers read (DWARF, a megabyte of it) and keeps the names of functions, which traps show.
fn without_debug(module: &[u8]) -> std::result::Result<Vec<u8>, BinaryReaderError> {
    let mut kept = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::CustomSection(custom) = &payload
            && custom.name().starts_with(".debug_")
        {
            continue;
        }
        if let Some((id, range)) = payload.as_section()
            && let Some(data) = module.get(range)
        {
            kept.section(&RawSection { id, data });
        }
    }
    Ok(kept.finish())
}

fn world(resolve: &Resolve, package: wit_parser::PackageId, name: &str) -> Result<WorldId> {
    let world = resolve.select_world(&[package], Some(name));
    world.map_err(|error| ours("the world", error))
}

fn ours(what: &str, error: impl Display) -> Error {
    let message = format!("{what} of this binary is broken: {error:#}");
    Error::new(Kind::Other, Blame::Host, message)
}

/// What the tool says, and before it what is mostly meant.
fn not_made(project: &Project, error: &impl Display) -> Error {
    let told = format!("{error:#}");
    let forgotten = contract::capabilities().find(|connector| {
        let is_named = project
            .settings
            .capabilities
            .iter()
            .any(|named| named.name == connector.name);
        !is_named && told.contains(&format!("wasm-sink:{0}/{0}@", connector.name))
    });
    failure(match forgotten {
        Some(connector) => format!(
            "the sink uses `{0}`, which sink.toml does not name: write \"{0}\" into its capabilities",
            connector.name
        ),
        None => format!("no component can be made of what was compiled: {told}"),
    })
}
