//! A sink author's project: a folder with `sink.toml`, the source of a component, and what it is built with.
//!
//! `new` writes one, `build` makes the component. All that is ours, the contract and the SDK, is in the binary and
//! written into the project's `build` folder, each time anew, so that it fits the host; the compiler is the user's.

mod calls;
mod component;
mod files;
mod language;
mod sink_toml;
mod sources;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasm_sink_core::Result;

use crate::config::Diagnostics;

pub use language::{LANGUAGES, Language};
pub use sink_toml::{ProjectName, SinkToml};
pub use sources::Sources;
pub use tools::Watcher;

/// What a project is recognised by.
pub const SINK_TOML: &str = "sink.toml";
/// What can be deleted: all in it is made by `build`.
pub const BUILD: &str = "build";

/// Why there is no project.
#[derive(Debug)]
pub enum Unopened {
    /// There is no file to read.
    Unreadable(wasm_sink_core::Error),
    /// `sink.toml` has mistakes.
    Wrong(Diagnostics),
}

/// A project with a `sink.toml` that is right.
#[derive(Debug)]
pub struct Project {
    /// Where `sink.toml` stands, absolute.
    pub root: PathBuf,
    /// What it says.
    pub settings: SinkToml,
}

/// A component that was built.
#[derive(Debug)]
pub struct Built {
    /// The component.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// From the start to the end.
    pub took: Duration,
}

impl Project {
    /// Reads `sink.toml` in a folder.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn open(root: &Path) -> std::result::Result<Self, Unopened> {
        let settings = sink_toml::load(&root.join(SINK_TOML))?;
        let root = root
            .canonicalize()
            .map_err(|error| Unopened::Unreadable(files::disk("find", root, error)))?;
        Ok(Self { root, settings })
    }

    /// Writes a new project into a folder that is not there, or is empty; the files that the user is to look at.
    ///
    /// # Errors
    /// Something is in the folder, or the disk refuses.
    pub fn create(
        root: &Path,
        name: &ProjectName,
        language: &'static Language,
    ) -> Result<Vec<PathBuf>> {
        let written = files::create(root, name, language)?;
        let settings =
            sink_toml::load(&root.join(SINK_TOML)).map_err(|unopened| match unopened {
                Unopened::Unreadable(error) => error,
                Unopened::Wrong(_) => files::broken_template(language),
            })?;
        let project = Self {
            root: root
                .canonicalize()
                .map_err(|error| files::disk("find", root, error))?,
            settings,
        };
        project.refresh()?;
        Ok(written)
    }

    /// Where everything is that `build` makes.
    pub fn build_folder(&self) -> PathBuf {
        self.root.join(BUILD)
    }

    /// Where the component will be.
    pub fn component(&self) -> PathBuf {
        self.build_folder()
            .join(format!("{}.wasm", self.settings.name))
    }

    /// Writes the contract and the SDK of this binary into the project; leaves what is the same untouched.
    fn refresh(&self) -> Result<()> {
        files::refresh(self)
    }

    /// Makes the component. Blocks.
    ///
    /// # Errors
    /// A tool is missing (the message says what to install), or the source does not compile (it shows what the
    /// compiler said).
    pub fn build(&self, watcher: &Arc<dyn Watcher>) -> Result<Built> {
        let begun = Instant::now();
        self.refresh()?;
        let tools = tools::Tools::new(&self.root, Arc::clone(watcher));
        let bytes = (self.settings.language.build)(self, &tools)?;
        let path = self.component();
        files::write_whole(&path, &bytes)?;
        Ok(Built {
            path,
            bytes: bytes.len() as u64,
            took: begun.elapsed(),
        })
    }
}
