//! Letters as a source: a partition for each topic.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};
use wasm_sink_core::budget::Budget;
use wasm_sink_core::connection::Connection;
use wasm_sink_core::dead_letter::{Kept, RefusedBy};
use wasm_sink_core::source::{
    Membership, Redecoded, Redecoder, Source, SourceContext, SourceEvent, SourceSpec,
};
use wasm_sink_core::{Blame, DeadLetter, Error, Kind, PartitionKey, Position, Result, SourceBatch};

use super::Order;
use super::lineage::LetterLineage;
use super::pass::{Parts, Pass, Piece, position};

/// The letters of orders, in the place of a pipeline's `[source]`.
pub struct LettersSpec {
    orders: Vec<Order>,
    folder: Arc<PathBuf>,
    pipeline: Arc<str>,
    /// The pipeline's own.
    source: Arc<dyn SourceSpec>,
}

impl fmt::Debug for LettersSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LettersSpec")
            .field("orders", &self.orders)
            .finish_non_exhaustive()
    }
}

impl LettersSpec {
    /// Letters of a pipeline, in the folder of its letters. `source` decodes what did not decode.
    pub fn new(
        orders: Vec<Order>,
        folder: PathBuf,
        pipeline: &str,
        source: Box<dyn SourceSpec>,
    ) -> Self {
        Self {
            orders,
            folder: Arc::new(folder),
            pipeline: pipeline.into(),
            source: source.into(),
        }
    }
}

#[async_trait]
impl SourceSpec for LettersSpec {
    async fn open(
        &self,
        _connection: Option<Arc<dyn Connection>>,
        context: SourceContext,
    ) -> Result<Box<dyn Source>> {
        let mut partitions: Vec<Partition> = Vec::new();
        for order in &self.orders {
            for of in &order.topics {
                let topic = of.topic.as_deref();
                let key = order.key(topic);
                if partitions.iter().any(|partition| partition.key == key) {
                    continue;
                }
                partitions.push(Partition {
                    topic: topic.map(Arc::from),
                    parts: Parts::of(&self.orders, &key, topic, &self.folder, &self.pipeline),
                    key,
                    pass: None,
                    generation: 0,
                    is_paused: false,
                    begin: None,
                    ready: VecDeque::new(),
                });
            }
        }
        Ok(Box::new(LettersSource {
            partitions,
            turn: 0,
            reading: None,
            decoding: Some(Decoding {
                spec: Arc::clone(&self.source),
                budget: context.budget.clone(),
                context,
                redecoder: None,
            }),
            phase: Phase::Unassigned,
        }))
    }
}

/// The open letters.
struct LettersSource {
    partitions: Vec<Partition>,
    /// The partition that is read next, if it flows.
    turn: usize,
    /// One partition at a time.
    reading: Option<Reading>,
    /// None while it is at work.
    decoding: Option<Decoding>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unassigned,
    Flowing,
    Ended,
}

struct Partition {
    key: PartitionKey,
    topic: Option<Arc<str>>,
    parts: Parts,
    /// None before `seek`, at the end, and while it is read.
    pass: Option<Pass>,
    /// Counts seeks.
    generation: u64,
    is_paused: bool,
    /// Where the next batch begins, as the pipeline knows it.
    begin: Option<Position>,
    ready: VecDeque<SourceBatch>,
}

/// A pass after some letters, and those as batches.
type Read = (Pass, Vec<SourceBatch>);

struct Reading {
    partition: usize,
    generation: u64,
    task: JoinHandle<(Decoding, Result<Option<Read>>)>,
}

/// What makes batches.
struct Decoding {
    spec: Arc<dyn SourceSpec>,
    context: SourceContext,
    budget: Budget,
    redecoder: Option<Box<dyn Redecoder>>,
}

impl Decoding {
    /// The next letters of a pass; None after the last one.
    async fn read(
        &mut self,
        mut pass: Pass,
        key: &PartitionKey,
        topic: Option<&str>,
        begin: Option<Position>,
    ) -> Result<Option<Read>> {
        let read = spawn_blocking(move || pass.next_piece().map(|piece| (pass, piece)));
        let (pass, piece) = read.await.map_err(broke_off)??;
        let Some(piece) = piece else {
            return Ok(None);
        };
        let batches = match piece.rows.clone() {
            Some(rows) => {
                let redecoded = Redecoded {
                    memory_bytes: rows.get_array_memory_size(),
                    records: (0..rows.num_rows() as u32).collect(),
                    end: rows.num_rows(),
                    undecodable: Vec::new(),
                    rows,
                };
                vec![batch(&self.budget, &piece, key, 0, redecoded, begin).await]
            }
            None => self.decode(&piece, key, topic, begin).await?,
        };
        Ok(Some((pass, batches)))
    }

    async fn decode(
        &mut self,
        piece: &Piece,
        key: &PartitionKey,
        topic: Option<&str>,
        mut begin: Option<Position>,
    ) -> Result<Vec<SourceBatch>> {
        let mut redecoder = match self.redecoder.take() {
            Some(redecoder) => redecoder,
            None => {
                let redecoder = self.spec.redecoder(&self.context).await?;
                redecoder.ok_or_else(|| bug("letters that nobody can decode"))?
            }
        };
        let is_absent = piece.is_absent();
        let records: Vec<Option<Bytes>> = piece
            .letters
            .iter()
            .map(|letter| letter.record.bytes().filter(|_| !is_absent))
            .collect();
        let (mut batches, mut from) = (Vec::new(), 0);
        while from < records.len() {
            let redecoded = redecoder.decode(topic, &records, from).await?;
            let end = redecoded.end.max(from + 1);
            let begins = begin.take();
            let batch = batch(&self.budget, piece, key, from, redecoded, begins).await;
            begin = Some(batch.end.clone());
            batches.push(batch);
            from = end;
        }
        self.redecoder = Some(redecoder);
        Ok(batches)
    }
}

/// The letters of a piece from `from` on that were decoded.
async fn batch(
    budget: &Budget,
    piece: &Piece,
    key: &PartitionKey,
    from: usize,
    redecoded: Redecoded,
    begin: Option<Position>,
) -> SourceBatch {
    let end = redecoded.end.max(from + 1);
    let lineage = LetterLineage {
        sequence: piece.sequence,
        before: piece.before,
        letters: piece.letters.clone(),
        metadata: piece.metadata.clone(),
        of_rows: redecoded.records,
    };
    let undecodable = redecoded.undecodable.into_iter();
    let undecodable = undecodable.filter_map(|(after, number, reason)| {
        let letter = piece.letters.get(number as usize)?;
        let letter = DeadLetter {
            key: key.clone(),
            origin: letter.origin.clone(),
            position: Some(lineage.position_behind(number)),
            by: RefusedBy::Decoder,
            reason,
            record: letter.record.bytes().unwrap_or_default(),
            kept: Kept::Record(piece.metadata.slice(number as usize, 1)),
        };
        Some((after, letter))
    });
    let bytes = redecoded.memory_bytes + piece.record_bytes();
    SourceBatch {
        key: key.clone(),
        begin,
        end: position(piece.sequence, piece.before + end as u64),
        undecodable: undecodable.collect(),
        rows: redecoded.rows,
        lineage: Arc::new(lineage),
        at: piece.at,
        bytes,
        reservation: Some(budget.reserve(bytes).await),
    }
}

impl LettersSource {
    fn find(&mut self, key: &PartitionKey) -> Option<&mut Partition> {
        let mut partitions = self.partitions.iter_mut();
        partitions.find(|partition| partition.key == *key)
    }

    /// Begins to read the next partition that flows; false where there is none.
    fn begin_reading(&mut self) -> bool {
        let count = self.partitions.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            let Some(partition) = self.partitions.get_mut(index) else {
                continue;
            };
            if partition.is_paused {
                continue;
            }
            let Some(pass) = partition.pass.take() else {
                continue;
            };
            let Some(mut decoding) = self.decoding.take() else {
                partition.pass = Some(pass);
                return false;
            };
            let (key, topic) = (partition.key.clone(), partition.topic.clone());
            let begin = partition.begin.clone();
            let task = tokio::spawn(async move {
                let read = decoding.read(pass, &key, topic.as_deref(), begin).await;
                (decoding, read)
            });
            self.reading = Some(Reading {
                partition: index,
                generation: partition.generation,
                task,
            });
            self.turn = index + 1;
            return true;
        }
        false
    }

    fn ready(&mut self) -> Option<SourceBatch> {
        let mut flowing = self
            .partitions
            .iter_mut()
            .filter(|partition| !partition.is_paused);
        flowing.find_map(|partition| partition.ready.pop_front())
    }

    /// Whether everything is out.
    fn is_over(&self) -> bool {
        let mut partitions = self.partitions.iter();
        self.reading.is_none()
            && partitions.all(|partition| partition.pass.is_none() && partition.ready.is_empty())
    }
}

impl Drop for LettersSource {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.task.abort();
        }
    }
}

#[async_trait]
impl Source for LettersSource {
    /// A group's member leaves the partitions of all others alone: those of the pipeline, which may be running.
    fn membership(&self) -> Membership {
        Membership::Group
    }

    async fn next(&mut self) -> Result<SourceEvent> {
        if self.phase == Phase::Unassigned {
            self.phase = Phase::Flowing;
            let keys = self
                .partitions
                .iter()
                .map(|partition| partition.key.clone());
            return Ok(SourceEvent::Assigned(keys.collect()));
        }
        loop {
            if let Some(batch) = self.ready() {
                return Ok(SourceEvent::Batch(batch));
            }
            if let Some(reading) = &mut self.reading {
                let (decoding, read) = (&mut reading.task).await.map_err(broke_off)?;
                let (index, generation) = (reading.partition, reading.generation);
                self.reading = None;
                self.decoding = Some(decoding);
                let partition = self.partitions.get_mut(index);
                let partition = partition.filter(|partition| partition.generation == generation);
                if let (Some(partition), Some((pass, batches))) = (partition, read?) {
                    partition.begin = batches.last().map(|batch| batch.end.clone());
                    partition.pass = Some(pass);
                    partition.ready.extend(batches);
                }
                continue;
            }
            if self.begin_reading() {
                continue;
            }
            if self.phase == Phase::Flowing && self.is_over() {
                self.phase = Phase::Ended;
                return Ok(SourceEvent::End);
            }
            // Until a partition is resumed, or sent elsewhere.
            std::future::pending::<()>().await;
        }
    }

    fn topic(&self, key: &PartitionKey) -> Option<Arc<str>> {
        let mut partitions = self.partitions.iter();
        let partition = partitions.find(|partition| partition.key == *key)?;
        partition.topic.clone()
    }

    fn beginning(&self, _key: &PartitionKey) -> Position {
        position(0, 0)
    }

    async fn seek(&mut self, key: &PartitionKey, to: Option<&Position>) -> Result<()> {
        let Some(partition) = self.find(key) else {
            return Err(bug("a partition of letters that is not there"));
        };
        partition.pass = Some(partition.parts.pass(to)?);
        partition.generation += 1;
        partition.begin = to.cloned();
        partition.ready.clear();
        partition.is_paused = false;
        if self.phase == Phase::Ended {
            self.phase = Phase::Flowing;
        }
        Ok(())
    }

    fn pause(&mut self, key: &PartitionKey) {
        if let Some(partition) = self.find(key) {
            partition.is_paused = true;
        }
    }

    fn resume(&mut self, key: &PartitionKey) {
        if let Some(partition) = self.find(key) {
            partition.is_paused = false;
        }
    }

    async fn acknowledge(&mut self, _durable: &[(PartitionKey, Position)]) -> Result<()> {
        // They are removed once all are delivered.
        Ok(())
    }

    async fn release(&mut self, _keys: &[PartitionKey]) -> Result<()> {
        Ok(())
    }
}

fn broke_off(error: tokio::task::JoinError) -> Error {
    bug("reading dead letters stopped half way").with_source(error)
}

fn bug(message: &str) -> Error {
    let message = format!("{message}; this is a bug in wasm-sink, please report it");
    Error::new(Kind::Other, Blame::Host, message)
}
