//! Which task has which partitions.

use std::collections::{BTreeMap, BTreeSet};

use wasm_sink_core::PartitionKey;

use super::driver::TaskNumber;

/// Every partition has at most one task.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    owners: BTreeMap<PartitionKey, TaskNumber>,
    owned: BTreeMap<TaskNumber, BTreeSet<PartitionKey>>,
}

impl Ownership {
    pub(super) fn owner(&self, key: &PartitionKey) -> Option<TaskNumber> {
        self.owners.get(key).copied()
    }

    /// All partitions that have a task.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &PartitionKey> {
        self.owners.keys()
    }

    pub(super) fn of(&self, task: TaskNumber) -> impl Iterator<Item = &PartitionKey> {
        self.owned.get(&task).into_iter().flatten()
    }

    pub(super) fn count(&self, task: TaskNumber) -> usize {
        self.owned.get(&task).map_or(0, BTreeSet::len)
    }

    pub(super) fn give(&mut self, key: PartitionKey, task: TaskNumber) {
        self.take(&key);
        self.owned.entry(task).or_default().insert(key.clone());
        self.owners.insert(key, task);
    }

    /// Whose it was.
    pub(super) fn take(&mut self, key: &PartitionKey) -> Option<TaskNumber> {
        let task = self.owners.remove(key)?;
        if let Some(keys) = self.owned.get_mut(&task) {
            keys.remove(key);
        }
        Some(task)
    }

    /// All that it had.
    pub(super) fn take_all(&mut self, task: TaskNumber) -> BTreeSet<PartitionKey> {
        let keys = self.owned.remove(&task).unwrap_or_default();
        for key in &keys {
            self.owners.remove(key);
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_has_one_task() {
        let (one, other) = (TaskNumber(1), TaskNumber(2));
        let key = |name: &str| PartitionKey::new("s", name);
        let mut ownership = Ownership::default();
        for name in ["a", "b", "c"] {
            ownership.give(key(name), one);
        }
        ownership.give(key("b"), other);
        assert_eq!((ownership.count(one), ownership.count(other)), (2, 1));
        assert_eq!(ownership.owner(&key("b")), Some(other));
        assert_eq!(ownership.take(&key("a")), Some(one));
        assert_eq!(ownership.take(&key("a")), None);
        assert_eq!(ownership.take_all(one), BTreeSet::from([key("c")]));
        assert_eq!(ownership.partitions().collect::<Vec<_>>(), [&key("b")]);
    }
}
