//! The bytes of one record (Avro 1.12, "Binary Encoding"). Nothing in them is believed: lengths and
//! counts are held against the bytes that are there.

use crate::decoded::MAX_RECORD_CELLS;
use crate::fault::{Fault, Parsed};

/// How deep values may be nested; deeper ones are faults.
pub(super) const MAX_DEPTH: usize = 128;

/// So many values of lists and maps may take no byte at all, such as nulls.
const MAX_FREE_VALUES: usize = 1 << 16;

/// JSON text that may be made of a record, and more for each of its bytes: names take room there.
const MAX_TEXT_BYTES: usize = 1 << 20;
const MAX_TEXT_RATIO: usize = 256;

/// A place in a message.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Cells in its lists and maps, so far.
    pub(crate) unfolded: usize,
    most_unfolded: usize,
    free: usize,
    text: usize,
}

impl<'a> Input<'a> {
    /// The record begins at `at` of its message.
    pub(crate) fn new(message: &'a [u8], at: usize) -> Self {
        Self {
            bytes: message,
            at,
            unfolded: 0,
            most_unfolded: MAX_RECORD_CELLS + message.len(),
            free: MAX_FREE_VALUES,
            text: MAX_TEXT_BYTES.saturating_add(message.len().saturating_mul(MAX_TEXT_RATIO)),
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// Nothing may follow.
    #[inline]
    pub(crate) fn end(&self) -> Parsed<()> {
        match self.left() {
            0 => Ok(()),
            more => Err(self.more(more)),
        }
    }

    #[cold]
    fn more(&self, bytes: usize) -> Box<Fault> {
        let reason = format!("the record ends here by its schema, and {bytes} bytes follow");
        Fault::new(self.at, reason)
    }

    /// So many bytes.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Parsed<&'a [u8]> {
        let taken = self
            .at
            .checked_add(count)
            .and_then(|end| self.bytes.get(self.at..end));
        match taken {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => Err(self.short(count)),
        }
    }

    #[cold]
    fn short(&self, wanted: usize) -> Box<Fault> {
        let left = self.left();
        let reason = format!("the record breaks off: {wanted} bytes are wanted, and {left} follow");
        Fault::new(self.at, reason)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(taken) => {
                self.at += N;
                Ok(*taken)
            }
            None => Err(self.short(N)),
        }
    }

    /// A `long`: seven bits a byte, the least first, with the sign in the last bit.
    #[inline]
    pub(super) fn long(&mut self) -> Parsed<i64> {
        let coded = match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                u64::from(*byte)
            }
            _ => self.varint()?,
        };
        Ok((coded >> 1) as i64 ^ -((coded & 1) as i64))
    }

    fn varint(&mut self) -> Parsed<u64> {
        let from = self.at;
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && byte > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Fault::new(from, "a number has more than 64 bits"))
    }

    /// An `int`.
    #[inline]
    pub(super) fn int(&mut self) -> Parsed<i64> {
        let from = self.at;
        let value = self.long()?;
        match i32::try_from(value) {
            Ok(_) => Ok(value),
            Err(_) => Err(Fault::new(
                from,
                format!("an int has 32 bits, and the value is {value}"),
            )),
        }
    }

    pub(super) fn boolean(&mut self) -> Parsed<bool> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(Fault::new(
                self.at - 1,
                format!("a boolean is 0 or 1, and the value is {other}"),
            )),
        }
    }

    pub(super) fn float(&mut self) -> Parsed<f32> {
        self.array().map(f32::from_le_bytes)
    }

    pub(super) fn double(&mut self) -> Parsed<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// `bytes`, or a `string` that may be none.
    #[inline]
    pub(super) fn bytes(&mut self) -> Parsed<&'a [u8]> {
        let from = self.at;
        match usize::try_from(self.long()?) {
            Ok(length) => self.take(length),
            Err(_) => Err(Fault::new(from, "a length is negative")),
        }
    }

    /// A `string`.
    #[inline]
    pub(super) fn string(&mut self) -> Parsed<&'a str> {
        let bytes = self.bytes()?;
        self.as_text(bytes)
    }

    /// Bytes that were just taken, as text.
    #[inline]
    pub(super) fn as_text(&self, bytes: &'a [u8]) -> Parsed<&'a str> {
        std::str::from_utf8(bytes).map_err(|error| {
            let at = self.at - bytes.len() + error.valid_up_to();
            Fault::new(at, "the bytes are not UTF-8")
        })
    }

    /// Which of so many branches or symbols it is.
    #[inline]
    pub(super) fn index(&mut self, count: usize) -> Parsed<usize> {
        let from = self.at;
        let index = self.long()?;
        match usize::try_from(index) {
            Ok(index) if index < count => Ok(index),
            _ => Err(Fault::new(
                from,
                format!("{index} is the number of no branch or symbol, of which there are {count}"),
            )),
        }
    }

    /// How many values the next block of a list or map has, each of `least` bytes at least; 0 at the
    /// end.
    pub(super) fn block(&mut self, least: usize) -> Parsed<usize> {
        let from = self.at;
        let written = self.long()?;
        let count = written.unsigned_abs();
        if written < 0 {
            // The block's length in bytes, for those who pass over it. We look at what is inside.
            let length = self.long()?;
            if usize::try_from(length).is_ok_and(|length| length <= self.left()) {
                // It need not be right for us.
            } else {
                let reason = format!("a block has {length} bytes by its head, and fewer follow");
                return Err(Fault::new(from, reason));
            }
        }
        let fits = usize::try_from(count).ok().filter(|count| match least {
            0 => *count <= self.free,
            least => *count <= self.left() / least,
        });
        let Some(count) = fits else {
            let left = self.left();
            let reason = format!("a block has {count} values by its head, and {left} bytes follow");
            return Err(Fault::new(from, reason));
        };
        if least == 0 {
            self.free -= count;
        }
        Ok(count)
    }

    /// One more value in a list or map, of so many cells.
    #[inline]
    pub(super) fn unfold(&mut self, cells: usize) -> Parsed<()> {
        self.unfolded += cells;
        match self.unfolded > self.most_unfolded {
            true => Err(self.too_much()),
            false => Ok(()),
        }
    }

    #[cold]
    fn too_much(&self) -> Box<Fault> {
        let reason = "its lists and records have so many values between them that memory would not \
                      hold them: name the columns that you want in `schema`";
        Fault::new(self.at, reason)
    }

    /// So many bytes more of JSON text.
    pub(super) fn write(&mut self, bytes: usize) -> Parsed<()> {
        match self.text.checked_sub(bytes) {
            Some(left) => {
                self.text = left;
                Ok(())
            }
            None => Err(self.too_much()),
        }
    }

    /// Values may not be nested without end.
    #[inline]
    pub(super) fn deeper(&self, depth: usize) -> Parsed<usize> {
        match depth < MAX_DEPTH {
            true => Ok(depth + 1),
            false => Err(Fault::new(
                self.at,
                format!("values are nested more than {MAX_DEPTH} deep"),
            )),
        }
    }
}
