//! A component that is tried on some source partitions, for real: they get a task of their own, which goes back to the
//! other component once the canary fails or is withdrawn.

use std::collections::{BTreeMap, BTreeSet};

use wasm_sink_core::{PartitionKey, Result};

use super::driver::{Driver, TaskNumber};
use super::logic::Share;
use super::task::Order;

/// The task of a canary.
#[derive(Debug)]
pub(super) struct CanaryTask {
    number: TaskNumber,
    /// What was chosen for it. In a group some may be gone.
    chosen: BTreeSet<PartitionKey>,
}

/// How a canary comes to its partitions.
enum Choice {
    /// A task that has as many becomes its task.
    Task(TaskNumber),
    /// They move to a task of their own, of this destination.
    Partitions(usize, Vec<PartitionKey>),
    /// There is nothing to choose from. Why.
    None(String),
}

impl Driver {
    /// Gives a canary its partitions, unless it has some, or there are none.
    pub(super) async fn place_canary(&mut self) -> Result<()> {
        let Some(share) = self.logic.canary_share() else {
            self.canary = None;
            return Ok(());
        };
        let is_placed = self
            .canary
            .as_ref()
            .is_some_and(|canary| self.ownership.count(canary.number) > 0);
        if is_placed || self.ownership.partitions().next().is_none() {
            return Ok(());
        }
        match self.choose(share) {
            Choice::None(why) => self.logic.refuse_canary(why),
            Choice::Task(number) => {
                let chosen = self.ownership.of(number).cloned().collect();
                self.canary = Some(CanaryTask { number, chosen });
                self.send_canary(number);
            }
            Choice::Partitions(destination, chosen) => {
                let answers = self.release(&chosen, || chosen.clone());
                self.wait_for(answers).await?;
                let mut moved = Vec::new();
                for key in chosen {
                    moved.extend(self.ownership.take(&key).map(|_| key));
                }
                let number = self.start_task(destination, None);
                let chosen = moved.iter().cloned().collect();
                self.canary = Some(CanaryTask { number, chosen });
                self.assign(moved).await?;
                // Before its first rows, and where its partitions stand is known by then.
                self.send_canary(number);
            }
        }
        Ok(())
    }

    /// The task that is to have a partition for the sake of a canary.
    pub(super) fn canary_of(&self, key: &PartitionKey) -> Option<TaskNumber> {
        let canary = self.canary.as_ref()?;
        let is_its = canary.chosen.contains(key) && self.tasks.contains_key(&canary.number);
        is_its.then_some(canary.number)
    }

    pub(super) fn is_canary(&self, number: TaskNumber) -> bool {
        let canary = self.canary.as_ref();
        canary.is_some_and(|canary| canary.number == number)
    }

    fn send_canary(&self, number: TaskNumber) {
        if let Some(task) = self.tasks.get(&number) {
            let _ = task.orders.send(Order::JoinCanary);
        }
    }

    fn choose(&self, share: Share) -> Choice {
        let mut destinations: BTreeMap<usize, Vec<TaskNumber>> = BTreeMap::new();
        for (number, task) in &self.tasks {
            if self.ownership.count(*number) > 0 {
                destinations
                    .entry(task.destination)
                    .or_default()
                    .push(*number);
            }
        }
        let count = |tasks: &[TaskNumber]| -> usize {
            tasks
                .iter()
                .map(|number| self.ownership.count(*number))
                .sum()
        };
        let largest = destinations
            .into_iter()
            .max_by_key(|(_, tasks)| count(tasks));
        let Some((destination, tasks)) = largest else {
            return Choice::None("this process has no partition".to_owned());
        };
        let all = count(&tasks);
        if all < 2 {
            return Choice::None(
                "this process has one source partition, and a canary takes some of several: hold the \
                 component against the other one with `wasm-sink shadow`, or swap it in on trial"
                    .to_owned(),
            );
        }
        let wanted = share.of(all);
        let has_lanes = tasks.iter().any(|number| {
            let task = self.tasks.get(number);
            task.is_some_and(|task| task.lane.is_some())
        });
        let by_size = |number: &&TaskNumber| self.ownership.count(**number);
        let fitting = match has_lanes {
            // What shares a lane shares its task.
            true => tasks.iter().min_by_key(by_size).filter(|_| tasks.len() > 1),
            false => tasks
                .iter()
                .find(|number| self.ownership.count(**number) == wanted)
                .filter(|_| tasks.len() > 1),
        };
        match fitting {
            Some(number) => Choice::Task(*number),
            None if has_lanes => Choice::None(
                "all partitions of this process share one task, and a canary takes some of several"
                    .to_owned(),
            ),
            None => {
                let keys = tasks.iter().flat_map(|number| self.ownership.of(*number));
                let keys: BTreeSet<&PartitionKey> = keys.collect();
                let chosen = keys.into_iter().rev().take(wanted).cloned();
                Choice::Partitions(destination, chosen.collect())
            }
        }
    }
}
