//! Every connector of this build: one line each. The word is the Cargo feature, the crate, the
//! WIT package and the `type` in pipeline.toml.

use wasm_sink_core::connection::ConnectionSpec;
use wasm_sink_core::guest::HasGuest;
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::SourceSpec;
use wasmtime::component::Linker;

/// How a connector reads its `[connections.<label>]`; None where it reported problems.
pub type ReadConnection = fn(&Table, &mut Vec<Problem>) -> Option<Box<dyn ConnectionSpec>>;
/// How a connector reads its `[source]`; None where it reported problems.
pub type ReadSource = fn(&Table, &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>>;

/// What one connector offers.
#[derive(Clone, Copy, Debug)]
pub struct Connector {
    /// The one word.
    pub name: &'static str,
    /// None: it has no `[connections]` of its own.
    pub connection: Option<ReadConnection>,
    /// None: it is no source.
    pub source: Option<ReadSource>,
    /// Whether components can import `wasm-sink:<name>`.
    pub has_capability: bool,
}

/// Names of all connectors that there are, built in or not.
pub const KNOWN: &[&str] = &["delta", "files", "generator", "stdin"];

/// The connectors of this build.
pub const BUILT: &[Connector] = &[
    #[cfg(feature = "delta")]
    Connector {
        name: "delta",
        connection: Some(wasm_sink_delta::connection),
        source: None,
        has_capability: true,
    },
    #[cfg(feature = "files")]
    Connector {
        name: "files",
        connection: None,
        source: Some(wasm_sink_files::source),
        has_capability: false,
    },
    #[cfg(feature = "generator")]
    Connector {
        name: "generator",
        connection: None,
        source: Some(wasm_sink_generator::source),
        has_capability: false,
    },
    #[cfg(feature = "stdin")]
    Connector {
        name: "stdin",
        connection: None,
        source: Some(wasm_sink_stdin::source),
        has_capability: false,
    },
];

/// The connector of a name, if this build has it.
pub fn find(name: &str) -> Option<&'static Connector> {
    BUILT.iter().find(|connector| connector.name == name)
}

/// Links the capability `wasm-sink:<name>`; false where this build has none of that name.
///
/// # Errors
/// Only where the same capability is linked twice.
#[cfg_attr(
    not(feature = "delta"),
    allow(unused_variables, reason = "nothing to link")
)]
pub fn link<T: HasGuest>(name: &str, linker: &mut Linker<T>) -> wasmtime::Result<bool> {
    match name {
        #[cfg(feature = "delta")]
        "delta" => wasm_sink_delta::link(linker).map(|()| true),
        _ => Ok(false),
    }
}
