//! From what the user wrote to the files that are there.

use std::collections::BTreeMap;
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

/// The files, by name: the path from `directory` where it leads there, as the user would write it.
pub(crate) fn files(directory: &Path, paths: &[String]) -> Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for written in paths {
        let mut found = of_path(directory, written)?;
        found.retain(|path| path.is_file());
        if found.is_empty() {
            return Err(nothing(directory, written));
        }
        for path in found {
            files.insert(name(directory, &path)?, path);
        }
    }
    Ok(files)
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
    let base = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    Error::new(
        Kind::Invalid,
        Blame::Configuration,
        format!(
            "there is no file at \"{written}\", looked for in {}: relative paths count from the \
             folder of the pipeline's file",
            base.display()
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
        assert_eq!(names(elsewhere.path(), &[absolute]).unwrap(), [absolute]);

        let missing = names(inside, &["data/*.json"]).unwrap_err().to_string();
        assert!(
            missing.contains("data/*.json") && missing.contains("looked for in"),
            "{missing}"
        );
        assert!(names(inside, &["nowhere.csv"]).is_err());
    }
}
