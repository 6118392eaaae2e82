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

use crate::block::{BLOCK_BYTES, Block, BlockReader};
use crate::decoded::{Decoded, UnknownFields};
use crate::evolution::Evolution;
use crate::format::{Decoder, Outcome};
use crate::infer::Inference;

/// What a block takes in memory, raw and decoded.
const RESERVED_BYTES: usize = 2 * BLOCK_BYTES;

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
    decoding: VecDeque<InFlight>,
    /// Decoded, and waiting for what it really takes of the budget.
    decoded: Option<(Block, Decoded)>,
    /// Why reading stopped, if not at the end.
    error: Option<io::Error>,
    /// Line ends before the next block.
    lines: u64,
}

/// A block on its way.
#[derive(Debug)]
struct InFlight {
    block: Block,
    /// Freed when the block is decoded.
    _reservation: Reservation,
    /// What its decoding began with.
    base: SchemaRef,
    task: JoinHandle<(SchemaRef, Result<Outcome>)>,
}

/// What a read returns: the reader is lent to it.
#[derive(Debug)]
struct Lent<R> {
    reader: BlockReader<R>,
    block: io::Result<Option<Block>>,
    reservation: Reservation,
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
    /// Its share of the byte budget.
    pub reservation: Reservation,
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
            budget,
            width: cores + 1,
            reader: Some(reader),
            reading: None,
            decoding: VecDeque::new(),
            decoded: None,
            error: None,
            lines,
        }
    }

    /// At most so many blocks on their way at once.
    #[must_use]
    pub fn with_width(mut self, blocks: NonZeroUsize) -> Self {
        self.width = blocks.get();
        self
    }

    /// A block that was read off the front already, to learn the schema from.
    pub fn push(&mut self, block: Block, reservation: Reservation, evolution: &Evolution) {
        self.decode(block, reservation, evolution);
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
    /// available. Never more, so that what has been freed for it is enough.
    async fn deliver(&mut self) -> Option<DecodedBlock> {
        let (block, decoded) = self.decoded.as_ref()?;
        let taken = block.bytes.len() + decoded.rows.get_array_memory_size();
        let reservation = self.budget.reserve(taken.min(RESERVED_BYTES)).await;
        let (block, decoded) = self.decoded.take()?;
        let first_line = self.lines;
        self.lines += u64::from(decoded.lines);
        Some(DecodedBlock {
            block,
            decoded,
            first_line,
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
            self.reading = Some(spawn_blocking(move || {
                let block = reader.next_block();
                Lent {
                    reader,
                    block,
                    reservation,
                }
            }));
        }
    }

    fn take_read(&mut self, read: Lent<R>, evolution: &Evolution) {
        match read.block {
            Ok(Some(block)) => {
                self.reader = Some(read.reader);
                self.decode(block, read.reservation, evolution);
            }
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
    }

    fn decode(&mut self, block: Block, reservation: Reservation, evolution: &Evolution) {
        let decoder = self.decoder.clone();
        let (schema, unknown) = (Arc::clone(&evolution.current), evolution.unknown);
        let bytes = block.clone();
        self.decoding.push_back(InFlight {
            block,
            _reservation: reservation,
            base: Arc::clone(&schema),
            task: spawn_blocking(move || {
                let outcome = decoder.decode(&schema, &bytes, unknown);
                (schema, outcome)
            }),
        });
    }

    /// The front block is decoded: it goes out, or is decoded again by a schema that has its fields.
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

fn stopped(error: JoinError) -> StreamError {
    let message = "decoding stopped half way; this is a bug in wasm-sink, please report it";
    StreamError::Other(Error::new(Kind::Other, Blame::Host, message).with_source(error))
}
