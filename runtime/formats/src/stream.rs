//! Reads ahead and decodes several blocks side by side, in order.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use futures::FutureExt;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use wasm_sink_core::budget::{Budget, Reservation};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::block::{BLOCK_BYTES, Block, BlockKind, BlockReader};
use crate::decoded::{Decoded, UnknownFields};
use crate::evolution::Evolution;
use crate::format::{Decoder, Outcome};
use crate::infer::Inference;
use crate::original::Original;

/// What a block is taken for until it is decoded: its bytes, and as much for its rows.
const RESERVED_BYTES: usize = 2 * BLOCK_BYTES;

/// What may be on its way at once, however many cores there are, is the budget divided by this.
/// More would leave no room for batches to gather in, and make a commit of each.
const PREFETCHED_SHARE: usize = 4;

/// The decoded blocks of one file or stream, in order.
#[derive(Debug)]
pub struct DecodedStream<R> {
    decoder: Decoder,
    budget: Budget,
    /// Blocks that may be on their way at once.
    width: usize,
    /// None while it is reading, and at the end.
    reader: Option<BlockReader<R>>,
    reading: Option<JoinHandle<Lent<R>>>,
    /// For the block that is being read.
    reserved: Option<Reservation>,
    decoding: VecDeque<InFlight>,
    /// Decoded, and waiting for what it really takes of the budget.
    decoded: Option<(Block, Decoded)>,
    /// Why reading stopped, if not at the end.
    error: Option<io::Error>,
    /// Line ends before the next block.
    lines: u64,
    /// Where blocks can be had again.
    original: Option<Arc<Original>>,
}

/// A block on its way.
#[derive(Debug)]
struct InFlight {
    block: Block,
    /// Freed when the block is decoded, or when one before it needs more than there is.
    reservation: Option<Reservation>,
    /// What its decoding began with.
    base: SchemaRef,
    task: JoinHandle<(SchemaRef, Result<Outcome>)>,
}

/// What a read returns: the reader is lent to it.
#[derive(Debug)]
struct Lent<R> {
    reader: BlockReader<R>,
    block: io::Result<Option<Block>>,
}

/// A block with its rows.
#[derive(Debug)]
pub struct DecodedBlock {
    /// The bytes.
    pub block: Block,
    /// The rows.
    pub decoded: Decoded,
    /// Line ends before the block.
    pub first_line: u64,
    /// Where its bytes can be had again.
    pub original: Option<Arc<Original>>,
    /// Its share of the byte budget.
    pub reservation: Reservation,
}

impl DecodedBlock {
    /// What its batches keep in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        memory_bytes(&self.block, &self.decoded, self.original.as_ref())
    }
}

/// What is kept of a block and its rows; without the bytes, where they can be had again.
fn memory_bytes(block: &Block, decoded: &Decoded, original: Option<&Arc<Original>>) -> usize {
    let held = original.map_or(block.bytes.len(), |_| 0);
    held + decoded.memory_bytes()
}

/// Why a stream stopped.
#[derive(Debug)]
pub enum StreamError {
    /// The input failed; all whole records before came out.
    Read(io::Error),
    /// Something else.
    Other(Error),
}

impl<R: Read + Send + 'static> DecodedStream<R> {
    /// `lines`: line ends before what `reader` reads.
    pub fn new(reader: BlockReader<R>, decoder: Decoder, budget: Budget, lines: u64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            decoder,
            width: width(cores, &budget),
            budget,
            reader: Some(reader),
            reading: None,
            reserved: None,
            decoding: VecDeque::new(),
            decoded: None,
            error: None,
            lines,
            original: None,
        }
    }

    /// Over a file where what was read can be read again: blocks stand there at their offsets.
    #[must_use]
    pub fn with_original(mut self, original: Option<Arc<Original>>) -> Self {
        self.original = original;
        self
    }

    /// At most so many blocks on their way at once.
    #[must_use]
    pub fn with_width(mut self, blocks: NonZeroUsize) -> Self {
        self.width = blocks.get();
        self
    }

    /// A block that was read off the front already, to learn the schema from.
    pub fn push(&mut self, block: Block, reservation: Reservation, evolution: &Evolution) {
        let flight = self.decode(block, Some(reservation), evolution);
        self.decoding.push_back(flight);
    }

    /// The next block; None at the end. Safe to cancel.
    ///
    /// # Errors
    /// After the last block that could be read.
    pub async fn next(
        &mut self,
        evolution: &mut Evolution,
    ) -> Result<Option<DecodedBlock>, StreamError> {
        loop {
            if let Some(block) = self.deliver().await {
                return Ok(Some(block));
            }
            self.read_ahead().await;
            if self.is_done() {
                return match self.error.take() {
                    Some(error) => Err(StreamError::Read(error)),
                    None => Ok(None),
                };
            }
            let Self {
                reading, decoding, ..
            } = self;
            tokio::select! {
                biased;
                decoded = async {
                    match decoding.front_mut() {
                        Some(front) => (&mut front.task).await,
                        None => std::future::pending().await,
                    }
                } => {
                    let (extended, outcome) = decoded.map_err(stopped)?;
                    self.settle(extended, outcome, evolution)?;
                }
                read = async {
                    match reading {
                        Some(task) => task.await,
                        None => std::future::pending().await,
                    }
                } => {
                    self.reading = None;
                    self.take_read(read.map_err(stopped)?, evolution);
                }
            }
        }
    }

    /// Changes what was reserved for reading a block into what it takes: much less where little was
    /// available, and more where few bytes had become many.
    async fn deliver(&mut self) -> Option<DecodedBlock> {
        let (block, decoded) = self.decoded.as_ref()?;
        let original = self.original.as_ref();
        // Of a line that is too long only the head is there.
        let original = original
            .filter(|_| block.kind == BlockKind::Records)
            .cloned();
        let taken = memory_bytes(block, decoded, original.as_ref());
        let reservation = match self.budget.reserve(taken).now_or_never() {
            Some(reservation) => reservation,
            None => {
                // What is behind this block cannot come out before it, so it must not be what this
                // one waits for. It is counted when it comes out itself.
                self.reserved = None;
                for flight in &mut self.decoding {
                    flight.reservation = None;
                }
                self.budget.reserve(taken).await
            }
        };
        let (block, decoded) = self.decoded.take()?;
        let first_line = self.lines;
        self.lines += u64::from(decoded.lines);
        Some(DecodedBlock {
            block,
            decoded,
            first_line,
            original,
            reservation,
        })
    }

    fn is_done(&self) -> bool {
        self.reader.is_none() && self.reading.is_none() && self.decoding.is_empty()
    }

    /// Starts a read if there is room for its block. Waits for memory only where nothing else is on
    /// its way: what is there already must come out to be freed.
    async fn read_ahead(&mut self) {
        if self.reader.is_none() || self.decoding.len() >= self.width {
            return;
        }
        let reserve = self.budget.reserve(RESERVED_BYTES);
        let reservation = if self.decoding.is_empty() {
            reserve.await
        } else {
            match reserve.now_or_never() {
                Some(reservation) => reservation,
                None => return,
            }
        };
        if let Some(mut reader) = self.reader.take() {
            self.reserved = Some(reservation);
            self.reading = Some(spawn_blocking(move || {
                let block = reader.next_block();
                Lent { reader, block }
            }));
        }
    }

    fn take_read(&mut self, read: Lent<R>, evolution: &Evolution) {
        let reservation = self.reserved.take();
        match read.block {
            Ok(Some(block)) => {
                self.reader = Some(read.reader);
                let flight = self.decode(block, reservation, evolution);
                self.decoding.push_back(flight);
            }
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
    }

    fn decode(
        &self,
        block: Block,
        reservation: Option<Reservation>,
        evolution: &Evolution,
    ) -> InFlight {
        let decoder = self.decoder.clone();
        let (schema, unknown) = (Arc::clone(&evolution.current), evolution.unknown);
        let bytes = block.clone();
        InFlight {
            block,
            reservation,
            base: Arc::clone(&schema),
            task: spawn_blocking(move || {
                let outcome = decoder.decode(&schema, &bytes, unknown);
                (schema, outcome)
            }),
        }
    }

    /// The front block is decoded: it goes out, or as much of it as was decoded, or it is decoded
    /// again by a schema that has its fields.
    fn settle(
        &mut self,
        extended: SchemaRef,
        outcome: Result<Outcome>,
        evolution: &mut Evolution,
    ) -> Result<(), StreamError> {
        let Some(mut front) = self.decoding.pop_front() else {
            return Ok(());
        };
        let is_current = evolution.is_current(&front.base);
        match outcome.map_err(StreamError::Other)? {
            Outcome::Decoded(decoded) if is_current => {
                evolution.current = extended;
                if decoded.end < front.block.bytes.len() {
                    let rest = front.block.split_off(decoded.end);
                    let rest = self.decode(rest, None, evolution);
                    self.decoding.push_front(rest);
                }
                self.decoded = Some((front.block, decoded));
                return Ok(());
            }
            // A block before this one has brought new fields, or this one does.
            _ => {
                let decoder = self.decoder.clone();
                let (schema, unknown) = (Arc::clone(&evolution.current), evolution.unknown);
                let block = front.block.clone();
                front.base = Arc::clone(&schema);
                front.task = spawn_blocking(move || {
                    if is_current {
                        return extend(&decoder, schema, &block);
                    }
                    let outcome = decoder.decode(&schema, &block, unknown);
                    (schema, outcome)
                });
            }
        }
        self.decoding.push_front(front);
        Ok(())
    }
}

/// Decodes a block by a schema with the fields that it brings.
fn extend(decoder: &Decoder, schema: SchemaRef, block: &Block) -> (SchemaRef, Result<Outcome>) {
    let mut inference = Inference::default();
    inference.observe(decoder, block);
    let schema = inference.extend(&schema).unwrap_or(schema);
    let outcome = decoder.decode(&schema, block, UnknownFields::Refuse);
    (schema, outcome)
}

/// Blocks that may be on their way at once.
fn width(cores: usize, budget: &Budget) -> usize {
    let share = budget.capacity_bytes() / PREFETCHED_SHARE / RESERVED_BYTES;
    (cores + 1).min(share).max(1)
}

fn stopped(error: JoinError) -> StreamError {
    let message = "decoding stopped half way; this is a bug in wasm-sink, please report it";
    StreamError::Other(Error::new(Kind::Other, Blame::Host, message).with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_cores_do_not_spend_the_budget_on_what_is_on_its_way() {
        let budget = Budget::new(128 << 20);
        assert_eq!(width(1, &budget), 2);
        assert_eq!(width(4, &budget), 5);
        for cores in [8, 15, 64, 1000] {
            let prefetched_bytes = width(cores, &budget) * RESERVED_BYTES;
            assert!(prefetched_bytes <= budget.capacity_bytes() / 4, "{cores}");
        }
        assert_eq!(width(64, &Budget::new(1 << 20)), 1);
    }
}
