//! Every connector that there is: one line each. The word is the Cargo feature, the crate, the WIT
//! package and the `type` in pipeline.toml.

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
    /// The WIT of `wasm-sink:<name>`, which components can import; None: there is none.
    pub capability: Option<&'static str>,
    /// Whether its connections take dead letters.
    pub has_dead_letters: bool,
}

connectors! {
    "delta" wasm_sink_delta: connection capability;
    "duckdb" wasm_sink_duckdb: connection source capability;
    "files" wasm_sink_files: source;
    "generator" wasm_sink_generator: source;
    "http" wasm_sink_http: connection capability;
    "kafka" wasm_sink_kafka: connection source capability dead_letters;
    "postgres" wasm_sink_postgres: connection source capability;
    "stdin" wasm_sink_stdin: source;
}

/// The connector of a name, if this build has it.
pub fn find(name: &str) -> Option<&'static Connector> {
    BUILT.iter().find(|connector| connector.name == name)
}

/// From a line per connector: its word, its crate, and which of `connection`, `source` and
/// `capability` (as `link`) that crate has, and whether its connections take `dead_letters`.
macro_rules! connectors {
    ($($name:literal $krate:ident: $($offer:ident)+;)+) => {
        /// Names of all connectors that there are, built in or not.
        pub const KNOWN: &[&str] = &[$($name),+];

        /// The connectors of this build.
        pub const BUILT: &[Connector] = &[$(
            #[cfg(feature = $name)]
            {
                let mut connector = Connector {
                    name: $name,
                    connection: None,
                    source: None,
                    capability: None,
                    has_dead_letters: false,
                };
                $(offered!(connector, $krate, $offer);)+
                connector
            },
        )+];

        /// Links the capability `wasm-sink:<name>`; false where this build has none of that name.
        ///
        /// # Errors
        /// Only where the same capability is linked twice.
        pub fn link<T: HasGuest>(name: &str, linker: &mut Linker<T>) -> wasmtime::Result<bool> {
            match name {
                $(#[cfg(feature = $name)]
                $name => linked!(linker, $krate, $($offer)+),)+
                _ => Ok(false),
            }
        }
    };
}

macro_rules! offered {
    ($connector:ident, $krate:ident, connection) => {
        $connector.connection = Some($krate::connection);
    };
    ($connector:ident, $krate:ident, source) => {
        $connector.source = Some($krate::source);
    };
    ($connector:ident, $krate:ident, capability) => {
        $connector.capability = Some($krate::WIT);
    };
    ($connector:ident, $krate:ident, dead_letters) => {
        $connector.has_dead_letters = true;
    };
}

macro_rules! linked {
    ($linker:ident, $krate:ident, capability $($other:ident)*) => {
        $krate::link($linker).map(|()| true)
    };
    ($linker:ident, $krate:ident, $offer:ident $($other:ident)+) => {
        linked!($linker, $krate, $($other)+)
    };
    ($linker:ident, $krate:ident, $offer:ident) => {
        Ok(false)
    };
}

use {connectors, linked, offered};
