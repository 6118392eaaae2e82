//! A modelled source: numbered rows in partitions, handed around by a modelled group or all ours.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::source::{Membership, Source, SourceEvent};
use wasm_sink_core::{
    Blame, Error, Kind, Lineage, MetadataKey, PartitionKey, Position, Result, SourceBatch,
};

use crate::world::{Actor, Notice, World, key};

pub struct ModelSource {
    world: World,
    actor: Actor,
    /// Read up to here; None before the first row. Only what was sought is here.
    read: BTreeMap<PartitionKey, Option<u64>>,
    paused: Vec<PartitionKey>,
    notices: VecDeque<Notice>,
    has_ended: bool,
}

impl ModelSource {
    pub fn new(world: World, actor: Actor) -> Self {
        let state = world.lock();
        let notices = if state.scenario.has_group {
            VecDeque::new()
        } else {
            let all = (0..state.scenario.partitions).map(key).collect();
            VecDeque::from([Notice::Assigned(all)])
        };
        drop(state);
        Self {
            world,
            actor,
            read: BTreeMap::new(),
            paused: Vec::new(),
            notices,
            has_ended: false,
        }
    }

    /// Something to say now, if there is.
    fn poll(&mut self) -> Option<SourceEvent> {
        let mut state = self.world.lock();
        let notice = self
            .notices
            .pop_front()
            .or_else(|| state.members[self.actor.process].notices.pop_front());
        if let Some(notice) = notice {
            state.note(self.actor, &format!("{notice:?}"));
            return Some(match notice {
                Notice::Assigned(keys) => SourceEvent::Assigned(keys),
                Notice::Revoked(keys) => SourceEvent::Revoked(keys),
                Notice::Lost(keys) => {
                    for key in &keys {
                        self.read.remove(key);
                    }
                    SourceEvent::Lost(keys)
                }
            });
        }
        let rows = state.scenario.rows;
        let ready: Vec<PartitionKey> = self
            .read
            .iter()
            .filter(|(key, at)| at.unwrap_or(0) < rows && !self.paused.contains(key))
            .map(|(key, _)| key.clone())
            .collect();
        if ready.is_empty() {
            let all_read = self.read.len() == state.scenario.partitions
                && self.read.values().all(|at| *at == Some(rows));
            if !state.scenario.has_group && all_read && !self.has_ended {
                self.has_ended = true;
                return Some(SourceEvent::End);
            }
            return None;
        }
        let key = ready[state.rng.usize(..ready.len())].clone();
        let at = self.read[&key];
        let first = at.unwrap_or(0);
        let longest = state.scenario.max_batch_rows.min(rows - first);
        let end = first + state.rng.u64(1..=longest);
        state.note(self.actor, &format!("read {key} {first}..{end}"));
        drop(state);
        self.read.insert(key.clone(), Some(end));
        let values = Int64Array::from_iter_values((first..end).map(|row| row as i64));
        let batch = RecordBatch::try_from_iter([("row", Arc::new(values) as ArrayRef)]).unwrap();
        Some(SourceEvent::Batch(SourceBatch {
            key,
            begin: at.map(Position::from_offset),
            end: Position::from_offset(end),
            rows: batch,
            lineage: Arc::new(Numbers { first }),
            undecodable: Vec::new(),
            at: DateTime::UNIX_EPOCH,
            bytes: 1,
            reservation: None,
        }))
    }
}

#[async_trait]
impl Source for ModelSource {
    fn membership(&self) -> Membership {
        if self.world.lock().scenario.has_group {
            Membership::Group
        } else {
            Membership::Alone
        }
    }

    fn topic(&self, _key: &PartitionKey) -> Option<Arc<str>> {
        None
    }

    async fn next(&mut self) -> Result<SourceEvent> {
        loop {
            self.world.step(self.actor, "poll").await;
            if let Some(event) = self.poll() {
                return Ok(event);
            }
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        }
    }

    fn beginning(&self, _key: &PartitionKey) -> Position {
        Position::from_offset(0)
    }

    async fn seek(&mut self, key: &PartitionKey, to: Option<&Position>) -> Result<()> {
        self.world
            .step(self.actor, &format!("seek {key} {to:?}"))
            .await;
        let at = to.map(|to| to.words()[0] as u64);
        if at.is_some_and(|at| at > self.world.lock().scenario.rows) {
            return Err(Error::new(Kind::Other, Blame::Source, "beyond the end"));
        }
        self.has_ended = false;
        self.paused.retain(|paused| paused != key);
        self.read.insert(key.clone(), at);
        Ok(())
    }

    fn pause(&mut self, key: &PartitionKey) {
        self.paused.push(key.clone());
    }

    fn resume(&mut self, key: &PartitionKey) {
        self.paused.retain(|paused| paused != key);
    }

    async fn acknowledge(&mut self, durable: &[(PartitionKey, Position)]) -> Result<()> {
        self.world.step(self.actor, "acknowledge").await;
        let mut state = self.world.lock();
        for (key, position) in durable {
            state.acknowledged(key, position);
        }
        Ok(())
    }

    async fn release(&mut self, keys: &[PartitionKey]) -> Result<()> {
        self.world.step(self.actor, "release").await;
        for key in keys {
            self.read.remove(key);
        }
        let mut state = self.world.lock();
        state.released(self.actor, keys);
        Ok(())
    }
}

#[derive(Debug)]
struct Numbers {
    first: u64,
}

impl Lineage for Numbers {
    fn position_after(&self, row: u32) -> Option<Position> {
        Some(Position::from_offset(self.first + u64::from(row) + 1))
    }

    fn origin(&self, row: u32) -> RowOrigin {
        RowOrigin {
            name: "model".to_owned(),
            line: None,
            offset: Some(self.first + u64::from(row)),
        }
    }

    fn raw(&self, _row: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, _key: MetadataKey, _rows: &UInt32Array) -> Option<ArrayRef> {
        None
    }
}
