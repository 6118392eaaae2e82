//! Reads pipeline.toml from disk.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasm_sink_core::settings::Problem;
use wasm_sink_core::{Blame, Error, Kind};

use super::changes::Written;
use super::codes::Code;
use super::diagnostics::{Diagnostics, SourceText};
use super::environment::{self, Filled, Lookup};
use super::parse::parse;
use super::registry::Registry;
use super::{Pipeline, sections};

/// A larger file is something else: data, say.
const MAX_BYTES: u64 = 4 << 20;

/// Why there is no pipeline.
#[derive(Debug)]
pub enum LoadError {
    /// The file could not be read.
    Unreadable(Error),
    /// It has mistakes.
    Wrong(Diagnostics),
}

/// Reads and checks a file. `lookup` reads the environment.
///
/// # Errors
/// All mistakes at once.
pub fn load(path: &Path, registry: &Registry, lookup: Lookup<'_>) -> Result<Pipeline, LoadError> {
    let bytes = read_bytes(path).map_err(LoadError::Unreadable)?;
    let name = path.display().to_string();
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // What is named by its path must have one name, however this file's own path was typed.
    let directory = directory.canonicalize().map_err(|error| {
        let message = format!("cannot find the folder of {}", path.display());
        let unreadable = Error::new(Kind::Invalid, Blame::Configuration, message);
        LoadError::Unreadable(unreadable.with_source(error))
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => read(name, text, directory, registry, lookup).map_err(LoadError::Wrong),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let file = SourceText::new(name, text, Filled::default());
            let problem = Problem {
                code: Code::NotUtf8.as_str(),
                message: "this is not UTF-8 text".to_owned(),
                span: at..at + char::REPLACEMENT_CHARACTER.len_utf8(),
                help: Some("save the file as UTF-8".to_owned()),
            };
            Err(LoadError::Wrong(Diagnostics::new(
                Arc::new(file),
                vec![problem],
            )))
        }
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |message: String| Error::new(Kind::Invalid, Blame::Configuration, message);
    let failed = |error: std::io::Error| {
        unreadable(format!("cannot read {}", path.display())).with_source(error)
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable(format!(
            "{} is larger than any configuration; to begin with a data file: wasm-sink init {}",
            path.display(),
            path.display()
        )));
    }
    Ok(bytes)
}

/// Checks a text. `name` is what diagnostics call it; relative paths count from `directory`.
///
/// # Errors
/// All mistakes at once.
pub fn read(
    name: String,
    text: String,
    directory: PathBuf,
    registry: &Registry,
    lookup: Lookup<'_>,
) -> Result<Pipeline, Diagnostics> {
    let mut problems = Vec::new();
    let Some(mut document) = parse(&text, &mut problems) else {
        let file = SourceText::new(name, text, Filled::default());
        return Err(Diagnostics::new(Arc::new(file), problems));
    };
    let written = Written::new(document.clone());
    let filled = environment::fill(&mut document, &text, lookup, &mut problems);
    let mut found = Vec::new();
    let parts = sections::read(&document, &directory, registry, &mut found);
    // A string that could not be filled in was reported for that already.
    found.retain(|problem| !filled.has_failed(&problem.span));
    problems.append(&mut found);

    let file = Arc::new(SourceText::new(name, text, filled));
    let diagnostics = Diagnostics::new(Arc::clone(&file), problems);
    match parts {
        Some(parts) if diagnostics.mistakes.is_empty() => {
            Ok(parts.into_pipeline(directory, written, file, diagnostics.warnings))
        }
        _ => Err(diagnostics),
    }
}
