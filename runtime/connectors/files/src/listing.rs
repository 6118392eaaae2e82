//! From what the user wrote to the files that are there.
//!
//! A file's name is part of its partition's key, so it must not depend on how its path was typed: a
//! second name would deliver every row a second time. It is the path below the pipeline's directory
//! where the file is below that, the absolute path elsewhere, and both with the links in the way to
//! the file's folder followed. A link to the file itself is not followed: `current.jsonl` keeps its
//! name when it is turned from one day's file to the next (what it leads to is told apart by the
//! fingerprint). Where one file is listed both by itself and by links to it, it is read once: by its
//! own name, or by that of the first link.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use wasm_sink_core::{Blame, Error, Kind, Result};

/// `*` does not match hidden files, and no folder separators.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files, by name.
pub(crate) fn files(directory: &Path, paths: &[String]) -> Result<BTreeMap<String, PathBuf>> {
    let directory = real(directory)?;
    let mut folders = Folders::default();
    let mut files = BTreeMap::new();
    for written in paths {
        let mut found = of_path(&directory, written)?;
        found.retain(|path| path.is_file());
        if found.is_empty() {
            return Err(nothing(&directory, written));
        }
        for path in found {
            let path = folders.settle(&path)?;
            files.insert(name(&directory, &path)?, path);
        }
    }
    leave_out_links(&mut files)?;
    Ok(files)
}

/// Folders with the links in their way followed; most files share one.
#[derive(Default)]
struct Folders(HashMap<PathBuf, PathBuf>);

impl Folders {
    /// The one path of a file, however it was written.
    fn settle(&mut self, path: &Path) -> Result<PathBuf> {
        let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else {
            return real(path);
        };
        let folder = match self.0.get(folder) {
            Some(known) => known,
            None => self.0.entry(folder.to_owned()).or_insert(real(folder)?),
        };
        Ok(folder.join(file))
    }
}

/// Keeps one of several names for the same file.
fn leave_out_links(files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    // The paths of files that are no links are real ones.
    let mut links = Vec::new();
    let mut taken = HashSet::new();
    for (name, path) in &*files {
        if path.is_symlink() {
            links.push((name.clone(), real(path)?));
        } else {
            taken.insert(path.clone());
        }
    }
    for (name, target) in links {
        if !taken.insert(target) {
            files.remove(&name);
        }
    }
    Ok(())
}

fn real(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(|error| unreadable(path, error))
}

fn of_path(directory: &Path, written: &str) -> Result<Vec<PathBuf>> {
    let path = directory.join(written);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => return in_folder(&path),
        // Devices and pipes have no positions; `type = "stdin"` reads those.
        Ok(metadata) if !metadata.is_file() => {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                format!(
                    "{} is neither a file nor a folder: pipe it into a source of type \"stdin\"",
                    path.display()
                ),
            ));
        }
        Ok(_) => return Ok(vec![path]),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(&path, error)),
    }
    if !written.contains(['*', '?', '[']) {
        return Err(nothing(directory, written));
    }
    let pattern = if Path::new(written).is_absolute() {
        PathBuf::from(written)
    } else {
        PathBuf::from(Pattern::escape(&directory.to_string_lossy())).join(written)
    };
    let found = glob::glob_with(&pattern.to_string_lossy(), MATCHING).map_err(|error| {
        let message = format!("`path` is no glob: \"{written}\": {error}");
        Error::new(Kind::Invalid, Blame::Configuration, message)
    })?;
    found
        .map(|path| {
            path.map_err(|error| {
                let path = error.path().to_owned();
                unreadable(&path, error.into())
            })
        })
        .collect()
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(folder, error))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn name(directory: &Path, path: &Path) -> Result<String> {
    let inside = path.strip_prefix(directory).unwrap_or(path);
    inside.to_str().map(str::to_owned).ok_or_else(|| {
        let message = format!(
            "the name of {} is not UTF-8: rename the file",
            path.display()
        );
        Error::new(Kind::Invalid, Blame::Source, message)
    })
}

fn nothing(directory: &Path, written: &str) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Configuration,
        format!(
            "there is no file at \"{written}\", looked for in {}: relative paths count from the \
             folder of the pipeline's file",
            directory.display()
        ),
    )
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let message = format!("{} cannot be listed", path.display());
    Error::new(Kind::Denied, Blame::Source, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path, paths: &[&str]) -> Result<Vec<String>> {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        files(directory, &paths).map(|files| files.into_keys().collect())
    }

    #[test]
    fn paths_globs_and_folders_give_sorted_names() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path();
        fs::create_dir_all(inside.join("data/deep")).unwrap();
        for name in [
            "data/b.csv",
            "data/a.csv",
            "data/.hidden",
            "data/deep/c.csv",
            "data/[x].csv",
        ] {
            fs::write(inside.join(name), "").unwrap();
        }
        let all = ["data/[x].csv", "data/a.csv", "data/b.csv"];
        assert_eq!(names(inside, &["data"]).unwrap(), all);
        assert_eq!(names(inside, &["data/*"]).unwrap(), all);
        assert_eq!(names(inside, &["data/[x].csv"]).unwrap(), ["data/[x].csv"]);
        assert_eq!(
            names(inside, &["data/b.csv", "data/[ab].csv", "./data/a.csv"]).unwrap(),
            ["data/a.csv", "data/b.csv"]
        );
        let deep = names(inside, &["data/**/c.csv"]).unwrap();
        assert_eq!(deep, ["data/deep/c.csv"]);
        let absolute = inside.join("data/a.csv");
        let elsewhere = tempfile::tempdir().unwrap();
        let absolute = absolute.to_str().unwrap();
        let outside = names(elsewhere.path(), &[absolute]).unwrap();
        let real_path = fs::canonicalize(absolute).unwrap();
        assert_eq!(outside, [real_path.to_str().unwrap()]);

        let missing = names(inside, &["data/*.json"]).unwrap_err().to_string();
        assert!(
            missing.contains("data/*.json") && missing.contains("looked for in"),
            "{missing}"
        );
        assert!(names(inside, &["nowhere.csv"]).is_err());
    }

    #[test]
    fn a_name_does_not_depend_on_how_the_path_was_typed() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path();
        fs::create_dir_all(inside.join("data")).unwrap();
        fs::write(inside.join("data/a.jsonl"), "").unwrap();
        let absolute = inside.join("data/a.jsonl");
        let absolute = absolute.to_str().unwrap();
        let globbed = format!("{}/data/*.jsonl", inside.display());
        let round = "data/../data/a.jsonl";
        for paths in [
            &["data/a.jsonl"][..],
            &[absolute],
            &[&globbed],
            &["data"],
            &[round],
            &["data/a.jsonl", absolute, &globbed, round],
        ] {
            assert_eq!(names(inside, paths).unwrap(), ["data/a.jsonl"], "{paths:?}");
            let typed = inside.join("data/..");
            assert_eq!(names(&typed, paths).unwrap(), ["data/a.jsonl"], "{paths:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_keep_their_names_and_no_file_is_read_twice() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path();
        fs::create_dir_all(inside.join("2026")).unwrap();
        fs::write(inside.join("2026/day.jsonl"), "").unwrap();
        symlink("2026/day.jsonl", inside.join("current.jsonl")).unwrap();
        symlink("2026/day.jsonl", inside.join("again.jsonl")).unwrap();
        symlink("2026", inside.join("year")).unwrap();
        let names = |paths: &[&str]| names(inside, paths).unwrap();
        assert_eq!(names(&["current.jsonl"]), ["current.jsonl"]);
        // A link in the way is followed.
        assert_eq!(names(&["year/*.jsonl"]), ["2026/day.jsonl"]);
        assert_eq!(names(&["current.jsonl", "again.jsonl"]), ["again.jsonl"]);
        assert_eq!(names(&["*.jsonl", "2026/*.jsonl"]), ["2026/day.jsonl"]);
        // The pipeline's directory may be reached by a link, too.
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("pipeline");
        symlink(inside, &link).unwrap();
        let paths = [link.join("2026/day.jsonl").to_str().unwrap().to_owned()];
        for directory in [inside, &link] {
            let names: Vec<_> = files(directory, &paths).unwrap().into_keys().collect();
            assert_eq!(names, ["2026/day.jsonl"]);
        }
    }
}
