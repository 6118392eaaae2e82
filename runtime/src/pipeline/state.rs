//! What a process keeps on its own disk: pending dead letters, and the names of the partitions
//! that it has seen committed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use wasm_sink_core::error::Context;
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, DeadLetter, Error, Kind, PartitionKey, Position, Result};

use super::dead_letters;
use crate::durable::{
    disk, is_abandoned, remove_unfinished, sync_directory, write_synced, write_synced_by,
};
use crate::letters::rows;

/// Where an epoch began, per partition.
pub type Begins = BTreeMap<PartitionKey, Option<Position>>;

/// Dead letters of an epoch whose commit is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingLetters {
    /// The epoch.
    pub id: CommitId,
    /// Where it began.
    pub begins: Begins,
}

/// Survives the process, and is this process's alone.
#[async_trait]
pub trait LocalState: Send + Sync {
    /// Writes and syncs an epoch's dead letters under a temporary name.
    ///
    /// # Errors
    /// The disk's; the epoch is then not committed.
    async fn write_letters(&self, pending: &PendingLetters, letters: &[DeadLetter]) -> Result<()>;

    /// Gives the letters of a committed epoch their final name. Done already: no effect.
    ///
    /// # Errors
    /// The disk's.
    async fn publish_letters(&self, id: CommitId) -> Result<()>;

    /// Removes the letters of an epoch that was not committed.
    ///
    /// # Errors
    /// The disk's.
    async fn remove_letters(&self, id: CommitId) -> Result<()>;

    /// The epochs whose letters have a temporary name.
    ///
    /// # Errors
    /// The disk's.
    async fn pending_letters(&self) -> Result<Vec<PendingLetters>>;

    /// The partitions that were committed before.
    ///
    /// # Errors
    /// The disk's.
    async fn known_partitions(&self) -> Result<BTreeSet<PartitionKey>>;

    /// Remembers all these partitions.
    ///
    /// # Errors
    /// The disk's.
    async fn remember_partitions(&self, keys: &BTreeSet<PartitionKey>) -> Result<()>;
}

/// The state directory, `.wasm-sink/<name>` by default.
#[derive(Clone, Debug)]
pub struct StateDirectory {
    directory: PathBuf,
    letters: PathBuf,
    pipeline: String,
}

impl StateDirectory {
    /// Makes the directories. `letters` is where dead letters go.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(directory: &Path, letters: &Path, pipeline: &str) -> Result<Self> {
        for path in [directory, letters] {
            std::fs::create_dir_all(path).map_err(|error| disk("make", path, error))?;
            remove_unfinished(path);
        }
        remove_rows_without_letters(letters);
        Ok(Self {
            directory: directory.to_owned(),
            letters: letters.to_owned(),
            pipeline: pipeline.to_owned(),
        })
    }

    /// Where dead letters of committed epochs are, a file per epoch.
    pub fn letters(&self) -> &Path {
        &self.letters
    }

    fn pending_path(&self, id: CommitId) -> PathBuf {
        self.letters.join(format!("{id}.tmp"))
    }

    fn final_path(&self, id: CommitId) -> PathBuf {
        self.letters.join(format!("{id}.jsonl"))
    }

    fn rows_path(&self, id: CommitId) -> PathBuf {
        rows::path(&self.letters, id)
    }

    fn known_path(&self) -> PathBuf {
        self.directory.join("partitions.json")
    }

    fn known_lock_path(&self) -> PathBuf {
        self.directory.join("partitions.lock")
    }
}

/// Rows are written before their letters, so that a crash may leave them alone. A leftover does no harm, so that
/// failing is none.
fn remove_rows_without_letters(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let has_letters = ["jsonl", "tmp"]
            .iter()
            .any(|extension| path.with_extension(extension).exists());
        if rows::is_one(&path) && !has_letters && is_abandoned(&entry) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// None are known where there is no file.
fn read_partitions(path: &Path) -> Result<BTreeSet<PartitionKey>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(disk("read", path, error)),
    };
    let pairs: Vec<(String, String)> = serde_json::from_slice(&text).map_err(|error| {
        let message = format!(
            "{} is not what wasm-sink wrote; remove it to go on",
            path.display()
        );
        Error::new(Kind::Other, Blame::Configuration, message).with_source(error)
    })?;
    Ok(pairs
        .into_iter()
        .map(|(source, partition)| PartitionKey::new(source, partition))
        .collect())
}

fn write_partitions(path: &Path, keys: &BTreeSet<PartitionKey>) -> Result<()> {
    let pairs: Vec<(&str, &str)> = keys
        .iter()
        .map(|key| (key.source(), key.partition()))
        .collect();
    let text = serde_json::to_vec(&pairs).map_err(|error| {
        Error::new(Kind::Other, Blame::Host, "partition names did not encode").with_source(error)
    })?;
    write_synced(path, &text)
}

/// Waits until no other process holds the file; it is held until what is returned is dropped. Some
/// network file systems have no locks. There a name may be missed that another process adds at the
/// same moment, which is no reason to stop.
fn wait_for_lock(path: &Path) -> Option<std::fs::File> {
    let mut options = std::fs::File::options();
    let locked = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .and_then(|file| file.lock().map(|()| file));
    locked
        .inspect_err(|error| tracing::debug!(%error, path = %path.display(), "no lock"))
        .ok()
}

/// Runs blocking file work off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(Error::new(Kind::Other, Blame::Host, "file work panicked").with_source(error))
        })
}

#[async_trait]
impl LocalState for StateDirectory {
    async fn write_letters(&self, pending: &PendingLetters, letters: &[DeadLetter]) -> Result<()> {
        let rows_path = self.rows_path(pending.id);
        let decoded = rows::of(letters);
        let kept = match decoded.is_empty() {
            true => None,
            false => {
                let written = blocking(move || {
                    write_synced_by(&rows_path, |file| {
                        rows::write(&decoded, file)
                            .map_err(|error| disk("write", &rows_path, error))
                    })
                });
                let written = written.await.context(|| "writing dead letters")?;
                Step::DeadLetterRowsWritten.reached();
                Some(written)
            }
        };
        let text = dead_letters::encode(&self.pipeline, pending, letters, kept)?;
        let path = self.pending_path(pending.id);
        blocking(move || write_synced(&path, &text))
            .await
            .context(|| "writing dead letters")
    }

    async fn publish_letters(&self, id: CommitId) -> Result<()> {
        let (from, to) = (self.pending_path(id), self.final_path(id));
        blocking(move || match std::fs::rename(&from, &to) {
            Ok(()) => sync_directory(to.parent().unwrap_or(Path::new("."))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && to.exists() => Ok(()),
            Err(error) => Err(disk("rename", &from, error)),
        })
        .await
    }

    async fn remove_letters(&self, id: CommitId) -> Result<()> {
        // The letters last: while they are there, this is done again.
        let paths = [self.rows_path(id), self.pending_path(id)];
        blocking(move || {
            for path in &paths {
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(disk("remove", path, error));
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    async fn pending_letters(&self) -> Result<Vec<PendingLetters>> {
        let (directory, pipeline) = (self.letters.clone(), self.pipeline.clone());
        blocking(move || {
            let entries =
                std::fs::read_dir(&directory).map_err(|error| disk("read", &directory, error))?;
            let mut pending = Vec::new();
            for entry in entries {
                let path = entry
                    .map_err(|error| disk("read", &directory, error))?
                    .path();
                let id = path
                    .file_stem()
                    .and_then(|stem| stem.to_str())
                    .and_then(|stem| stem.parse::<CommitId>().ok());
                if let Some(id) = id
                    && path.extension().is_some_and(|extension| extension == "tmp")
                {
                    let text = std::fs::read(&path).map_err(|error| disk("read", &path, error))?;
                    pending.extend(dead_letters::decode_begins(&pipeline, id, &text, &path)?);
                }
            }
            pending.sort_by_key(|pending| pending.id);
            Ok(pending)
        })
        .await
    }

    async fn known_partitions(&self) -> Result<BTreeSet<PartitionKey>> {
        let path = self.known_path();
        blocking(move || read_partitions(&path)).await
    }

    async fn remember_partitions(&self, keys: &BTreeSet<PartitionKey>) -> Result<()> {
        let (path, lock, keys) = (self.known_path(), self.known_lock_path(), keys.clone());
        blocking(move || {
            // Another process of this pipeline may be adding what it has seen.
            let _alone = wait_for_lock(&lock);
            let mut all = read_partitions(&path)?;
            all.extend(keys);
            write_partitions(&path, &all)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use crate::durable::ABANDONED_AGE;

    use super::*;

    fn state(directory: &Path, pipeline: &str) -> StateDirectory {
        StateDirectory::open(
            &directory.join(pipeline),
            &directory.join("letters"),
            pipeline,
        )
        .unwrap()
    }

    fn pending(id: u64) -> PendingLetters {
        PendingLetters {
            id: CommitId::from_random(id),
            begins: Begins::from([(PartitionKey::new("s", "0"), None)]),
        }
    }

    #[tokio::test]
    async fn pipelines_that_share_a_folder_leave_each_others_letters_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (
            state(directory.path(), "one"),
            state(directory.path(), "other"),
        );
        one.write_letters(&pending(1), &[]).await.unwrap();
        assert_eq!(other.pending_letters().await.unwrap(), []);
        assert_eq!(one.pending_letters().await.unwrap(), [pending(1)]);
    }

    #[tokio::test]
    async fn letters_that_are_gone_are_not_published() {
        let directory = tempfile::tempdir().unwrap();
        let state = state(directory.path(), "p");
        state.write_letters(&pending(1), &[]).await.unwrap();
        for _ in 0..2 {
            state.publish_letters(pending(1).id).await.unwrap();
        }
        assert!(state.publish_letters(pending(2).id).await.is_err());
    }

    #[tokio::test]
    async fn two_processes_remember_what_either_has_seen() {
        let directory = tempfile::tempdir().unwrap();
        let remembered = (0..32).map(|partition: usize| {
            let process = state(directory.path(), "p");
            async move {
                let key = PartitionKey::new("s", partition.to_string());
                process.remember_partitions(&BTreeSet::from([key])).await
            }
        });
        futures::future::try_join_all(remembered).await.unwrap();
        let known = state(directory.path(), "p").known_partitions().await;
        assert_eq!(known.unwrap().len(), 32);
    }

    #[test]
    fn what_a_crash_left_half_written_goes_and_what_is_at_work_stays() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, age: Duration| {
            let path = directory.path().join(name);
            let file = std::fs::File::create(&path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            path
        };
        let old = ABANDONED_AGE * 2;
        let abandoned = file(".unfinished-1", old);
        let at_work = file(".unfinished-2", Duration::ZERO);
        let letters = file("letters.jsonl", old);
        StateDirectory::open(directory.path(), directory.path(), "p").unwrap();
        assert!(!abandoned.exists());
        assert!(at_work.exists() && letters.exists());
    }
}
