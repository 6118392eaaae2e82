//! Which partitions are ours, and how far each is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wasm_sink_core::PartitionKey;

use super::partition::{Partition, Reading};
use super::topics::Bounds;
use crate::native::TopicPartition;

/// A partition that is ours.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) partition: Arc<Partition>,
    /// The log when the partition was assigned.
    pub(super) bounds: Bounds,
    /// Where it is read from if the pipeline has nothing of it.
    pub(super) beginning: i64,
    /// The reading that counts; None before the first one.
    pub(super) generation: Option<u64>,
    /// The pipeline wants nothing of it for now.
    pub(super) is_paused: bool,
    /// The library has been told so.
    pub(super) is_stopped: bool,
    /// Everything that is wanted of it is out.
    pub(super) is_done: bool,
    /// Durable, and the group has not been told.
    pub(super) uncommitted: Option<i64>,
    /// What it was told last. Whether that arrived is not known.
    pub(super) told: Option<i64>,
    /// The group has nothing of it.
    pub(super) is_new: bool,
}

impl Owned {
    /// Whether the pipeline takes something of it.
    pub(super) fn flows(&self) -> bool {
        self.generation.is_some() && !self.is_paused
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Partitions(BTreeMap<PartitionKey, Owned>);

impl Partitions {
    pub(super) fn get(&self, key: &PartitionKey) -> Option<&Owned> {
        self.0.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &PartitionKey) -> Option<&mut Owned> {
        self.0.get_mut(key)
    }

    pub(super) fn insert(&mut self, owned: Owned) {
        self.0.insert(owned.partition.key.clone(), owned);
    }

    pub(super) fn remove(&mut self, key: &PartitionKey) -> Option<Owned> {
        self.0.remove(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Owned> {
        self.0.values()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The partition at a place.
    pub(super) fn at(&self, place: &TopicPartition) -> Option<&Owned> {
        self.iter().find(|owned| owned.partition.place == *place)
    }

    /// Keys of all partitions of a topic by name.
    pub(super) fn of_topic(&self, topic: &str) -> Vec<PartitionKey> {
        let owned = self.iter();
        let owned = owned.filter(|owned| &*owned.partition.topic == topic);
        owned.map(|owned| owned.partition.key.clone()).collect()
    }

    /// Marks all that are paused and not stopped as stopped, and says which they are.
    pub(super) fn stop_paused(&mut self) -> Vec<TopicPartition> {
        let paused = self.0.values_mut();
        let paused = paused.filter(|owned| owned.is_paused && !owned.is_stopped);
        paused
            .map(|owned| {
                owned.is_stopped = true;
                owned.partition.place.clone()
            })
            .collect()
    }

    /// Where those begin that the group has nothing of, once.
    pub(super) fn take_new(&mut self) -> Vec<(TopicPartition, i64)> {
        let new = self.0.values_mut();
        let new = new.filter_map(|owned| {
            let is_new = std::mem::take(&mut owned.is_new);
            is_new.then(|| (owned.partition.place.clone(), owned.beginning))
        });
        new.collect()
    }

    /// Whether there is something that the group has not been told.
    pub(super) fn are_uncommitted(&self) -> bool {
        self.iter().any(|owned| owned.uncommitted.is_some())
    }

    /// What the group has not been told, once; with `again` also what it was told before.
    pub(super) fn take_uncommitted(&mut self, again: bool) -> Vec<(TopicPartition, i64)> {
        let owned = self.0.values_mut();
        owned
            .filter_map(|owned| {
                let new = owned.uncommitted.take();
                owned.told = new.or(owned.told);
                let offset = if again { owned.told } else { new }?;
                Some((owned.partition.place.clone(), offset))
            })
            .collect()
    }
}

/// Partitions that the group has given. The library is told once all of them have been sought, at which
/// offsets to begin: nothing is fetched that is not wanted.
#[derive(Debug)]
pub(super) struct Assigning {
    pub(super) waiting: BTreeSet<PartitionKey>,
    pub(super) readings: Vec<Reading>,
}

/// Partitions that the group wants back, or has given to others. It goes on when all are released.
#[derive(Debug)]
pub(super) struct Releasing {
    pub(super) waiting: BTreeSet<PartitionKey>,
    pub(super) places: Vec<TopicPartition>,
}
