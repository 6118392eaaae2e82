//! Positions as records of a topic: one partition, compacted, a key for each source partition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use wasm_sink_core::home::{EpochCommit, Stored};
use wasm_sink_core::{Blame, CommitId, Error, Kind, Move, PartitionKey, Position, Result, process};

use crate::cluster::{Cluster, broke_off};
use crate::connection::{ASKING, Heard};
use crate::error::destination_error;
use crate::native::{Batch, Client, Code, End, NativeError, Role, TopicPartition, TopicPartitions};

/// Only the last record of a key counts. Segments are small, so that few others are read at a start.
const SETTINGS: &[(&str, &str)] = &[
    (POLICY, COMPACT),
    ("segment.bytes", "16777216"),
    ("min.cleanable.dirty.ratio", "0.1"),
];
const POLICY: &str = "cleanup.policy";
const COMPACT: &str = "compact";

/// All positions are read within this, transactions of others that are still open included.
const READING: Duration = Duration::from_secs(90);
const WAIT: Duration = Duration::from_millis(100);
const RECORDS: usize = 1024;

/// Where a partition stands, and who put it there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) commit: CommitId,
    pub(super) process: String,
}

impl Entry {
    /// One of this process.
    pub(super) fn new(position: Position, commit: CommitId) -> Self {
        Self {
            position,
            commit,
            process: process::describe(),
        }
    }

    pub(super) fn stored(&self) -> Stored {
        Stored {
            position: self.position.clone(),
            commit: self.commit,
            intent: None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Key {
    source: String,
    partition: String,
}

#[derive(Serialize, Deserialize)]
struct Value {
    position: String,
    commit: String,
    process: String,
    #[serde(default)]
    rows: u64,
}

/// The topic of a pipeline's positions.
pub(super) struct Ledger {
    cluster: Arc<Cluster>,
    pub(super) topic: String,
    created: OnceCell<()>,
}

impl Ledger {
    pub(super) fn new(cluster: Arc<Cluster>) -> Self {
        Self {
            // A pipeline's name has no character that a topic's may not have, and is shorter by far.
            topic: format!("_wasm_sink.{}.positions", cluster.pipeline),
            cluster,
            created: OnceCell::new(),
        }
    }

    /// Sees to it that the topic is there, and keeps what it is given.
    ///
    /// # Errors
    /// It would lose positions, or may not be made.
    pub(super) async fn create(&self) -> Result<()> {
        self.created
            .get_or_try_init(async || {
                if self.cluster.topic(&self.topic).await?.is_none() {
                    let topic = &self.topic;
                    self.cluster.create_topic(topic, Some(1), SETTINGS).await?;
                }
                self.check().await
            })
            .await
            .copied()
    }

    async fn check(&self) -> Result<()> {
        let doing = format!("asking how long topic `{}` keeps positions", self.topic);
        let topic = self.topic.clone();
        let asked = move |client: &Client| client.topic_settings(&topic, &[POLICY], ASKING);
        let settings = match self.cluster.ask(&doing, asked).await? {
            Ok(settings) => settings,
            Err(error) => return Err(destination_error(&doing, error)),
        };
        match settings.get(POLICY).map(String::as_str) {
            Some(COMPACT) => Ok(()),
            other => Err(Error::new(
                Kind::Other,
                Blame::Destination,
                format!(
                    "topic `{}` holds the positions of this pipeline, and with {POLICY}={} it would \
                     lose them after a time: set it to {COMPACT} (kafka-configs.sh --alter --topic {} \
                     --add-config {POLICY}={COMPACT})",
                    self.topic,
                    other.unwrap_or("?"),
                    self.topic
                ),
            )),
        }
    }

    /// All positions. Of transactions that are still open the outcome is waited for.
    ///
    /// # Errors
    /// Of the brokers.
    pub(super) async fn read(&self) -> Result<BTreeMap<PartitionKey, Entry>> {
        if self.cluster.topic(&self.topic).await?.is_none() {
            return Ok(BTreeMap::new());
        }
        let config = self.cluster.config(
            &self.cluster.settings.properties,
            &[("fetch.wait.max.ms", "20")],
            &[
                ("group.id", &*self.cluster.pipeline),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "earliest"),
                ("isolation.level", "read_committed"),
                ("enable.partition.eof", "true"),
            ],
        )?;
        let heard = Arc::new(Heard::default());
        let listener = Arc::clone(&heard);
        let client = self.cluster.client(config, listener, Role::Reader)?;
        let place = TopicPartition {
            topic: self.topic.clone(),
            partition: 0,
        };
        let doing = format!("reading positions from topic `{}`", self.topic);
        let read = spawn_blocking(move || {
            read(&client, &place).map_err(|error| {
                client.serve();
                heard.explain(error)
            })
        });
        let read = read.await.map_err(|error| broke_off(&doing, error))?;
        let records = read.map_err(|error| destination_error(&doing, error))?;
        // Before any of them means something: what was removed, as one may by a tombstone, need mean nothing.
        let last: BTreeMap<Vec<u8>, Written> = records.into_iter().collect();
        let entries = last.into_iter().filter_map(|(key, written)| {
            let (offset, value) = (written.offset, written.value?);
            Some(entry(&key, &value).map_err(|why| self.damaged(offset, why)))
        });
        entries.collect()
    }

    fn damaged(&self, offset: i64, why: impl std::fmt::Display) -> Error {
        let topic = &self.topic;
        let message = format!(
            "offset {offset} of topic `{topic}` is no position, and not of wasm-sink's writing: {why}. Write a \
             record with the same key and no value behind it, and it counts no more"
        );
        Error::new(Kind::Other, Blame::Destination, message)
    }
}

fn entry(key: &[u8], value: &[u8]) -> std::result::Result<(PartitionKey, Entry), String> {
    let key: Key = serde_json::from_slice(key).map_err(|error| format!("its key: {error}"))?;
    let value: Value = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    let position = value.position.parse();
    let commit = value.commit.parse();
    let entry = Entry {
        position: position.map_err(|_| format!("`{}` is none", value.position))?,
        commit: commit.map_err(|_| format!("`{}` is no commit", value.commit))?,
        process: value.process,
    };
    Ok((PartitionKey::new(key.source, key.partition), entry))
}

/// Key and value of the record that moves a partition.
pub(super) fn record(moved: &Move, epoch: &EpochCommit) -> Result<(Vec<u8>, Vec<u8>)> {
    let key = Key {
        source: moved.key.source().to_owned(),
        partition: moved.key.partition().to_owned(),
    };
    let value = Value {
        position: moved.end.to_string(),
        commit: epoch.id.to_string(),
        process: process::describe(),
        rows: epoch.account.staged,
    };
    let encoded = serde_json::to_vec(&key).and_then(|key| Ok((key, serde_json::to_vec(&value)?)));
    encoded.map_err(|error| {
        Error::new(Kind::Other, Blame::Host, "a position did not encode").with_source(error)
    })
}

/// A record of a key.
struct Written {
    offset: i64,
    value: Option<Vec<u8>>,
}

type Records = Vec<(Vec<u8>, Written)>;

/// Everything up to the end that the partition has now.
fn read(client: &Client, place: &TopicPartition) -> Result<Records, NativeError> {
    let timed_out = || NativeError::of(Code::RD_KAFKA_RESP_ERR__TIMED_OUT);
    let ends = client.offsets([place], End::Written, ASKING)?;
    let end = match ends.into_iter().next() {
        Some((_, offset, found)) => found.map(|()| offset)?,
        None => return Err(timed_out()),
    };
    let mut records = Vec::new();
    let list = TopicPartitions::with_offset([place], 0);
    let list = list.ok_or_else(|| NativeError::of(Code::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE))?;
    client.assign(&list)?;
    let begun = Instant::now();
    let mut batch = Batch::with_capacity(RECORDS);
    let mut at = 0;
    while at < end {
        if begun.elapsed() >= READING {
            return Err(timed_out());
        }
        client.consume(&mut batch, RECORDS, WAIT);
        for message in batch.iter() {
            match message.code() {
                Code::RD_KAFKA_RESP_ERR_NO_ERROR => {
                    let copy = |bytes: &[u8]| bytes.to_vec();
                    let key = message.key().map(copy).unwrap_or_default();
                    let value = message.payload().map(copy);
                    let offset = message.offset();
                    records.push((key, Written { offset, value }));
                    at = message.offset() + 1;
                }
                // What stands behind the last record belongs to transactions alone.
                Code::RD_KAFKA_RESP_ERR__PARTITION_EOF => at = at.max(message.offset()),
                code => {
                    let text = message.error_text();
                    return Err(client.explain(NativeError::new(code, text)));
                }
            }
        }
    }
    Ok(records)
}
