//! Every connector that there is: one line each. The word is the Cargo feature, the crate, the WIT
//! package and the `type` in pipeline.toml.

use std::fmt;
use std::sync::{Arc, LazyLock};

use wasm_sink_core::connection::ConnectionSpec;
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::SourceSpec;

use crate::engine::{Capabilities, Link};

/// How a connector reads its `[connections.<label>]`; None where it reported problems.
pub type ReadConnection =
    Arc<dyn Fn(&Table, &mut Vec<Problem>) -> Option<Box<dyn ConnectionSpec>> + Send + Sync>;
/// How a connector reads its `[source]`; None where it reported problems.
pub type ReadSource =
    Arc<dyn Fn(&Table, &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> + Send + Sync>;

/// What one connector offers.
#[derive(Clone)]
pub struct Connector {
    /// The one word.
    pub name: &'static str,
    /// None: it has no `[connections]` of its own.
    pub connection: Option<ReadConnection>,
    /// None: it is no source.
    pub source: Option<ReadSource>,
    /// What components can import of it; None: nothing.
    pub capability: Option<Capability>,
    /// Whether its connections take dead letters.
    pub has_dead_letters: bool,
}

/// A capability: `wasm-sink:<name>/<name>`.
#[derive(Clone, Copy, Debug)]
pub struct Capability {
    /// Its contract, a WIT package.
    pub wit: &'static str,
    /// The host's side of it.
    pub link: Link,
}

impl Connector {
    /// One that offers nothing yet.
    #[must_use]
    pub fn named(name: &'static str) -> Self {
        Self {
            name,
            connection: None,
            source: None,
            capability: None,
            has_dead_letters: false,
        }
    }

    /// `[connections.<label>]` with `type = "<name>"`.
    #[must_use]
    pub fn with_connection<F>(self, read: F) -> Self
    where
        F: Fn(&Table, &mut Vec<Problem>) -> Option<Box<dyn ConnectionSpec>> + Send + Sync + 'static,
    {
        let connection: ReadConnection = Arc::new(read);
        Self {
            connection: Some(connection),
            ..self
        }
    }

    /// `[source]`: with `type = "<name>"`, or with a connection of this connector, if it has any.
    #[must_use]
    pub fn with_source<F>(self, read: F) -> Self
    where
        F: Fn(&Table, &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> + Send + Sync + 'static,
    {
        let source: ReadSource = Arc::new(read);
        Self {
            source: Some(source),
            ..self
        }
    }

    /// What components can import. `link` is generic over what a store holds, as bindings are that
    /// `wasmtime::component::bindgen!` makes with [`HasGuest`](wasm_sink_core::guest::HasGuest): examples/embedding has
    /// one.
    #[must_use]
    pub fn with_capability(self, wit: &'static str, link: Link) -> Self {
        Self {
            capability: Some(Capability { wit, link }),
            ..self
        }
    }

    /// Its connections take dead letters.
    #[must_use]
    pub fn with_dead_letters(self) -> Self {
        Self {
            has_dead_letters: true,
            ..self
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("name", &self.name)
            .field("connection", &self.connection.is_some())
            .field("source", &self.source.is_some())
            .field("capability", &self.capability.is_some())
            .field("has_dead_letters", &self.has_dead_letters)
            .finish()
    }
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

/// What components can import, by connector.
pub fn capabilities(connectors: &[Connector]) -> Capabilities {
    Capabilities {
        known: KNOWN,
        connectors: connectors.iter().map(|connector| connector.name).collect(),
        links: connectors
            .iter()
            .filter_map(|connector| Some((connector.name, connector.capability?.link)))
            .collect(),
    }
}

/// From a line per connector: its word, its crate, and which of `connection`, `source` and
/// `capability` (with `link`) that crate has, and whether its connections take `dead_letters`.
macro_rules! connectors {
    ($($name:literal $krate:ident: $($offer:ident)+;)+) => {
        /// Names of all connectors that there are, built in or not.
        pub const KNOWN: &[&str] = &[$($name),+];

        /// The connectors of this build.
        pub static BUILT: LazyLock<Vec<Connector>> = LazyLock::new(|| Vec::from([$(
            #[cfg(feature = $name)]
            {
                let connector = Connector::named($name);
                $(let connector = offered!(connector, $krate, $offer);)+
                connector
            },
        )+]));
    };
}

macro_rules! offered {
    ($connector:ident, $krate:ident, connection) => {
        $connector.with_connection($krate::connection)
    };
    ($connector:ident, $krate:ident, source) => {
        $connector.with_source($krate::source)
    };
    ($connector:ident, $krate:ident, capability) => {
        $connector.with_capability($krate::WIT, $krate::link)
    };
    ($connector:ident, $krate:ident, dead_letters) => {
        $connector.with_dead_letters()
    };
}

use {connectors, offered};
