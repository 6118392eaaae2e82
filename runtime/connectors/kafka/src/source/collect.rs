//! Puts messages where they belong: a chunk per partition, closed when it is large or old enough.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chunk::{Chunk, Collecting, Room};
use super::partition::Reading;
use crate::native::{Batch, Code, Message, NativeError, TopicPartition};
use crate::settings::Tombstones;

/// A record waits no longer than this for others.
pub(super) const LINGER: Duration = Duration::from_millis(20);
/// A chunk has about so many bytes at most.
pub(super) const CHUNK_BYTES: usize = 2 << 20;
/// All that are open have about so many at most.
pub(super) const OPEN_BYTES: usize = 8 << 20;

/// What the library says of a partition in the place of a message.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) error: NativeError,
    /// None: of none in particular.
    pub(super) about: Option<TopicPartition>,
    /// The reading that it interrupts.
    pub(super) reading: Option<Arc<Reading>>,
}

/// The partitions that are read, and what came of each.
#[derive(Debug)]
pub(super) struct Collector {
    slots: Vec<Slot>,
    by_place: HashMap<TopicPartition, usize>,
    batch_rows: usize,
    tombstones: Tombstones,
    open_bytes: usize,
    /// Chunks that are closed, in order.
    pub(super) closed: Vec<Chunk>,
    pub(super) complaints: Vec<Complaint>,
    /// Tombstones that were passed over.
    pub(super) skipped: u64,
}

#[derive(Debug)]
struct Slot {
    reading: Arc<Reading>,
    /// The offset after what came last.
    next: i64,
    /// Where the last closed chunk ended.
    given: i64,
    open: Option<Collecting>,
    /// What the last chunk took.
    room: Room,
    is_done: bool,
}

impl Collector {
    pub(super) fn new(batch_rows: usize, tombstones: Tombstones) -> Self {
        Self {
            slots: Vec::new(),
            by_place: HashMap::new(),
            batch_rows: batch_rows.max(1),
            tombstones,
            open_bytes: 0,
            closed: Vec::new(),
            complaints: Vec::new(),
            skipped: 0,
        }
    }

    /// Reads a partition from now on, from the beginning of `reading`; what came of it before is gone.
    pub(super) fn begin(&mut self, reading: Arc<Reading>) {
        let place = reading.partition.place.clone();
        let slot = Slot {
            next: reading.offset,
            given: reading.offset,
            open: None,
            room: Room::default(),
            is_done: false,
            reading,
        };
        self.forget(&place);
        self.by_place.insert(place, self.slots.len());
        self.slots.push(slot);
    }

    /// Reads a partition no longer.
    pub(super) fn forget(&mut self, place: &TopicPartition) {
        let Some(index) = self.by_place.remove(place) else {
            return;
        };
        let slot = self.slots.swap_remove(index);
        self.open_bytes -= slot.open.map_or(0, |open| open.bytes());
        if let Some(moved) = self.slots.get(index) {
            let place = moved.reading.partition.place.clone();
            self.by_place.insert(place, index);
        }
    }

    /// All partitions that are read and not done.
    pub(super) fn places(&self) -> impl Iterator<Item = &TopicPartition> {
        let slots = self.slots.iter().filter(|slot| !slot.is_done);
        slots.map(|slot| &slot.reading.partition.place)
    }

    /// Whether anything waits to be closed.
    pub(super) fn is_open(&self) -> bool {
        self.slots.iter().any(|slot| slot.open.is_some())
    }

    /// Takes in what came.
    pub(super) fn take(&mut self, batch: &Batch) {
        let now = Instant::now();
        // Messages come in runs of one partition.
        let mut last: Option<(usize, i32, usize)> = None;
        for message in batch.iter() {
            if message.code() != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
                self.complain(message);
                continue;
            }
            let (topic, partition) = (message.topic_handle(), message.partition());
            let index = match last {
                Some((last_topic, last_partition, index))
                    if (last_topic, last_partition) == (topic, partition) =>
                {
                    index
                }
                _ => {
                    let place = message.topic_partition();
                    let Some(index) = place.and_then(|place| self.by_place.get(&place)) else {
                        continue;
                    };
                    last = Some((topic, partition, *index));
                    *index
                }
            };
            self.message(index, message, now);
        }
        if self.open_bytes >= OPEN_BYTES {
            self.close_all();
        }
    }

    fn message(&mut self, index: usize, message: Message<'_>, now: Instant) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let offset = message.offset();
        if offset < slot.next || slot.is_done {
            return;
        }
        if slot.reading.stop.is_some_and(|stop| offset >= stop) {
            slot.is_done = true;
            self.close(index);
            return;
        }
        let room = slot.room;
        let open = slot.open.get_or_insert_with(|| Collecting::new(now, room));
        let before = open.bytes();
        self.skipped += u64::from(open.push(message, self.tombstones));
        self.open_bytes += open.bytes() - before;
        slot.next = offset + 1;
        slot.is_done = slot.reading.stop.is_some_and(|stop| slot.next >= stop);
        if slot.is_done || open.len() >= self.batch_rows || open.bytes() >= CHUNK_BYTES {
            self.close(index);
        }
    }

    fn complain(&mut self, message: Message<'_>) {
        let about = message.topic_partition();
        let index = about.as_ref().and_then(|place| self.by_place.get(place));
        let slot = index.and_then(|index| Some((*index, self.slots.get_mut(*index)?)));
        if message.code() == Code::RD_KAFKA_RESP_ERR__PARTITION_EOF {
            let Some((index, slot)) = slot else {
                return;
            };
            slot.next = slot.next.max(message.offset());
            if !slot.is_done && slot.reading.stop.is_some_and(|stop| slot.next >= stop) {
                slot.is_done = true;
                self.close(index);
            }
            return;
        }
        self.complaints.push(Complaint {
            error: NativeError::new(message.code(), message.error_text()),
            reading: slot.map(|(_, slot)| Arc::clone(&slot.reading)),
            about,
        });
    }

    /// Closes what has waited long enough.
    pub(super) fn close_old(&mut self) {
        for index in 0..self.slots.len() {
            let is_old = self.slots.get(index).is_some_and(|slot| {
                let open = slot.open.as_ref();
                open.is_some_and(|open| open.since.elapsed() >= LINGER)
            });
            if is_old {
                self.close(index);
            }
        }
    }

    fn close_all(&mut self) {
        for index in 0..self.slots.len() {
            self.close(index);
        }
    }

    fn close(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let open = slot.open.take();
        self.open_bytes -= open.as_ref().map_or(0, Collecting::bytes);
        if slot.next > slot.given || slot.is_done {
            slot.given = slot.next;
            let open = open.unwrap_or_else(|| Collecting::new(Instant::now(), Room::default()));
            slot.room = open.room();
            let reading = Arc::clone(&slot.reading);
            self.closed
                .push(open.finish(reading, slot.next, slot.is_done));
        }
    }
}
