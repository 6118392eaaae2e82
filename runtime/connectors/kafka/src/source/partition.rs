//! What is known of a partition while it is ours.

use std::sync::Arc;

use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::{PartitionKey, Position};

use crate::native::TopicPartition;

/// A partition, and how positions of it are filed.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) key: PartitionKey,
    pub(super) place: TopicPartition,
    /// None where the brokers have no ids for topics.
    pub(super) topic_id: Option<String>,
    pub(super) topic: Arc<str>,
}

impl Partition {
    /// Names the partition for homes: by the topic's id where there is one, so that a topic made
    /// again under its name is another source.
    pub(super) fn new(cluster: &str, place: TopicPartition, topic_id: Option<String>) -> Self {
        let topic = topic_id.as_deref().unwrap_or(&place.topic);
        let source = format!("kafka:{cluster}:{topic}");
        Self {
            key: PartitionKey::new(source, place.partition.to_string()),
            topic: place.topic.as_str().into(),
            place,
            topic_id,
        }
    }

    /// Where a record stood, for a person to find it.
    pub(super) fn origin(&self, offset: i64) -> RowOrigin {
        RowOrigin {
            name: format!("{} partition {}", self.topic, self.place.partition),
            line: None,
            offset: u64::try_from(offset).ok(),
        }
    }
}

/// A way through a partition, from one seek to the next.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) partition: Arc<Partition>,
    /// No two readings have the same.
    pub(super) generation: u64,
    /// Where it begins in the log.
    pub(super) offset: i64,
    /// Where it begins, as the pipeline knows it.
    pub(super) begin: Option<Position>,
    /// No record from here on is wanted.
    pub(super) stop: Option<i64>,
}

/// The position before an offset.
pub(super) fn position(offset: i64) -> Position {
    Position::from_offset(u64::try_from(offset).unwrap_or_default())
}
