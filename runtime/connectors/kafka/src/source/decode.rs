//! Makes batches of chunks, beside the thread that polls and the pipeline.
//!
//! A chunk comes out only once the brokers have said, after it had been fetched, that its topic is
//! still the one it was taken for: the library reads on where it stood when a topic is made again under
//! its name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::Schema;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use wasm_sink_core::batch::record_metadata;
use wasm_sink_core::budget::{Budget, Reservation};
use wasm_sink_core::dead_letter::{ABSENT, DeadLetter, Kept, RefusedBy};
use wasm_sink_core::{Lineage, PartitionKey, Position, Result, SourceBatch};
use wasm_sink_formats::{DecodedMessages, MessageDecoder, MessageDecoders};

use super::chunk::Chunk;
use super::lineage::ChunkLineage;
use super::partition::{Partition, Reading, position};
use super::topics::{Topics, broke_off};

/// Brokers that do not say what a topic is are asked again after this.
const AGAIN: Duration = Duration::from_millis(200);

/// What comes of chunks.
#[derive(Debug)]
pub(super) enum Decoded {
    Batch {
        generation: u64,
        batch: SourceBatch,
    },
    /// Everything that is wanted of a reading is out.
    Done {
        key: PartitionKey,
        generation: u64,
    },
    /// These topics are others by now, or gone.
    Replaced(BTreeSet<String>),
    /// Nothing can be decoded any more.
    Failed(wasm_sink_core::Error),
}

/// The task's own.
pub(super) struct Decode {
    pub(super) chunks: mpsc::Receiver<Chunk>,
    pub(super) decoded: mpsc::Sender<Decoded>,
    pub(super) formats: MessageDecoders,
    pub(super) budget: Budget,
    pub(super) topics: Topics,
    decoders: HashMap<Arc<str>, Box<dyn MessageDecoder>>,
    /// Where each reading stands, as the pipeline knows it.
    ends: HashMap<PartitionKey, (u64, Option<Position>)>,
    /// Topics and their ids, as the brokers said at this time.
    verified: BTreeMap<String, (String, Instant)>,
}

impl Decode {
    pub(super) fn new(
        chunks: mpsc::Receiver<Chunk>,
        decoded: mpsc::Sender<Decoded>,
        formats: MessageDecoders,
        budget: Budget,
        topics: Topics,
    ) -> Self {
        Self {
            chunks,
            decoded,
            formats,
            budget,
            topics,
            decoders: HashMap::new(),
            ends: HashMap::new(),
            verified: BTreeMap::new(),
        }
    }

    /// Until nobody has chunks, or wants batches.
    pub(super) async fn run(mut self) {
        while let Some(chunk) = self.chunks.recv().await {
            let going_on = match self.chunk(chunk).await {
                Ok(going_on) => going_on,
                Err(error) => {
                    let _ = self.decoded.send(Decoded::Failed(error)).await;
                    false
                }
            };
            if !going_on {
                return;
            }
        }
    }

    /// False where nobody wants batches any more.
    async fn chunk(&mut self, chunk: Chunk) -> Result<bool> {
        let reading = Arc::clone(&chunk.reading);
        let replaced = self.replaced(&reading.partition, chunk.fetched).await?;
        if replaced.contains(&*reading.partition.topic) {
            return Ok(self.decoded.send(Decoded::Replaced(replaced)).await.is_ok());
        }
        let chunk = Arc::new(chunk);
        let mut from = 0;
        loop {
            // About as much again as the bytes; the rest when it is known.
            let reservation = self.budget.reserve(2 * chunk.memory_bytes()).await;
            let part = match chunk.payloads.len() {
                0 => nothing(),
                _ => {
                    let topic = Arc::clone(&reading.partition.topic);
                    let decoder = self.decoders.entry(topic);
                    let decoder = decoder.or_insert_with(|| self.formats.decoder());
                    decoder.decode(&chunk.payloads, from).await?
                }
            };
            let first = from;
            from = part.end.max(from + 1);
            let is_last = from >= chunk.payloads.len();
            if let Some(batch) = self.batch(&chunk, first, part, is_last, reservation) {
                let generation = reading.generation;
                let batch = Decoded::Batch { generation, batch };
                if self.decoded.send(batch).await.is_err() {
                    return Ok(false);
                }
            }
            if is_last {
                break;
            }
        }
        if chunk.is_done {
            let done = Decoded::Done {
                key: reading.partition.key.clone(),
                generation: reading.generation,
            };
            return Ok(self.decoded.send(done).await.is_ok());
        }
        Ok(true)
    }

    /// One batch of a chunk: the messages from `first` on that were decoded. None where the position
    /// does not move.
    fn batch(
        &mut self,
        chunk: &Arc<Chunk>,
        first: usize,
        part: DecodedMessages,
        is_last: bool,
        reservation: Reservation,
    ) -> Option<SourceBatch> {
        let reading = &chunk.reading;
        let key = &reading.partition.key;
        let end = match is_last {
            true => chunk.end,
            false => chunk.offsets.get(part.end.checked_sub(1)?)? + 1,
        };
        let end = position(end);
        let (_, at) = self
            .ends
            .entry(key.clone())
            .and_modify(|(generation, at)| {
                if *generation != reading.generation {
                    *generation = reading.generation;
                    at.clone_from(&reading.begin);
                }
            })
            .or_insert_with(|| (reading.generation, reading.begin.clone()));
        let undecodable = letters(chunk, first, &part, is_last);
        if at.as_ref() == Some(&end) || (at.is_none() && end == position(0)) {
            return None;
        }
        let begin = at.replace(end.clone());
        let bytes = part.memory_bytes + chunk.memory_bytes();
        Some(SourceBatch {
            key: key.clone(),
            begin,
            end,
            rows: part.rows,
            undecodable,
            at: time(chunk),
            bytes,
            reservation: Some(reservation),
            lineage: Arc::new(ChunkLineage {
                chunk: Arc::clone(chunk),
                messages: part.messages,
            }),
        })
    }

    /// The topics that are no longer what they were, where that of `partition` has not been seen to be
    /// the same since `fetched`.
    async fn replaced(
        &mut self,
        partition: &Partition,
        fetched: Instant,
    ) -> Result<BTreeSet<String>> {
        // Without ids there is nothing to be told apart.
        let Some(id) = &partition.topic_id else {
            return Ok(BTreeSet::new());
        };
        let name = partition.topic.as_ref();
        match self.verified.get(name) {
            Some((known, at)) if known == id && *at >= fetched => return Ok(BTreeSet::new()),
            _ => {
                self.verified.insert(name.to_owned(), (id.clone(), fetched));
            }
        }
        loop {
            let asked = Instant::now();
            let topics = self.topics.clone();
            let known = self.verified.iter();
            let known: BTreeMap<_, _> = known
                .map(|(name, (id, _))| (name.clone(), id.clone()))
                .collect();
            let answer = spawn_blocking(move || topics.replaced(&known)).await;
            match answer.map_err(broke_off)? {
                Ok(replaced) => {
                    self.verified.retain(|name, _| !replaced.contains(name));
                    for (_, at) in self.verified.values_mut() {
                        *at = asked;
                    }
                    return Ok(replaced);
                }
                Err(error) => {
                    tracing::debug!(%error, "asking what topics are; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

/// What comes of a chunk in which nothing is to be decoded.
fn nothing() -> DecodedMessages {
    DecodedMessages {
        rows: RecordBatch::new_empty(Arc::new(Schema::empty())),
        messages: Vec::new(),
        undecodable: Vec::new(),
        memory_bytes: 0,
        end: 0,
    }
}

/// The time of the last message that has one.
fn time(chunk: &Chunk) -> DateTime<Utc> {
    let last = chunk.timestamps.iter().rev().find(|at| **at >= 0);
    let at = last.and_then(|at| DateTime::from_timestamp_millis(*at));
    at.unwrap_or_default()
}

/// What did not decode, and tombstones that nobody wants, in their order.
fn letters(
    chunk: &Arc<Chunk>,
    first: usize,
    part: &DecodedMessages,
    is_last: bool,
) -> Vec<(u32, DeadLetter)> {
    let reading = &chunk.reading;
    let mut letters: Vec<(i64, u32, DeadLetter)> = Vec::new();
    for undecodable in &part.undecodable {
        let message = undecodable.message as usize;
        let offset = chunk.offsets.get(message).copied().unwrap_or(-1);
        let payload = chunk.payloads.get(message).unwrap_or_default();
        // A copy, so that a letter does not hold its whole chunk.
        let record = Bytes::copy_from_slice(payload);
        let lineage = ChunkLineage {
            chunk: Arc::clone(chunk),
            messages: vec![undecodable.message],
        };
        let kept = metadata(&lineage).map_or(Kept::Nothing, Kept::Record);
        let reason = undecodable.reason.clone();
        let letter = letter(reading, offset, reason, record, kept);
        letters.push((offset, undecodable.after_rows, letter));
    }
    for rejected in &chunk.rejected {
        let is_here = rejected.after >= first && (is_last || rejected.after < part.end);
        if !is_here {
            continue;
        }
        let before = part.messages.iter();
        let before = before.filter(|message| (**message as usize) < rejected.after);
        let key = super::lineage::text(rejected.key.as_deref().unwrap_or_default());
        let reason = format!("a tombstone: the record with the key `{key}` has no value");
        let lineage = ChunkLineage {
            chunk: Arc::new(rejected.alone(chunk)),
            messages: vec![0],
        };
        let kept = metadata(&lineage).and_then(absent);
        let kept = kept.map_or(Kept::Nothing, Kept::Record);
        let letter = letter(reading, rejected.offset, reason, Bytes::new(), kept);
        letters.push((rejected.offset, before.count() as u32, letter));
    }
    letters.sort_by_key(|(offset, ..)| *offset);
    let letters = letters.into_iter();
    letters.map(|(_, after, letter)| (after, letter)).collect()
}

/// Of the first row.
fn metadata(lineage: &ChunkLineage) -> Option<RecordBatch> {
    let first = UInt32Array::from(vec![0]);
    record_metadata(|key| lineage.metadata(key, &first)).ok()
}

fn absent(metadata: RecordBatch) -> Option<RecordBatch> {
    let fields = metadata.schema().fields().clone();
    let said = [(ABSENT.to_owned(), true.to_string())].into();
    let schema = Schema::new_with_metadata(fields, said);
    metadata.with_schema(Arc::new(schema)).ok()
}

fn letter(reading: &Reading, offset: i64, reason: String, record: Bytes, kept: Kept) -> DeadLetter {
    DeadLetter {
        key: reading.partition.key.clone(),
        origin: reading.partition.origin(offset),
        position: Some(position(offset + 1)),
        by: RefusedBy::Decoder,
        reason,
        record,
        kept,
    }
}
