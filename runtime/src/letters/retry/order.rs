//! Which letters are to be delivered again, written down before the first of them is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Result};

use crate::durable;
use crate::letters::Numbers;

/// The source of all letters that are delivered again.
const SOURCE: &str = "dead-letters";

/// The letters of one `dead-letters retry`. What it says never changes: positions count in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Names the partitions, so that no other folder of letters has the same.
    pub folder: String,
    /// Higher than that of all orders before it.
    pub sequence: u64,
    /// When it was placed: the time that the component's clock shows.
    pub at: DateTime<Utc>,
    /// The letters, a partition for each topic.
    pub topics: Vec<OfTopic>,
}

/// The letters of one topic, in the order in which they are delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfTopic {
    /// None: of records that have none.
    pub topic: Option<String>,
    /// Letters of epochs.
    pub epochs: Vec<OfEpoch>,
}

/// Letters of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfEpoch {
    /// The epoch.
    #[serde(with = "as_text")]
    pub commit: CommitId,
    /// Which of its letters.
    pub letters: Numbers,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use wasm_sink_core::CommitId;

    pub(super) fn serialize<S: Serializer>(
        commit: &CommitId,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(commit)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<CommitId, D::Error> {
        let text = String::deserialize(deserializer)?;
        let no_id = |_| serde::de::Error::custom("a commit id is 16 hexadecimal digits");
        text.parse().map_err(no_id)
    }
}

impl Order {
    /// How many letters.
    pub fn len(&self) -> u64 {
        self.epochs().map(|epoch| epoch.letters.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Letters of epochs; an epoch may be there several times.
    fn epochs(&self) -> impl Iterator<Item = &OfEpoch> {
        self.topics.iter().flat_map(|topic| &topic.epochs)
    }

    /// Letters of one epoch.
    pub fn of(&self, commit: CommitId) -> impl Iterator<Item = Numbers> {
        let epochs = self.epochs().filter(move |epoch| epoch.commit == commit);
        epochs.map(|epoch| epoch.letters.clone())
    }

    /// The letters by epoch.
    pub fn by_epoch(&self) -> BTreeMap<CommitId, Vec<&Numbers>> {
        let mut letters: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for epoch in self.epochs() {
            letters
                .entry(epoch.commit)
                .or_default()
                .push(&epoch.letters);
        }
        letters
    }

    /// The partition of a topic.
    pub fn key(&self, topic: Option<&str>) -> PartitionKey {
        match topic {
            None => PartitionKey::new(SOURCE, self.folder.as_str()),
            Some(topic) => PartitionKey::new(SOURCE, format!("{}/{topic}", self.folder)),
        }
    }

    fn path(within: &Path, sequence: u64) -> PathBuf {
        within.join(format!("{sequence}.json"))
    }

    /// Writes it down.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn write(&self, within: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "an order did not encode").with_source(error)
        })?;
        durable::write_synced(&Self::path(within, self.sequence), &text)
    }

    /// It is done. Done already: no effect.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn remove(&self, within: &Path) -> Result<()> {
        let path = Self::path(within, self.sequence);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(durable::disk("remove", &path, error))
            }
            _ => durable::sync_directory(within),
        }
    }

    /// Those that are not done, the oldest first. A folder that is not there has none.
    ///
    /// # Errors
    /// The folder cannot be read, or has a file that is no order.
    pub(super) fn read_all(within: &Path) -> Result<Vec<Self>> {
        let entries = match std::fs::read_dir(within) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(durable::disk("read", within, error)),
        };
        let mut orders = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|error| durable::disk("read", within, error))?
                .path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_one = stem.is_some_and(|stem| stem.parse::<u64>().is_ok())
                && path
                    .extension()
                    .is_some_and(|extension| extension == "json");
            if !is_one {
                continue;
            }
            let text = std::fs::read(&path).map_err(|error| durable::disk("read", &path, error))?;
            let order: Self = serde_json::from_slice(&text).map_err(|error| {
                let message = format!("{} is not what wasm-sink wrote", path.display());
                Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
            })?;
            orders.push(order);
        }
        orders.sort_by_key(|order| order.sequence);
        Ok(orders)
    }
}
