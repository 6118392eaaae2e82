//! From bytes to a component that can be started, or to the reason why not.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasm_sink_core::error::{Blame, Context, Error, Kind, Result};

use super::bindings::SinkComponentPre;
use super::cache::{self, Compiled};
use super::contract::CONTRACT;
use super::state::State;
use super::surface::{Imports, Surface};
use super::{Engine, link};

/// A component that this host can run, without configuration or grants.
#[derive(Clone)]
pub struct Loaded(Arc<Inner>);

/// Where the bytes of a component are, should they be needed once more.
#[derive(Clone, Debug)]
enum Origin {
    BuiltIn(&'static [u8]),
    File(PathBuf),
    Elsewhere,
}

struct Inner {
    name: Arc<str>,
    origin: Origin,
    compiled: Compiled,
    code: Arc<Code>,
}

/// What the same bytes are, whoever calls them what.
pub(super) struct Code {
    pub(super) hash: String,
    bytes: u64,
    surface: Surface,
    imports: Imports,
    engine: wasmtime::Engine,
    pre: SinkComponentPre<State>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("name", &self.0.name)
            .field("hash", &self.0.code.hash)
            .field("imports", &self.0.code.imports)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Loads a component from a file. Blocks while it is compiled.
    ///
    /// # Errors
    /// As [`Engine::load`]; and where the file cannot be read.
    pub fn load_file(&self, path: &Path, cache: Option<&Path>) -> Result<Loaded> {
        let name = path.display().to_string();
        let wasm = self.read(path).context(|| format!("component `{name}`"))?;
        self.load_from(&name, &wasm, Origin::File(path.to_owned()), cache)
    }

    /// Loads a component that is part of this build. Blocks while it is compiled.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn load_builtin(
        &self,
        name: &str,
        wasm: &'static [u8],
        cache: Option<&Path>,
    ) -> Result<Loaded> {
        self.load_from(name, wasm, Origin::BuiltIn(wasm), cache)
    }

    /// Loads a component from its bytes, which stand in a file as well. Blocks while it is compiled.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub(crate) fn load_kept(
        &self,
        name: &str,
        wasm: &[u8],
        path: &Path,
        cache: Option<&Path>,
    ) -> Result<Loaded> {
        self.load_from(name, wasm, Origin::File(path.to_owned()), cache)
    }

    /// The largest component that is loaded.
    pub(crate) fn max_component_bytes(&self) -> u64 {
        self.settings.max_component_bytes
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let unreadable = |error| {
            Error::new(
                Kind::Invalid,
                Blame::Configuration,
                "the file cannot be read; `[sink] component` names it, relative to pipeline.toml",
            )
            .with_source(error)
        };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                "this is a directory: name the .wasm file in it",
            ));
        }
        self.check_size(metadata.len())?;
        fs::read(path).map_err(unreadable)
    }

    fn check_size(&self, bytes: u64) -> Result<()> {
        let limit = self.settings.max_component_bytes;
        if bytes > limit {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                format!(
                    "it has {bytes} bytes, and the largest that is loaded has {limit}: strip its \
                     debug information (`wasm-tools strip`)"
                ),
            ));
        }
        Ok(())
    }

    /// Loads a component from its bytes; `name` is what the user calls it. Compiled code is kept in
    /// the directory `cache`, which is made, and must be ours alone. Blocks while it is compiled:
    /// milliseconds for a built-in component, seconds for a large one.
    ///
    /// # Errors
    /// It is too large, truncated, no component, no sink, made for another contract, or imports
    /// what this build does not have.
    pub fn load(&self, name: &str, wasm: &[u8], cache: Option<&Path>) -> Result<Loaded> {
        self.load_from(name, wasm, Origin::Elsewhere, cache)
    }

    fn load_from(
        &self,
        name: &str,
        wasm: &[u8],
        origin: Origin,
        cache: Option<&Path>,
    ) -> Result<Loaded> {
        self.load_unnamed(name, wasm, origin, cache)
            .context(|| format!("component `{name}`"))
    }

    fn load_unnamed(
        &self,
        name: &str,
        wasm: &[u8],
        origin: Origin,
        cache: Option<&Path>,
    ) -> Result<Loaded> {
        self.check_size(wasm.len() as u64)?;
        let hash = cache::hex(&Sha256::digest(wasm));
        let (code, compiled) = match self.known.find(&hash) {
            Some(code) => (code, Compiled::BEFORE),
            None => {
                let (code, compiled) = self.compile(wasm, hash, cache)?;
                (self.known.add(code), compiled)
            }
        };
        tracing::debug!(
            component = name,
            hash = code.hash,
            from_cache = compiled.from_cache,
            elapsed_ms = compiled.elapsed.as_millis() as u64,
            "a component is loaded"
        );
        Ok(Loaded(Arc::new(Inner {
            name: name.into(),
            origin,
            compiled,
            code,
        })))
    }

    fn compile(&self, wasm: &[u8], hash: String, cache: Option<&Path>) -> Result<(Code, Compiled)> {
        let surface = Surface::read(wasm)?;
        let imports = surface.check(&self.capabilities)?;
        let (component, compiled) = cache::compile(&self.wasmtime, wasm, &hash, cache)?;
        let linker = link::linker(&self.wasmtime, &imports, &self.capabilities)?;
        let pre = linker
            .instantiate_pre(&component)
            .and_then(SinkComponentPre::new)
            .map_err(|error| {
                Error::new(
                    Kind::Invalid,
                    Blame::Component,
                    format!(
                        "it names contract {CONTRACT} and differs from it: rebuild it with the SDK"
                    ),
                )
                .with_source(error)
            })?;
        let code = Code {
            hash,
            bytes: wasm.len() as u64,
            surface,
            imports,
            engine: self.wasmtime.clone(),
            pre,
        };
        Ok((code, compiled))
    }
}

impl Loaded {
    /// What the user calls it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// SHA-256 of its bytes, as hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.0.code.hash
    }

    /// Its bytes, where they can still be found.
    pub fn wasm(&self) -> Option<Vec<u8>> {
        let wasm = match &self.0.origin {
            Origin::BuiltIn(wasm) => wasm.to_vec(),
            Origin::File(path) => fs::read(path).ok()?,
            Origin::Elsewhere => return None,
        };
        (cache::hex(&Sha256::digest(&wasm)) == self.0.code.hash).then_some(wasm)
    }

    /// The capabilities that it imports, by the one word of their connector.
    pub fn capabilities(&self) -> &BTreeSet<String> {
        &self.0.code.imports.capabilities
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.0.code.bytes
    }

    /// The names of what it imports and exports.
    pub fn surface(&self) -> &Surface {
        &self.0.code.surface
    }

    /// The version of the contract that it was built for.
    pub fn built_for(&self) -> String {
        let exports = self.0.code.surface.exports().iter();
        let mut versions = exports.filter_map(|name| name.rsplit_once('@'));
        versions
            .next()
            .map(|(_, version)| version.to_owned())
            .unwrap_or_default()
    }

    /// How it came to be runnable.
    pub fn compiled(&self) -> Compiled {
        self.0.compiled
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.0.name)
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        &self.0.code.engine
    }

    pub(super) fn pre(&self) -> &SinkComponentPre<State> {
        &self.0.code.pre
    }
}
