//! A new database file, which appears whole or not at all.
//!
//! DuckDB writes the first three blocks of a file one after the other, under its name; a process that ends in
//! between leaves a file that is no database, and that nothing opens again.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempPath;

/// Folders in which a database is made begin like this.
const UNFINISHED: &str = ".unfinished-";
/// The database within.
const NEW: &str = "new.duckdb";
/// Longer than anybody is at work on one.
const ABANDONED_AGE: Duration = Duration::from_secs(3600);

/// Has `make` write a database elsewhere, and gives it its name. Where somebody else was first, theirs stays.
///
/// # Errors
/// Of `make`, and of the disk.
pub(crate) fn whole(path: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let folder = folder(path);
    remove_abandoned(&folder);
    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(&folder)?;
    let new = unfinished.path().join(NEW);
    make(&new)?;
    match TempPath::try_from_path(new)?.persist_noclobber(path) {
        Err(refused) if refused.error.kind() != ErrorKind::AlreadyExists => {
            return Err(refused.error);
        }
        Ok(()) | Err(_) => {}
    }
    // DuckDB syncs what it writes, not the name.
    std::fs::File::open(&folder)?.sync_all()
}

/// Where a file is, by a name that is not empty.
pub(crate) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) => folder.to_owned(),
        None => PathBuf::from("/"),
    }
}

/// Removes what processes left that ended too early; what is not ours stays, and what cannot go does no harm.
fn remove_abandoned(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) && is_abandoned(&entry) {
            let _ = std::fs::remove_file(entry.path().join(NEW));
            let _ = std::fs::remove_dir(entry.path());
        }
    }
}

fn is_abandoned(entry: &std::fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    let age = modified.and_then(|modified| modified.elapsed().map_err(Error::other));
    age.is_ok_and(|age| age > ABANDONED_AGE)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_has_no_name_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.duckdb");
        whole(&path, |new| {
            std::fs::write(new, "half")?;
            assert!(!path.exists());
            std::fs::write(new, "whole")
        })
        .unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(names(folder.path()), ["some.duckdb"]);
    }

    #[test]
    fn nothing_stays_of_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let failed = whole(&folder.path().join("some.duckdb"), |new| {
            std::fs::write(new, "half")?;
            Err(Error::other("broken"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "broken");
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn who_comes_second_takes_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.duckdb");
        whole(&path, |new| {
            std::fs::write(&path, "first")?;
            std::fs::write(new, "second")
        })
        .unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(names(folder.path()), ["some.duckdb"]);
    }

    #[test]
    fn what_was_abandoned_goes_and_what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::now() - 2 * ABANDONED_AGE;
        for (name, content) in [("ours", NEW), ("theirs", "letter.txt"), ("young", NEW)] {
            let left = folder.path().join(format!("{UNFINISHED}{name}"));
            std::fs::create_dir(&left).unwrap();
            std::fs::write(left.join(content), "").unwrap();
            let modified = match name {
                "young" => SystemTime::now(),
                _ => long_ago,
            };
            let left = std::fs::File::open(left).unwrap();
            left.set_modified(modified).unwrap();
        }
        remove_abandoned(folder.path());
        let mut left = names(folder.path());
        left.sort_unstable();
        assert_eq!(left, [".unfinished-theirs", ".unfinished-young"]);
    }
}
