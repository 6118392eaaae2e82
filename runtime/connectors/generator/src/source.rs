//! Partitions, positions and pace.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::error::ArrowError;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures::FutureExt;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;
use wasm_sink_core::budget::{Budget, Reservation};
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::lag::{Ends, Standings};
use wasm_sink_core::source::{Membership, Source, SourceEvent};
use wasm_sink_core::{
    Blame, Error, Kind, Lag, Lineage, MetadataKey, PartitionKey, Position, Result, SourceBatch,
};

use crate::rows::Rows;
use crate::settings::Settings;

/// About what a row takes in memory, for the budget.
const ROW_BYTES: usize = 128;

/// Batches that are made before they are asked for.
const BATCHES_AHEAD: usize = 2;

/// The open generator.
#[derive(Debug)]
pub(crate) struct Generator {
    settings: Settings,
    budget: Budget,
    partitions: Vec<Partition>,
    /// The partition that a batch is made of next, if it flows.
    turn: usize,
    ahead: VecDeque<Ahead>,
    phase: Phase,
    pace: Option<Pace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unassigned,
    Flowing,
    Ended,
}

#[derive(Debug)]
struct Partition {
    key: PartitionKey,
    rows: Rows,
    /// None: endless.
    count: Option<u64>,
    /// The next offset to make; None before `seek`.
    next: Option<u64>,
    is_paused: bool,
    /// Where the next batch begins, as the pipeline knows it.
    begin: Option<Position>,
}

/// A batch that is being made.
#[derive(Debug)]
struct Ahead {
    partition: usize,
    offsets: Range<u64>,
    reservation: Reservation,
    task: JoinHandle<std::result::Result<RecordBatch, ArrowError>>,
}

/// Rows so far against the rate.
#[derive(Debug)]
struct Pace {
    rate: f64,
    since: Instant,
    rows: u64,
}

impl Pace {
    /// When the next batch is due.
    fn due(&self) -> Instant {
        let seconds = self.rows as f64 / self.rate;
        let elapsed = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        self.since.checked_add(elapsed).unwrap_or(self.since)
    }
}

/// Rows of partitions that end.
struct Counts(BTreeMap<PartitionKey, u64>);

#[async_trait]
impl Ends for Counts {
    async fn lags(&self, standings: &Standings) -> Result<BTreeMap<PartitionKey, Lag>> {
        let lag = |(key, at): (&PartitionKey, &Option<Position>)| {
            let words = at.as_ref().map(Position::words).unwrap_or_default();
            let done = words.first().map_or(0, |offset| *offset as u64);
            let left = self.0.get(key)?.saturating_sub(done);
            Some((key.clone(), Lag::Records(left)))
        };
        Ok(standings.iter().filter_map(lag).collect())
    }
}

impl Generator {
    pub(crate) fn new(settings: Settings, budget: Budget) -> Self {
        let source: Arc<str> =
            format!("generator/{}/{}", settings.seed, settings.partitions).into();
        let partitions = (0..settings.partitions).map(|partition| Partition {
            key: PartitionKey::new(Arc::clone(&source), partition.to_string()),
            rows: Rows {
                seed: settings.seed,
                partitions: settings.partitions,
                partition,
            },
            count: settings.rows_of(partition),
            next: None,
            is_paused: false,
            begin: None,
        });
        Self {
            partitions: partitions.collect(),
            budget,
            turn: 0,
            ahead: VecDeque::new(),
            phase: Phase::Unassigned,
            pace: None,
            settings,
        }
    }

    fn find(&mut self, key: &PartitionKey) -> Option<(usize, &mut Partition)> {
        let mut partitions = self.partitions.iter_mut().enumerate();
        partitions.find(|(_, partition)| partition.key == *key)
    }

    /// The next rows to make, of the partition whose turn it is.
    fn next_offsets(&mut self) -> Option<(usize, Range<u64>)> {
        let count = self.partitions.len();
        let batch_rows = self.settings.batch_rows as u64;
        for step in 0..count {
            let index = (self.turn + step) % count;
            let Some(partition) = self.partitions.get(index) else {
                continue;
            };
            let Some(start) = partition.next.filter(|_| !partition.is_paused) else {
                continue;
            };
            let last = partition.count.unwrap_or(i64::MAX as u64);
            let end = start.saturating_add(batch_rows).min(last);
            if start < end {
                return Some((index, start..end));
            }
        }
        None
    }

    /// Batches that may be given out now.
    fn flowing_ahead(&self) -> impl Iterator<Item = usize> + '_ {
        let flows = |ahead: &Ahead| {
            let partition = self.partitions.get(ahead.partition);
            partition.is_some_and(|partition| !partition.is_paused)
        };
        let ahead = self.ahead.iter().enumerate();
        ahead
            .filter(move |(_, ahead)| flows(ahead))
            .map(|(index, _)| index)
    }

    /// Waits for memory only where nothing else could be given out.
    async fn make_ahead(&mut self) {
        while self.flowing_ahead().count() < BATCHES_AHEAD {
            let Some((index, offsets)) = self.next_offsets() else {
                return;
            };
            let rows = (offsets.end - offsets.start) as usize;
            let is_first = self.flowing_ahead().next().is_none();
            let reserve = self.budget.reserve(rows * ROW_BYTES);
            let reservation = if is_first {
                reserve.await
            } else {
                match reserve.now_or_never() {
                    Some(reservation) => reservation,
                    None => return,
                }
            };
            let Some(partition) = self.partitions.get_mut(index) else {
                return;
            };
            partition.next = Some(offsets.end);
            self.turn = index + 1;
            let (source, range) = (partition.rows, offsets.clone());
            self.ahead.push_back(Ahead {
                partition: index,
                offsets,
                reservation,
                task: spawn_blocking(move || source.batch(range)),
            });
        }
    }

    fn is_delivered(&self) -> bool {
        self.ahead.is_empty()
            && self.partitions.iter().all(|partition| {
                partition
                    .count
                    .is_some_and(|count| partition.next == Some(count))
            })
    }

    fn finish(&mut self, ahead: Ahead, rows: RecordBatch) -> Option<SourceBatch> {
        let partition = self.partitions.get_mut(ahead.partition)?;
        let end = Position::from_offset(ahead.offsets.end);
        if let Some(pace) = &mut self.pace {
            pace.rows += rows.num_rows() as u64;
        }
        let at = partition.rows.at_micros(ahead.offsets.start);
        Some(SourceBatch {
            key: partition.key.clone(),
            begin: partition.begin.replace(end.clone()),
            end,
            bytes: rows.get_array_memory_size(),
            rows,
            lineage: Arc::new(OffsetLineage {
                rows: partition.rows,
                first: ahead.offsets.start,
            }),
            undecodable: Vec::new(),
            at: DateTime::from_timestamp_micros(at).unwrap_or_default(),
            reservation: Some(ahead.reservation),
        })
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let message = "rows could not be made; this is a bug in wasm-sink, please report it";
    Error::new(Kind::Other, Blame::Host, message).with_source(error)
}

#[async_trait]
impl Source for Generator {
    fn membership(&self) -> Membership {
        Membership::Alone
    }

    fn topic(&self, _key: &PartitionKey) -> Option<Arc<str>> {
        Some("generator".into())
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
        self.make_ahead().await;
        let Some(index) = self.flowing_ahead().next() else {
            if self.phase == Phase::Flowing && self.is_delivered() {
                self.phase = Phase::Ended;
                return Ok(SourceEvent::End);
            }
            // Only `seek` and `resume` change that.
            return std::future::pending().await;
        };
        if let Some(rate) = self.settings.rate {
            let pace = self.pace.get_or_insert_with(|| Pace {
                rate,
                since: Instant::now(),
                rows: 0,
            });
            tokio::time::sleep_until(pace.due()).await;
        }
        let Some(ahead) = self.ahead.get_mut(index) else {
            return std::future::pending().await;
        };
        let rows = (&mut ahead.task).await.map_err(failed)?.map_err(failed)?;
        let batch = match self.ahead.remove(index) {
            Some(ahead) => self.finish(ahead, rows),
            None => None,
        };
        match batch {
            Some(batch) => Ok(SourceEvent::Batch(batch)),
            None => std::future::pending().await,
        }
    }

    fn beginning(&self, _key: &PartitionKey) -> Position {
        Position::from_offset(0)
    }

    fn ends(&self) -> Option<Arc<dyn Ends>> {
        let counts = self.partitions.iter();
        let counts = counts.map(|partition| Some((partition.key.clone(), partition.count?)));
        Some(Arc::new(Counts(counts.collect::<Option<_>>()?)))
    }

    async fn seek(&mut self, key: &PartitionKey, to: Option<&Position>) -> Result<()> {
        let offset = match to.map(Position::words) {
            None => 0,
            Some([offset]) => *offset as u64,
            Some(_) => {
                let message = format!("the position stored for {key} is none of a generator");
                return Err(Error::new(Kind::Invalid, Blame::Source, message));
            }
        };
        let Some((index, partition)) = self.find(key) else {
            let message = format!("{key} is no partition of this generator");
            return Err(Error::new(Kind::Invalid, Blame::Host, message));
        };
        if let Some(count) = partition.count.filter(|count| offset > *count) {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                format!(
                    "{key} has been delivered up to row {offset}, and with this configuration it \
                     has {count} rows: set `rows` as high as it was, or give the pipeline another \
                     name to begin anew"
                ),
            ));
        }
        partition.next = Some(offset);
        partition.begin = to.cloned();
        partition.is_paused = false;
        self.ahead.retain(|ahead| ahead.partition != index);
        if self.phase == Phase::Ended {
            self.phase = Phase::Flowing;
        }
        Ok(())
    }

    fn pause(&mut self, key: &PartitionKey) {
        if let Some((_, partition)) = self.find(key) {
            partition.is_paused = true;
        }
    }

    fn resume(&mut self, key: &PartitionKey) {
        if let Some((_, partition)) = self.find(key) {
            partition.is_paused = false;
        }
    }

    async fn acknowledge(&mut self, _durable: &[(PartitionKey, Position)]) -> Result<()> {
        Ok(())
    }

    async fn release(&mut self, _keys: &[PartitionKey]) -> Result<()> {
        Ok(())
    }
}

/// Consecutive offsets.
#[derive(Debug)]
struct OffsetLineage {
    rows: Rows,
    first: u64,
}

impl OffsetLineage {
    fn offset(&self, row: u32) -> u64 {
        self.first + u64::from(row)
    }
}

impl Lineage for OffsetLineage {
    fn position_after(&self, row: u32) -> Option<Position> {
        Some(Position::from_offset(self.offset(row) + 1))
    }

    fn origin(&self, row: u32) -> RowOrigin {
        RowOrigin {
            name: format!("generator partition {}", self.rows.partition),
            line: None,
            offset: Some(self.offset(row)),
        }
    }

    fn raw(&self, _row: u32) -> Option<Bytes> {
        None
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        let same = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                text,
                rows.len(),
            )))
        };
        let offsets = rows.values().iter().map(|row| self.offset(*row));
        Some(match key {
            MetadataKey::Topic => same("generator"),
            MetadataKey::Partition => same(&self.rows.partition.to_string()),
            MetadataKey::Offset => Arc::new(Int64Array::from_iter_values(
                offsets.map(|offset| offset as i64),
            )),
            MetadataKey::Timestamp => {
                let micros = offsets.map(|offset| self.rows.at_micros(offset));
                let times = TimestampMicrosecondArray::from_iter_values(micros);
                Arc::new(times.with_timezone("+00:00"))
            }
            MetadataKey::Key | MetadataKey::Headers => return None,
        })
    }
}
