//! Which running process is meant.

use std::path::{Path, PathBuf};

use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::control::{self, Event, Request, Running};

/// A pipeline that somebody runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meant {
    pub(super) pipeline: String,
    /// The folder of its file, if that was named.
    directory: Option<PathBuf>,
}

impl Meant {
    /// By its name, or by its pipeline.toml.
    ///
    /// # Errors
    /// The file cannot be read, or has no name in it.
    pub(super) fn by(given: &str) -> Result<Self> {
        match given.ends_with(".toml") || given.contains('/') {
            true => Self::by_file(&absolute(Path::new(given))?),
            false => Ok(Self {
                pipeline: given.to_owned(),
                directory: None,
            }),
        }
    }

    /// By the absolute path of its pipeline.toml.
    ///
    /// # Errors
    /// It cannot be read, or has no name in it.
    pub(super) fn by_file(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|error| unreadable(file, &error.to_string()))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let said = format!("{}; `wasm-sink check` says more", error.message());
            unreadable(file, &said)
        })?;
        let name = table.get("name").and_then(toml::Value::as_str);
        let name = name.ok_or_else(|| unreadable(file, "it has no `name`"))?;
        Ok(Self {
            pipeline: name.to_owned(),
            directory: file.parent().map(Path::to_owned),
        })
    }

    /// The processes that run it.
    ///
    /// # Errors
    /// They cannot be found.
    pub(super) async fn processes(&self) -> Result<Vec<Running>> {
        let mut found = Vec::new();
        for running in control::find(&self.pipeline).await? {
            if self.is_run_by(&running).await {
                found.push(running);
            }
        }
        Ok(found)
    }

    /// The process that runs it, which may be named by its number.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub(super) async fn process(&self, number: Option<u32>) -> Result<Running> {
        let Self { pipeline, .. } = self;
        let found = self.processes().await?;
        let numbers: Vec<String> = found
            .iter()
            .map(|running| running.process.to_string())
            .collect();
        let chosen = match number {
            Some(number) => found.into_iter().find(|running| running.process == number),
            None if found.len() > 1 => {
                return Err(wrong(format!(
                    "{} processes run `{pipeline}` here, and one is changed at a time: name one after the \
                     other, with --process {}",
                    found.len(),
                    numbers.join(", --process ")
                )));
            }
            None => found.into_iter().next(),
        };
        chosen.ok_or_else(|| {
            let who = match number {
                Some(number) => format!("process {number} of this user does not run `{pipeline}`"),
                None => format!("no process of this user on this machine runs `{pipeline}`"),
            };
            wrong(match numbers.is_empty() {
                true => format!("{who}: start it with `wasm-sink run`"),
                false => format!("{who}; there is {}", numbers.join(", ")),
            })
        })
    }

    /// Whether a process runs the file of its folder, if one is known.
    async fn is_run_by(&self, running: &Running) -> bool {
        let Some(directory) = &self.directory else {
            return true;
        };
        let Ok(mut events) = control::ask(running, &Request::Hello).await else {
            return false;
        };
        match events.next().await {
            Ok(Event::Hello { directory: of, .. }) => of == *directory,
            _ => false,
        }
    }
}

/// A file as a process finds it that stands in another folder. As at a start, links to the folder are followed, and
/// one to the file is not: its paths count from where it was named.
///
/// # Errors
/// There is no such folder.
pub(super) fn absolute(file: &Path) -> Result<PathBuf> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize();
    let folder = folder.map_err(|error| unreadable(file, &error.to_string()))?;
    let name = file.file_name();
    Ok(folder.join(name.ok_or_else(|| unreadable(file, "it is a folder"))?))
}

/// A path as requests hold it.
///
/// # Errors
/// It is no text.
pub(super) fn text(path: PathBuf) -> Result<String> {
    path.into_os_string()
        .into_string()
        .map_err(|path| wrong(format!("the path {} is not UTF-8", path.display())))
}

fn unreadable(file: &Path, why: &str) -> Error {
    wrong(format!("{}: {why}", file.display()))
}

fn wrong(message: String) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}
