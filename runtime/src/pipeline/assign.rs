//! Partitions that come and go: each to a task of the destination that its topic leads to, from its
//! stored position on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::timeout;
use wasm_sink_core::home::{Base, Lane};
use wasm_sink_core::{Blame, Error, Kind, PartitionKey, Result};

use super::Start;
use super::driver::{Backpressure, Driver, TaskNumber};
use super::task::Order;

impl Driver {
    /// Reads positions in one pass, finishes intents, then seeks and hands out.
    pub(super) async fn assign(&mut self, keys: Vec<PartitionKey>) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut parts: BTreeMap<usize, Vec<PartitionKey>> = BTreeMap::new();
        for key in keys {
            let topic = self.source.topic(&key);
            let destination = self.destinations.index_of(topic.as_deref());
            parts.entry(destination).or_default().push(key);
        }
        for (destination, keys) in &parts {
            self.contexts[*destination].claim(keys).await?;
        }
        if self.start == Start::Restart && !std::mem::replace(&mut self.is_restarted, true) {
            let sources = keys_of(&parts).map(|key| key.source().to_owned()).collect();
            for (destination, context) in self.contexts.clone().iter().enumerate() {
                let keys = parts.get(&destination).map_or(&[][..], Vec::as_slice);
                self.restart(context, &sources, keys).await?;
            }
        }
        let mut bases = Vec::with_capacity(self.contexts.len());
        for context in &self.contexts {
            bases.push(context.read_home().await?);
        }
        for (destination, keys) in parts {
            let (context, base) = (&self.contexts[destination], &bases[destination]);
            context.settle_claimed_letters(&keys, base).await?;
            self.assign_to(destination, keys, &bases).await?;
        }
        Ok(())
    }

    /// Hands partitions to tasks of one destination.
    async fn assign_to(
        &mut self,
        destination: usize,
        keys: Vec<PartitionKey>,
        bases: &[Base],
    ) -> Result<()> {
        let context = Arc::clone(&self.contexts[destination]);
        let base = &bases[destination];
        if !base.positions.is_empty() {
            context.quota.has_delivered_before();
        }
        context.roll_forward(base, keys.iter()).await?;
        for key in keys {
            self.refuse_moved(&key, destination, bases)?;
            let stored = base
                .positions
                .get(&key)
                .map(|stored| stored.position.clone());
            let at = self.begin_at(&context, &key, stored).await?;
            self.source.seek(&key, at.as_ref()).await?;
            context.observer.assigned(&key, at.as_ref());
            if let Some(at) = &at {
                self.positions.insert(key.clone(), at.clone());
            }
            let number = match context.destination.home.lane(&key) {
                None if let Some(canary) = self.canary_of(&key) => canary,
                None => self.least_loaded(destination),
                Some(lane) => self.task_in(lane, destination),
            };
            self.ownership.give(key.clone(), number);
            if let Some(task) = self.tasks.get(&number) {
                if task.is_full && self.backpressure == Backpressure::Partitions {
                    self.source.pause(&key);
                }
                let _ = task.orders.send(Order::Assign(key, at));
            }
        }
        Ok(())
    }

    /// A task that has nothing to do, or of those that a destination may have the one with the least.
    fn least_loaded(&mut self, destination: usize) -> TaskNumber {
        let own = self.tasks.iter();
        let own = own
            .filter(|(number, task)| task.destination == destination && !self.is_canary(**number));
        let numbers: Vec<TaskNumber> = own.map(|(number, _)| *number).collect();
        let load = |number: &TaskNumber| self.ownership.count(*number);
        match numbers.iter().copied().min_by_key(load) {
            Some(least) if load(&least) == 0 || numbers.len() >= self.tasks_each => least,
            _ => self.start_task(destination, None),
        }
    }

    /// The task that has the lane, or one with nothing to do, which takes it.
    fn task_in(&mut self, lane: Lane, destination: usize) -> TaskNumber {
        let own = self.tasks.iter();
        let own = own.filter(|(_, task)| task.destination == destination);
        let mut idle = None;
        for (number, task) in own {
            if task.lane.as_ref() == Some(&lane) {
                return *number;
            }
            if self.ownership.count(*number) == 0 {
                idle.get_or_insert(*number);
            }
        }
        let Some(number) = idle else {
            return self.start_task(destination, Some(lane));
        };
        if let Some(task) = self.tasks.get_mut(&number) {
            task.lane = Some(lane);
        }
        number
    }

    /// A partition goes on in the table that its topic leads to. Where another one has its position,
    /// somebody changed the routes, and what is in that table would come once more.
    fn refuse_moved(&self, key: &PartitionKey, destination: usize, bases: &[Base]) -> Result<()> {
        if bases[destination].positions.contains_key(key) || self.start != Start::Resume {
            return Ok(());
        }
        let Some(other) = bases
            .iter()
            .position(|base| base.positions.contains_key(key))
        else {
            return Ok(());
        };
        let describe = |index: usize| self.contexts[index].destination.home.describe();
        Err(Error::new(
            Kind::Other,
            Blame::Configuration,
            format!(
                "partition {key} was delivered to {} before, and routes lead it to {} now: `run --from \
                 beginning` reads it again, `run --from POSITION` goes on there",
                describe(other),
                describe(destination)
            ),
        ))
    }

    /// Waits for flush and commit of what is to be given back, up to `revoke_ms`; then forgets.
    pub(super) async fn revoke(&mut self, keys: Vec<PartitionKey>) -> Result<()> {
        let answers = self.release(&keys, || keys.clone());
        let limit = self.revoke_limit;
        let Ok(result) = timeout(limit, self.wait_for(answers)).await else {
            return self.lose(&keys).await;
        };
        result?;
        for key in &keys {
            self.ownership.take(key);
        }
        self.let_go(&keys).await
    }

    async fn let_go(&mut self, keys: &[PartitionKey]) -> Result<()> {
        for context in &self.contexts {
            context.destination.home.release(keys).await;
        }
        if let Some(context) = self.contexts.first() {
            context.observer.released(keys);
        }
        self.source.release(keys).await
    }

    /// Forgets the open epochs that touch `keys`, whatever their tasks are doing; what is kept is
    /// read again from its stored position.
    pub(super) async fn lose(&mut self, keys: &[PartitionKey]) -> Result<()> {
        let touched: BTreeSet<TaskNumber> = keys
            .iter()
            .filter_map(|key| self.ownership.take(key))
            .collect();
        let mut kept = Vec::new();
        for number in touched {
            if let Some(task) = self.tasks.remove(&number) {
                task.abort.abort();
            }
            kept.extend(self.ownership.take_all(number));
        }
        self.let_go(keys).await?;
        self.assign(kept).await
    }
}

fn keys_of(parts: &BTreeMap<usize, Vec<PartitionKey>>) -> impl Iterator<Item = &PartitionKey> {
    parts.values().flatten()
}
