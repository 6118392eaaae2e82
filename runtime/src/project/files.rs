//! What is written into a project.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wasm_sink_core::{Blame, Error, Kind, Result};

use super::language::Language;
use super::{Project, ProjectName};
use crate::contract;

/// Stands for the project's name in templates.
const NAME: &str = "my-sink";
/// Names that would mean something to our own repository, and what they become.
const RENAMED: [(&str, &str); 2] = [
    ("gitignore", ".gitignore"),
    ("Cargo.toml.template", "Cargo.toml"),
];

pub(super) fn disk(doing: &str, path: &Path, error: std::io::Error) -> Error {
    let message = format!("cannot {doing} {}", path.display());
    Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
}

/// A template of ours that its own tests should have caught.
pub(super) fn broken_template(language: &Language) -> Error {
    let message = format!("the template of {} is broken", language.name);
    Error::new(Kind::Other, Blame::Host, message)
}

/// Writes the template; the files that were written.
pub(super) fn create(
    root: &Path,
    name: &ProjectName,
    language: &'static Language,
) -> Result<Vec<PathBuf>> {
    let is_taken = match std::fs::read_dir(root) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(disk("read", root, error)),
    };
    if is_taken {
        let message = format!(
            "{} is there already, and not empty: take another name, or --into another folder",
            root.display()
        );
        return Err(Error::new(Kind::Invalid, Blame::Configuration, message));
    }
    let mut written = Vec::new();
    for (path, bytes) in language.template() {
        let renamed = RENAMED.iter().find(|(from, _)| *from == path);
        let path = root.join(renamed.map_or(&*path, |(_, to)| to));
        let text = String::from_utf8(bytes.into_owned()).map_err(|_| broken_template(language))?;
        write(&path, text.replace(NAME, name.as_str()).as_bytes())?;
        written.push(path);
    }
    written.sort();
    Ok(written)
}

/// Writes contract and SDK. What is the same stays untouched, since compilers look at times; what is not ours any
/// more goes.
pub(super) fn refresh(project: &Project) -> Result<()> {
    let build = project.build_folder();
    let language = project.settings.language;
    let contract = contract::files(&project.settings.capabilities);
    let contract = contract
        .into_iter()
        .map(|(path, text)| (Path::new("wit").join(path), Cow::Owned(text.into_bytes())));
    let sdk = language
        .sdk()
        .map(|(path, bytes)| (PathBuf::from(path), bytes));
    let mut ours = BTreeSet::new();
    for (path, bytes) in contract.chain(sdk) {
        let path = build.join(path);
        if std::fs::read(&path).ok().as_deref() != Some(&*bytes) {
            write(&path, &bytes)?;
        }
        ours.insert(path);
    }
    for folder in ["wit", "sdk"] {
        remove_others(&build.join(folder), &ours)?;
    }
    Ok(())
}

/// Removes files that an earlier version wrote, and folders that are empty then. Caches that tools keep beside them have
/// other endings.
fn remove_others(folder: &Path, ours: &BTreeSet<PathBuf>) -> Result<()> {
    let endings: BTreeSet<_> = ours.iter().filter_map(|path| path.extension()).collect();
    for entry in std::fs::read_dir(folder).map_err(|error| disk("read", folder, error))? {
        let path = entry.map_err(|error| disk("read", folder, error))?.path();
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                remove_others(&path, ours)?;
                // One that is not empty stays.
                let _ = std::fs::remove_dir(&path);
            }
        } else if !ours.contains(&path)
            && path
                .extension()
                .is_some_and(|ending| endings.contains(ending))
        {
            std::fs::remove_file(&path).map_err(|error| disk("remove", &path, error))?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| disk("make", folder, error))?;
    std::fs::write(path, bytes).map_err(|error| disk("write", path, error))
}

/// Writes a file that others may be reading: they see the old one or the new one.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    write(&unfinished, bytes)?;
    std::fs::rename(&unfinished, path).map_err(|error| disk("write", path, error))
}
