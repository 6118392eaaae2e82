//! Cuts a stream of bytes into blocks of whole records.

use std::io::{self, Read};

use bytes::Bytes;

use crate::format::Format;

/// About how many bytes a block has.
pub const BLOCK_BYTES: usize = 2 << 20;

/// A longer line is not decoded.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// So much of a line that is too long is kept for its dead letter.
const OVERSIZED_HEAD_BYTES: usize = 64 << 10;

/// So many bytes before a position go into its check.
pub(crate) const CHECKED_BYTES: usize = 4 << 10;

/// Whole records, one after the other.
#[derive(Clone, Debug)]
pub struct Block {
    /// The records with their line ends; only the last of a stream may have none.
    pub bytes: Bytes,
    /// Where they stand in the (uncompressed) data, in bytes.
    pub offset: u64,
    /// The last bytes before them, at most 4 KiB.
    pub before: Bytes,
    /// What `bytes` are.
    pub kind: BlockKind,
}

/// What a block holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Records.
    Records,
    /// The first bytes of a single line that is longer than [`MAX_RECORD_BYTES`].
    Oversized {
        /// Of the whole line with its end, in bytes.
        length: u64,
        /// The last bytes of the line, at most 4 KiB.
        last: Bytes,
    },
}

impl Block {
    /// Leaves the first `length` bytes here, which end with a record; the rest are a block as well.
    pub(crate) fn split_off(&mut self, length: usize) -> Self {
        let rest = self.bytes.split_off(length.min(self.bytes.len()));
        Self {
            offset: self.offset + self.bytes.len() as u64,
            before: Bytes::from(tail(&[&self.before, tail(&self.bytes)].concat()).to_vec()),
            bytes: rest,
            kind: BlockKind::Records,
        }
    }

    /// Where the next block begins.
    pub fn end(&self) -> u64 {
        self.offset
            + match &self.kind {
                BlockKind::Records => self.bytes.len() as u64,
                BlockKind::Oversized { length, .. } => *length,
            }
    }
}

/// When a block is full enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// At its full size: what is read is there already.
    Whole,
    /// As soon as a record is complete: the writer may take its time.
    Available,
}

/// Reads blocks from the front to the back.
#[derive(Debug)]
pub struct BlockReader<R> {
    input: R,
    format: Format,
    fill: Fill,
    block_bytes: usize,
    /// Read, and not given out yet.
    carry: Vec<u8>,
    /// Where single reads land, when a block is what is available.
    landing: Vec<u8>,
    offset: u64,
    /// The last bytes before `offset`.
    before: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading,
    /// The input is at its end.
    Ended,
    /// What comes after the records that were still whole.
    Failed(Option<io::Error>),
}

impl<R: Read> BlockReader<R> {
    /// `input` stands at the data's beginning.
    pub fn new(input: R, format: Format, fill: Fill) -> Self {
        Self::resume(input, format, fill, 0, Vec::new())
    }

    /// `input` stands at `offset`, with `before` just passed.
    pub fn resume(input: R, format: Format, fill: Fill, offset: u64, before: Vec<u8>) -> Self {
        Self {
            input,
            format,
            fill,
            block_bytes: BLOCK_BYTES,
            carry: Vec::new(),
            landing: Vec::new(),
            offset,
            before,
            state: State::Reading,
        }
    }

    /// Blocks of about so many bytes.
    #[must_use]
    pub fn with_block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes.max(1);
        self
    }

    /// The next block; None at the end. Records that were read whole before an error come out
    /// before it.
    ///
    /// # Errors
    /// What the input says; once.
    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        let mut bytes = std::mem::take(&mut self.carry);
        let mut wanted = self.block_bytes;
        let whole = loop {
            self.read_more(&mut bytes, wanted);
            if bytes.len() > MAX_RECORD_BYTES && first_line(&bytes) > MAX_RECORD_BYTES {
                return self.skip_record(bytes).map(Some);
            }
            let whole = match self.state {
                State::Ended => bytes.len(),
                _ => self.format.last_record_end(&bytes),
            };
            if whole > 0 || !matches!(self.state, State::Reading) {
                break whole;
            }
            wanted = bytes.len() + self.block_bytes;
        };
        if whole == 0 {
            return match &mut self.state {
                State::Failed(error) => match error.take() {
                    Some(error) => Err(error),
                    None => Ok(None),
                },
                _ => Ok(None),
            };
        }
        self.carry
            .extend_from_slice(bytes.get(whole..).unwrap_or_default());
        bytes.truncate(whole);
        Ok(Some(self.give_out(bytes, BlockKind::Records)))
    }

    /// Until there are `wanted` bytes, or nothing more to have now.
    fn read_more(&mut self, bytes: &mut Vec<u8>, wanted: usize) {
        while bytes.len() < wanted && matches!(self.state, State::Reading) {
            let read = match self.fill {
                Fill::Whole => {
                    let missing = wanted - bytes.len();
                    bytes.reserve_exact(missing);
                    self.input.by_ref().take(missing as u64).read_to_end(bytes)
                }
                Fill::Available => {
                    self.landing.resize(self.block_bytes, 0);
                    let read = self.input.read(&mut self.landing);
                    let length = read.as_ref().map_or(0, |read| *read);
                    bytes.extend_from_slice(self.landing.get(..length).unwrap_or_default());
                    read
                }
            };
            match read {
                Ok(0) => self.state = State::Ended,
                Ok(_) if self.fill == Fill::Available => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.state = State::Failed(Some(error)),
            }
        }
    }

    /// Passes a line of which `bytes` are the beginning, or all with more behind it.
    fn skip_record(&mut self, mut bytes: Vec<u8>) -> io::Result<Block> {
        let mut head = None;
        let mut last = Vec::new();
        let mut length = 0;
        loop {
            let passed = bytes.get(..first_line(&bytes)).unwrap_or_default();
            length += passed.len() as u64;
            last.extend_from_slice(tail(passed));
            last = tail(&last).to_vec();
            let is_whole = passed.ends_with(b"\n");
            let held = passed.len().min(OVERSIZED_HEAD_BYTES);
            head.get_or_insert_with(|| passed.get(..held).unwrap_or_default().to_vec());
            self.carry = bytes.split_off(passed.len());
            bytes.clear();
            if is_whole {
                break;
            }
            match &mut self.state {
                State::Reading => self.read_more(&mut bytes, self.block_bytes),
                State::Ended => break,
                // A line that was not read whole is not judged.
                State::Failed(error) => {
                    let error = error.take();
                    return Err(error.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
        let last = Bytes::from(last);
        let kind = BlockKind::Oversized { length, last };
        Ok(self.give_out(head.unwrap_or_default(), kind))
    }

    fn give_out(&mut self, bytes: Vec<u8>, kind: BlockKind) -> Block {
        let block = Block {
            bytes: Bytes::from(bytes),
            offset: self.offset,
            before: Bytes::copy_from_slice(&self.before),
            kind,
        };
        self.offset = block.end();
        match &block.kind {
            BlockKind::Records => self.before.extend_from_slice(tail(&block.bytes)),
            BlockKind::Oversized { last, .. } => self.before.extend_from_slice(last),
        }
        self.before = tail(&self.before).to_vec();
        block
    }
}

/// Bytes of the first line, with its end if that is there.
fn first_line(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |found| found + 1)
}

/// The bytes that a position after `bytes` is checked by.
pub(crate) fn tail(bytes: &[u8]) -> &[u8] {
    let from = bytes.len().saturating_sub(CHECKED_BYTES);
    bytes.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::Dialect;

    /// Gives so many bytes at a time, then an error if there is one.
    struct Dribble<'a> {
        rest: &'a [u8],
        step: usize,
        error: Option<io::ErrorKind>,
    }

    impl Read for Dribble<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = self.step.min(self.rest.len()).min(out.len());
            if length == 0
                && let Some(kind) = self.error
            {
                return Err(kind.into());
            }
            let (now, later) = self.rest.split_at(length);
            out[..length].copy_from_slice(now);
            self.rest = later;
            Ok(length)
        }
    }

    fn blocks(text: &[u8], format: Format, fill: Fill, block_bytes: usize) -> Vec<Block> {
        let input = Dribble {
            rest: text,
            step: 3,
            error: None,
        };
        let mut reader = BlockReader::new(input, format, fill).with_block_bytes(block_bytes);
        let mut blocks = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            blocks.push(block);
        }
        blocks
    }

    #[test]
    fn blocks_are_whole_records_and_together_everything() {
        let csv = Format::Csv(Dialect::default());
        let text = b"first,\"quoted\nline\"\nsecond,2\n\nthird,\"3\n3\"\nlast,\"4\"";
        for format in [Format::Json, csv] {
            for fill in [Fill::Whole, Fill::Available] {
                for block_bytes in 1..60 {
                    let blocks = blocks(text, format, fill, block_bytes);
                    let mut offset = 0;
                    let mut all = Vec::new();
                    for block in &blocks {
                        assert_eq!(block.offset, offset);
                        assert_eq!(block.before, all);
                        offset = block.end();
                        all.extend_from_slice(&block.bytes);
                        let is_last = offset == text.len() as u64;
                        assert!(is_last || block.bytes.ends_with(b"\n"));
                        let quotes = block.bytes.iter().filter(|byte| **byte == b'"').count();
                        assert!(format == Format::Json || quotes % 2 == 0);
                    }
                    assert_eq!(all, text);
                }
            }
        }
    }

    #[test]
    fn whole_records_come_before_the_error() {
        let input = Dribble {
            rest: b"one\ntwo\nthr",
            step: 4,
            error: Some(io::ErrorKind::UnexpectedEof),
        };
        let mut reader = BlockReader::new(input, Format::Json, Fill::Whole);
        let block = reader.next_block().unwrap().unwrap();
        assert_eq!(block.bytes, "one\ntwo\n");
        let error = reader.next_block().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(reader.next_block().unwrap().is_none());
    }

    #[test]
    fn a_line_that_is_too_long_is_passed() {
        let mut text = b"{\"a\":1}\n".to_vec();
        text.resize(text.len() + MAX_RECORD_BYTES + 10, b'x');
        text.extend_from_slice(b"\n{\"a\":2}\n");
        let mut reader = BlockReader::new(text.as_slice(), Format::Json, Fill::Whole);
        let mut seen = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            let is_records = block.kind == BlockKind::Records;
            seen.push((block.offset, block.end(), is_records));
            if block.offset > 8 {
                assert_eq!(block.before, tail(&text[..block.offset as usize]));
            }
        }
        let length = MAX_RECORD_BYTES as u64 + 11;
        let end = text.len() as u64;
        assert_eq!(
            seen,
            [
                (0, 8, true),
                (8, 8 + length, false),
                (8 + length, end, true),
            ]
        );
    }
}
