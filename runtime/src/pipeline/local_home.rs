//! The home of a pipeline whose destination takes no positions: a file in the state directory,
//! locked, and so for one process and for sources without a group (commit protocol, rule 15).

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wasm_sink_core::home::{
    Admission, AttemptError, Base, Commit, History, Home, Staging, Stored, admit,
};
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Result};

use crate::durable::{disk, write_synced};

/// Positions in one file, replaced as a whole.
#[derive(Debug)]
pub struct LocalHome {
    path: PathBuf,
    /// Held while this lives.
    _lock: File,
    stored: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    version: u64,
    positions: BTreeMap<PartitionKey, Stored>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    source: String,
    partition: String,
    position: String,
    commit: String,
}

impl LocalHome {
    /// Opens `<directory>/positions.json` and keeps every other process away from it.
    ///
    /// # Errors
    /// Another process has it, or the disk's.
    pub fn open(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|error| disk("make", directory, error))?;
        let lock_path = directory.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|error| disk("open", &lock_path, error))?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => Error::new(
                Kind::Denied,
                Blame::Configuration,
                format!(
                    "another process runs this pipeline: {} is locked. Its destination takes no \
                     positions, so it is for one process at a time",
                    lock_path.display()
                ),
            ),
            std::fs::TryLockError::Error(error) => disk("lock", &lock_path, error),
        })?;
        let path = directory.join("positions.json");
        let positions = match std::fs::read(&path) {
            Ok(text) => decode(&text, &path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(disk("read", &path, error)),
        };
        Ok(Self {
            path,
            _lock: lock,
            stored: Mutex::new(Contents {
                version: 0,
                positions,
            }),
        })
    }

    fn contents(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.stored
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn decode(text: &[u8], path: &Path) -> Result<BTreeMap<PartitionKey, Stored>> {
    let damaged = || {
        Error::new(
            Kind::Other,
            Blame::Configuration,
            format!(
                "{} is not what wasm-sink wrote, so positions are unknown; restore it, or remove \
                 it to begin anew",
                path.display()
            ),
        )
    };
    let lines: Vec<Line> =
        serde_json::from_slice(text).map_err(|error| damaged().with_source(error))?;
    lines
        .into_iter()
        .map(|line| {
            let position = line.position.parse().map_err(|_| damaged())?;
            let commit = line.commit.parse().map_err(|_| damaged())?;
            Ok((
                PartitionKey::new(line.source, line.partition),
                Stored {
                    position,
                    commit,
                    intent: None,
                },
            ))
        })
        .collect()
}

#[async_trait]
impl Home for LocalHome {
    fn describe(&self) -> String {
        format!("the positions in {}", self.path.display())
    }

    fn unit(&self) -> Option<&UnitId> {
        None
    }

    fn staging(&self) -> Staging {
        Staging::Durable
    }

    async fn read(&self) -> Result<Base> {
        let contents = self.contents();
        Ok(Base {
            version: contents.version,
            positions: contents.positions.clone(),
            token: Box::new(()),
        })
    }

    async fn attempt(&self, base: &Base, commit: &Commit) -> Result<(), AttemptError> {
        if commit.epochs.iter().any(|epoch| epoch.intent.is_some()) {
            return Err(AttemptError::Failed(Error::new(
                Kind::Other,
                Blame::Host,
                "the local positions keep no intents",
            )));
        }
        let mut contents = self.contents();
        let admissions = admit(&contents.positions, &commit.epochs);
        if base.version != contents.version || admissions.iter().any(|a| *a != Admission::Admitted)
        {
            return Err(AttemptError::Conflict(Error::new(
                Kind::Conflict,
                Blame::Host,
                "the local positions moved",
            )));
        }
        let mut positions = contents.positions.clone();
        for epoch in &commit.epochs {
            for moved in &epoch.moves {
                let stored = Stored {
                    position: moved.end.clone(),
                    commit: epoch.id,
                    intent: None,
                };
                positions.insert(moved.key.clone(), stored);
            }
        }
        let lines: Vec<Line> = positions
            .iter()
            .map(|(key, stored)| Line {
                source: key.source().to_owned(),
                partition: key.partition().to_owned(),
                position: stored.position.to_string(),
                commit: stored.commit.to_string(),
            })
            .collect();
        let text = serde_json::to_vec(&lines).map_err(|error| {
            AttemptError::Unknown(
                Error::new(Kind::Other, Blame::Host, "positions did not encode").with_source(error),
            )
        })?;
        write_synced(&self.path, &text).map_err(AttemptError::Unknown)?;
        contents.version += 1;
        contents.positions = positions;
        Ok(())
    }

    async fn history(&self, _commit: CommitId) -> Result<History> {
        Ok(History::Forgotten)
    }

    async fn discard(&self, _staged: &[Staged]) {}
}
