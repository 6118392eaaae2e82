//! Which imports there are, and how they are linked: those that a component has, no others.

use std::collections::{BTreeMap, BTreeSet};

use wasm_sink_core::error::{Blame, Error, Kind, Result};
use wasm_sink_core::guest::{Guest, HasGuest, wit};
use wasmtime::component::{HasSelf, Linker};

use super::bindings::{dead_letters, epoch, log};
use super::state::State;
use super::surface::Imports;
use super::wasi;

/// Links the host's side of a capability. Functions that are generic over what a store holds fit.
pub type Link = fn(&mut Linker<State>) -> wasmtime::Result<()>;

/// The interfaces of WASI 0.2 that are linked, as package and interface.
pub(super) const WASI_INTERFACES: [(&str, &str); 27] = [
    ("cli", "environment"),
    ("cli", "exit"),
    ("cli", "stderr"),
    ("cli", "stdin"),
    ("cli", "stdout"),
    ("cli", "terminal-input"),
    ("cli", "terminal-output"),
    ("cli", "terminal-stderr"),
    ("cli", "terminal-stdin"),
    ("cli", "terminal-stdout"),
    ("clocks", "monotonic-clock"),
    ("clocks", "wall-clock"),
    ("filesystem", "preopens"),
    ("filesystem", "types"),
    ("io", "error"),
    ("io", "poll"),
    ("io", "streams"),
    ("random", "insecure"),
    ("random", "insecure-seed"),
    ("random", "random"),
    ("sockets", "instance-network"),
    ("sockets", "ip-name-lookup"),
    ("sockets", "network"),
    ("sockets", "tcp"),
    ("sockets", "tcp-create-socket"),
    ("sockets", "udp"),
    ("sockets", "udp-create-socket"),
];

/// Whether this build can link a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Yes.
    Built,
    /// There is one of that name, behind a Cargo feature that is off.
    LeftOut,
    /// There is none of that name.
    Unknown,
}

/// The capabilities that components can import.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    /// Names of all connectors, built in or not.
    pub known: &'static [&'static str],
    /// Names of the connectors that there are, if only as sources.
    pub connectors: BTreeSet<&'static str>,
    /// By the name of their connector.
    pub links: BTreeMap<&'static str, Link>,
}

impl Capabilities {
    pub(super) fn presence(&self, name: &str) -> Presence {
        if self.links.contains_key(name) {
            Presence::Built
        } else if self.known.contains(&name) && !self.connectors.contains(name) {
            Presence::LeftOut
        } else {
            Presence::Unknown
        }
    }
}

/// A linker with what a component imports.
///
/// # Errors
/// A capability clashes with another: a fault of this build.
pub(super) fn linker(
    engine: &wasmtime::Engine,
    imports: &Imports,
    capabilities: &Capabilities,
) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    link(&mut linker, imports, capabilities).map_err(|error| {
        Error::new(
            Kind::Other,
            Blame::Host,
            "the component's imports could not be linked",
        )
        .with_source(error)
    })?;
    Ok(linker)
}

fn link(
    linker: &mut Linker<State>,
    imports: &Imports,
    capabilities: &Capabilities,
) -> wasmtime::Result<()> {
    for interface in &imports.sink {
        match interface.as_str() {
            "types" => wit::add_to_linker::<State, HasSelf<Guest>>(linker, HasGuest::guest)?,
            "epoch" => epoch::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?,
            "dead-letters" => {
                dead_letters::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
            }
            "log" => log::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?,
            other => {
                return Err(wasmtime::Error::msg(format!(
                    "`wasm-sink:sink/{other}` is known and not linked"
                )));
            }
        }
    }
    for capability in &imports.capabilities {
        if let Some(link) = capabilities.links.get(capability.as_str()) {
            link(linker)?;
        }
    }
    if imports.wasi {
        wasi::link(linker)?;
    }
    Ok(())
}
