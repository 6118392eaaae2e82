//! Files that are whole after a crash, the old one or the new one.

use std::path::Path;
use std::time::Duration;

use wasm_sink_core::{Blame, Error, Kind, Result};

/// What a disk refuses. A full one is waited for.
pub(crate) fn disk(doing: &str, path: &Path, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Kind::Unavailable,
        _ => Kind::Other,
    };
    Error::new(
        kind,
        Blame::Configuration,
        format!("cannot {doing} {}", path.display()),
    )
    .with_source(error)
}

/// Names of files that are not finished begin like this.
const UNFINISHED: &str = ".unfinished-";
/// Older than any write that is still at work.
pub(crate) const ABANDONED_AGE: Duration = Duration::from_secs(3600);

/// Removes what crashes left half written. A leftover does no harm, so that failing is none.
pub(crate) fn remove_unfinished(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_unfinished = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes());
        if is_unfinished && is_abandoned(&entry) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Whether nobody is still at work on a file.
pub(crate) fn is_abandoned(entry: &std::fs::DirEntry) -> bool {
    let age = entry.metadata().and_then(|metadata| metadata.modified());
    let age = age.ok().and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age > ABANDONED_AGE)
}

/// A file in a directory that is to get a name of its own there; one that never does is [removed](remove_unfinished) some
/// day.
pub(crate) fn unfinished(directory: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(directory)
}

/// Writes a file so that after a crash it is either the old or the new one, whole.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    write_synced_by(path, |file| {
        file.write_all(bytes)
            .map_err(|error| disk("write", path, error))
    })
}

/// The same, where the bytes are written as they come.
pub(crate) fn write_synced_by<T>(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> Result<T>,
) -> Result<T> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = unfinished(directory).map_err(|error| disk("write into", directory, error))?;
    let written = write(file.as_file_mut())?;
    file.as_file()
        .sync_all()
        .map_err(|error| disk("write", path, error))?;
    file.persist(path)
        .map_err(|error| disk("write", path, error.error))?;
    sync_directory(directory)?;
    Ok(written)
}

/// Makes a rename or a removal in `directory` durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    std::fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| disk("sync", directory, error))
}
