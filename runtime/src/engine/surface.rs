//! What a component imports and exports, read from its bytes before anything is compiled.

use std::collections::BTreeSet;

use wasm_sink_core::error::{Blame, Error, Kind, Result};
use wasmparser::{Encoding, Parser, Payload};

use super::contract::{CONTRACT, ContractVersion, InterfaceName};
use super::link::{Capabilities, Presence, WASI_INTERFACES};

/// The exported interface that makes a component a sink.
const SINK: &str = "wasm-sink:sink/sink";
/// Interfaces of `wasm-sink:sink` that a component can import.
const SINK_IMPORTS: [&str; 4] = ["types", "epoch", "dead-letters", "log"];

/// The names at the top level of a component.
#[derive(Debug, Default)]
pub struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// What has to be linked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Imports {
    /// Interfaces of `wasm-sink:sink`.
    pub(super) sink: BTreeSet<String>,
    /// Capabilities, by the one word of their connector.
    pub(super) capabilities: BTreeSet<String>,
    /// Whether there is any WASI interface.
    pub(super) wasi: bool,
}

fn refusal(blame: Blame, message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, blame, message)
}

impl Surface {
    /// What it imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// What it exports.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// Reads the names of the outermost component.
    ///
    /// # Errors
    /// The bytes are no component, or end too soon.
    pub(super) fn read(wasm: &[u8]) -> Result<Self> {
        if !wasm.starts_with(b"\0asm") {
            return Err(refusal(
                Blame::Configuration,
                "this is not WebAssembly: name the .wasm file that the component's build made",
            ));
        }
        let mut surface = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|error| malformed(&error, wasm.len()))?;
            match payload {
                Payload::Version {
                    encoding: Encoding::Module,
                    ..
                } if depth == 0 => {
                    return Err(refusal(
                        Blame::Configuration,
                        "this is a core module, and a component is needed: build with \
                         `--target wasm32-wasip2`, or wrap it with `wasm-tools component new`",
                    ));
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import.map_err(|error| malformed(&error, wasm.len()))?;
                        surface.imports.push(import.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        let export = export.map_err(|error| malformed(&error, wasm.len()))?;
                        surface.exports.push(export.name.name.to_owned());
                    }
                }
                Payload::UnknownSection { id, .. } => {
                    return Err(refusal(
                        Blame::Component,
                        format!("this is not a valid component: nobody knows section {id}"),
                    ));
                }
                _ => {}
            }
        }
        Ok(surface)
    }

    /// Reads those of a sink, whatever capabilities it asks for.
    ///
    /// # Errors
    /// As [`Surface::read`]; and where it is no sink, or made for another contract.
    pub(crate) fn of_sink(wasm: &[u8]) -> Result<Self> {
        let surface = Self::read(wasm)?;
        surface.check_versions()?;
        surface.check_exports()?;
        Ok(surface)
    }

    /// Compares the names with what this host knows.
    ///
    /// # Errors
    /// The component was made for another contract, is no sink, or asks for what this build lacks.
    pub(super) fn check(&self, capabilities: &Capabilities) -> Result<Imports> {
        self.check_versions()?;
        self.check_exports()?;
        let mut imports = Imports::default();
        for import in &self.imports {
            match InterfaceName::parse(import) {
                Some(name) if name.namespace == "wasm-sink" => {
                    check_contract_import(&name, capabilities, &mut imports)?;
                }
                Some(name) if name.namespace == "wasi" => {
                    check_wasi_import(import, &name)?;
                    imports.wasi = true;
                }
                _ => {
                    return Err(refusal(
                        Blame::Component,
                        format!(
                            "it imports `{import}`, which is neither of the contract (`wasm-sink:*`) \
                             nor WASI 0.2: link that into the component"
                        ),
                    ));
                }
            }
        }
        Ok(imports)
    }

    /// All packages of the contract share one version, so every name tells it.
    fn check_versions(&self) -> Result<()> {
        for text in self.imports.iter().chain(&self.exports) {
            let Some(name) = InterfaceName::parse(text) else {
                continue;
            };
            if name.namespace != "wasm-sink" {
                continue;
            }
            let built_for: Option<ContractVersion> =
                name.version.and_then(|version| version.parse().ok());
            let Some(built_for) = built_for else {
                return Err(refusal(
                    Blame::Component,
                    format!(
                        "it names `{text}` without a released version of the contract; \
                         this wasm-sink speaks contract {CONTRACT}: rebuild it with an SDK for that"
                    ),
                ));
            };
            if !CONTRACT.runs(built_for) {
                let help = if built_for > CONTRACT {
                    "update wasm-sink, or rebuild the component with an older SDK: `wasm-sink build` of this version \
                     in the sink's folder has the one that fits"
                } else {
                    "rebuild the component with a newer SDK: `wasm-sink build` in the sink's folder has the one that \
                     fits"
                };
                return Err(refusal(
                    Blame::Component,
                    format!(
                        "it was built for contract {built_for} (`{text}`), and this wasm-sink \
                         speaks contract {CONTRACT}: {help}"
                    ),
                ));
            }
        }
        Ok(())
    }

    fn check_exports(&self) -> Result<()> {
        let mut is_sink = false;
        for export in &self.exports {
            let Some(name) = InterfaceName::parse(export) else {
                continue;
            };
            match (name.namespace, name.package, name.interface) {
                ("wasm-sink", "sink", "sink") => is_sink = true,
                // Never called, a hook would look as if it were.
                ("wasm-sink", ..) => {
                    return Err(refusal(
                        Blame::Component,
                        format!(
                            "it exports `{export}`, a hook that contract {CONTRACT} does not have: \
                             update wasm-sink, or leave it out"
                        ),
                    ));
                }
                _ => {}
            }
        }
        if is_sink {
            return Ok(());
        }
        let exports = match self.exports.as_slice() {
            [] => "it exports nothing".to_owned(),
            exports => format!("it exports {}", quoted(exports)),
        };
        Err(refusal(
            Blame::Configuration,
            format!("this component is no sink: `{SINK}@{CONTRACT}` is missing, and {exports}"),
        ))
    }
}

fn check_contract_import(
    name: &InterfaceName<'_>,
    capabilities: &Capabilities,
    imports: &mut Imports,
) -> Result<()> {
    let InterfaceName {
        package, interface, ..
    } = *name;
    if package == "sink" {
        if !SINK_IMPORTS.contains(&interface) {
            return Err(refusal(
                Blame::Component,
                format!(
                    "it imports `wasm-sink:sink/{interface}`, which contract {CONTRACT} does not \
                     have: update wasm-sink, or rebuild the component with an older SDK"
                ),
            ));
        }
        imports.sink.insert(interface.to_owned());
        return Ok(());
    }
    match capabilities.presence(package) {
        Presence::Built => {
            imports.capabilities.insert(package.to_owned());
            Ok(())
        }
        Presence::LeftOut => Err(refusal(
            Blame::Configuration,
            format!(
                "it imports the capability `wasm-sink:{package}`, and this wasm-sink was built \
                 without it: build with `cargo build --features {package}`"
            ),
        )),
        Presence::Unknown => Err(refusal(
            Blame::Component,
            format!(
                "it imports `wasm-sink:{package}`, and this version has no such capability; \
                 it has {}",
                match capabilities.links.keys().collect::<Vec<_>>().as_slice() {
                    [] => "none".to_owned(),
                    built => quoted(built),
                }
            ),
        )),
    }
}

fn check_wasi_import(import: &str, name: &InterfaceName<'_>) -> Result<()> {
    let is_0_2 = name
        .version
        .is_some_and(|version| version == "0.2" || version.starts_with("0.2."));
    if !is_0_2 {
        return Err(refusal(
            Blame::Component,
            format!(
                "it imports `{import}`, and components get WASI 0.2: build with \
                 `--target wasm32-wasip2`"
            ),
        ));
    }
    if !WASI_INTERFACES.contains(&(name.package, name.interface)) {
        return Err(refusal(
            Blame::Component,
            format!(
                "it imports `{import}`, which components don't get: they reach the world through \
                 capabilities of the contract alone"
            ),
        ));
    }
    Ok(())
}

fn malformed(error: &wasmparser::BinaryReaderError, bytes: usize) -> Error {
    // What the parser says where bytes are missing; it has no code for it.
    if error.message().contains("unexpected end") {
        return refusal(
            Blame::Configuration,
            format!("the file is truncated after {bytes} bytes: build or download it again"),
        );
    }
    refusal(
        Blame::Component,
        format!(
            "this is not a valid component: {} at byte {}",
            error.message(),
            error.offset()
        ),
    )
}

fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    names.join(", ")
}
