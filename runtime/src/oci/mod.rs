//! Components in OCI registries: pushed by tag, run by digest, and kept on this machine once they were fetched.
//!
//! A digest names what is in a component, whoever stores it on the way. What does not have it is not used, be it from
//! a registry or from this machine.

mod artifact;
mod client;
mod store;

use std::path::{Path, PathBuf};

use wasm_sink_core::error::{Blame, Error, Kind, Result};

use crate::config::Reference;
use crate::engine::{Engine, Loaded, Surface};

use artifact::Artifact;
use client::Client;
use store::Store;

/// A component that was in a registry.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Its bytes.
    pub(crate) wasm: Vec<u8>,
    /// Where they are kept on this machine; None where nothing is kept.
    pub(crate) path: Option<PathBuf>,
    /// The same with the digest that was found.
    pub(crate) pinned: Reference,
}

impl Fetched {
    /// Makes it ready to run, by the name that it was found under. Blocks while it is compiled.
    ///
    /// # Errors
    /// It cannot run here.
    pub(crate) fn load(&self, engine: &Engine, cache: Option<&Path>) -> Result<Loaded> {
        let name = self.pinned.to_string();
        match &self.path {
            Some(path) => engine.load_kept(&name, &self.wasm, path, cache),
            None => engine.load(&name, &self.wasm, cache),
        }
    }
}

/// Takes a component from this machine, or from its registry. `max_bytes`: what a component may have.
///
/// # Errors
/// The registry is away, does not let us in, or has no such component; or what it has is not what the digest names.
pub(crate) async fn fetch(reference: &Reference, max_bytes: u64) -> Result<Fetched> {
    let store = Store::of_user();
    if let Some(digest) = reference.digest()
        && let Some((wasm, path)) = store.as_ref().and_then(|store| store.find(digest))
    {
        return Ok(Fetched {
            wasm,
            path: Some(path),
            pinned: reference.clone(),
        });
    }
    let artifact = Client::of(reference)?.pull(reference, max_bytes).await?;
    let pinned = reference.pinned(&artifact.digest());
    if reference.digest().is_none() {
        tracing::warn!(
            "{reference} is whatever its registry has under that tag now; to run this one and no other, write \
             component = \"{pinned}\""
        );
    }
    let path = store.and_then(|store| {
        let kept = store.keep(&artifact);
        kept.inspect_err(|error| tracing::warn!("what was fetched is not kept: {error}"))
            .ok()
    });
    Ok(Fetched {
        wasm: artifact.wasm,
        path,
        pinned,
    })
}

/// The same for whoever may block, on a thread and a runtime of its own.
///
/// # Errors
/// As of [`fetch`].
pub(crate) fn fetch_blocking(reference: &Reference, max_bytes: u64) -> Result<Fetched> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| {
            let message = "a component could not be fetched";
            Error::new(Kind::Other, Blame::Host, message).with_source(error)
        })?;
        runtime.block_on(fetch(reference, max_bytes))
    };
    let fetched = std::thread::scope(|scope| scope.spawn(run).join());
    fetched.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Puts a component into a registry; where it is, by its digest. The same component has the same digest, whenever it is
/// pushed.
///
/// # Errors
/// It is no sink; the registry is away, or does not let us in.
pub(crate) async fn push(wasm: Vec<u8>, reference: &Reference) -> Result<Reference> {
    if reference.digest().is_some() {
        let message = format!(
            "a component is pushed under a tag, and has its digest afterwards: {reference}"
        );
        return Err(Error::new(Kind::Invalid, Blame::Configuration, message));
    }
    let surface = Surface::of_sink(&wasm)?;
    let artifact = Artifact::of(wasm, surface.imports(), surface.exports());
    Client::of(reference)?.push(&artifact, reference).await?;
    Ok(reference.pinned(&artifact.digest()))
}
