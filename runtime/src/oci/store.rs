//! Components that were fetched, on this machine: by the digest of their manifest, and looked at each time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::artifact::{Artifact, component_layer, digest};
use crate::durable::unfinished;
use crate::engine::{keep_newest, user_cache};

/// What the components may take together; those that were used last stay.
const MAX_BYTES: u64 = 1 << 30;

/// The same for manifests.
const MAX_MANIFESTS_BYTES: u64 = 16 << 20;

/// A directory with manifests and components, each under its digest.
#[derive(Debug)]
pub(super) struct Store(PathBuf);

impl Store {
    /// None where the user has no place for such things.
    pub(super) fn of_user() -> Option<Self> {
        user_cache("components").map(Self)
    }

    /// A component whose manifest has this digest, if both are as they were.
    pub(super) fn find(&self, manifest_digest: &str) -> Option<(Vec<u8>, PathBuf)> {
        let manifest = read(&self.path(manifest_digest, "json"), manifest_digest)?;
        let layer = component_layer(&manifest).ok()?;
        let path = self.path(&layer.digest, "wasm");
        let wasm = read(&path, &layer.digest)?;
        for used in [&path, &self.path(manifest_digest, "json")] {
            // Where that is not possible, it is fetched once more some day.
            let _ = File::open(used).and_then(|file| file.set_modified(SystemTime::now()));
        }
        Some((wasm, path))
    }

    /// Where the component is then.
    pub(super) fn keep(&self, artifact: &Artifact) -> io::Result<PathBuf> {
        let path = self.path(&digest(&artifact.wasm), "wasm");
        self.write(&path, &artifact.wasm)?;
        keep_newest(&self.0, "wasm", MAX_BYTES)?;
        let manifest = self.path(&artifact.digest(), "json");
        self.write(&manifest, &artifact.manifest)?;
        keep_newest(&self.0, "json", MAX_MANIFESTS_BYTES)?;
        Ok(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = unfinished(&self.0)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    }

    /// "sha256:9f86…" as a file's name.
    fn path(&self, digest: &str, ending: &str) -> PathBuf {
        let digits: String = digest.chars().filter(char::is_ascii_alphanumeric).collect();
        self.0.join(format!("{digits}.{ending}"))
    }
}

/// What has this digest.
fn read(path: &Path, expected: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    let is_whole = digest(&bytes) == expected;
    if !is_whole {
        tracing::warn!(file = %path.display(), "a component that is kept was changed, and is fetched anew");
    }
    is_whole.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store(folder.path().to_owned());
        let artifact = Artifact::of(b"\0asm".to_vec(), &[], &[]);
        assert_eq!(store.find(&artifact.digest()), None);
        let path = store.keep(&artifact).unwrap();
        assert_eq!(
            store.find(&artifact.digest()),
            Some((artifact.wasm.clone(), path.clone()))
        );
        fs::write(&path, b"\0asn").unwrap();
        assert_eq!(store.find(&artifact.digest()), None);
        store.keep(&artifact).unwrap();
        let manifest = store.path(&artifact.digest(), "json");
        fs::write(manifest, b"{}").unwrap();
        assert_eq!(store.find(&artifact.digest()), None);
    }
}
