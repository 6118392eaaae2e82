//! Which pipelines are meant, and what is wrong with any of them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::cli::terminal::Terminal;
use crate::cli::{Exit, load as load_one};
use crate::config::Pipeline;

/// Reads all of them. Whatever is wrong with any is printed, and none is left out.
pub(super) fn load(given: &[PathBuf], terminal: &Terminal) -> Result<Vec<Pipeline>, Exit> {
    let files = files(given).map_err(|error| {
        terminal.error(&error);
        Exit::Misconfigured
    })?;
    let loaded: Vec<_> = files.iter().map(|file| load_one(file, terminal)).collect();
    let pipelines = loaded.into_iter().collect::<Result<Vec<_>, _>>()?;
    apart(&files, &pipelines).map_err(|error| {
        terminal.error(&error);
        Exit::Misconfigured
    })?;
    Ok(pipelines)
}

pub(super) fn wrong(message: String) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

/// Folders are what is in them, in the order of the names.
fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = within(path).map_err(|error| {
            wrong(format!("the folder {} cannot be read", path.display())).with_source(error)
        })?;
        if found.is_empty() {
            let message = format!("there is no .toml file in the folder {}", path.display());
            return Err(wrong(message));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

fn within(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_toml = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        if is_toml && !is_hidden && path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Positions are kept under a pipeline's name, and what a process keeps on its disk in its state directory: two
/// pipelines that share either would take each other's for their own.
fn apart(files: &[PathBuf], pipelines: &[Pipeline]) -> Result<()> {
    let mut names = BTreeMap::new();
    let mut folders = BTreeMap::new();
    for (file, pipeline) in files.iter().zip(pipelines) {
        let name = pipeline.name.as_str();
        if let Some(other) = names.insert(name, file) {
            return Err(wrong(format!(
                "{} and {} have the same name, \"{name}\": positions are kept under it, so each needs its own",
                other.display(),
                file.display()
            )));
        }
        if let Some(other) = folders.insert(&pipeline.state_dir, file) {
            return Err(wrong(format!(
                "{} and {} have the same state_dir, {}: each needs its own",
                other.display(),
                file.display(),
                pipeline.state_dir.display()
            )));
        }
    }
    Ok(())
}
