//! Where rows begin and end in a stream that is cut anywhere.

use super::Malformed;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of the extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 4 + 4;
/// Flags that a reader must know to go on. The one that was ever used said that rows have OIDs.
const CRITICAL: u32 = 0xffff_0000;
/// The number of fields, before each row.
const COUNT_BYTES: usize = 2;
/// The number that stands after the last row.
const TRAILER: i16 = -1;
/// The most that a row takes: the server builds it in one allocation (MaxAllocSize).
const MAX_ROW_BYTES: usize = 0x3fff_ffff;
/// Room for unfinished rows that is kept.
const KEPT_BYTES: usize = 1 << 16;

/// Splits a stream into rows.
#[derive(Debug)]
pub(super) struct Frames {
    fields: usize,
    stage: Stage,
    /// The beginning of what a piece left unfinished.
    carry: Vec<u8>,
    /// Whether the carry was handed out.
    is_used: bool,
}

#[derive(Debug)]
enum Stage {
    Header,
    /// Bytes of the header's extension that are still to come.
    Extension(usize),
    Row(Seen),
    End,
}

/// How far an unfinished row was looked at, so that this is not done twice.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    bytes: usize,
    fields: usize,
}

/// What some bytes begin with.
enum Unit {
    Header {
        extension: usize,
    },
    Row {
        bytes: usize,
    },
    Trailer,
    /// At least so many bytes are missing.
    Cut {
        missing: usize,
    },
}

impl Frames {
    /// For rows of so many fields.
    pub(super) fn new(fields: usize) -> Self {
        Self {
            fields,
            stage: Stage::Header,
            carry: Vec::new(),
            is_used: false,
        }
    }

    /// The fields of the next complete row, for [`field`]. None: `piece` is used up.
    pub(super) fn next<'a, 'p: 'a>(
        &'a mut self,
        piece: &mut &'p [u8],
    ) -> Result<Option<&'a [u8]>, Malformed> {
        if self.is_used {
            self.drop_carry();
        }
        loop {
            let is_carried = !self.carry.is_empty();
            let bytes = if is_carried { &self.carry } else { *piece };
            let unit = match &mut self.stage {
                Stage::Header => header(bytes)?,
                Stage::Row(seen) => row(bytes, self.fields, seen)?,
                Stage::Extension(0) => {
                    self.stage = Stage::Row(Seen::default());
                    continue;
                }
                Stage::Extension(_) | Stage::End if piece.is_empty() => return Ok(None),
                Stage::Extension(left) => {
                    *left -= split(piece, *left).len();
                    continue;
                }
                Stage::End => return Err(Malformed::new("something stands after the last row")),
            };
            let (bytes, next) = match unit {
                Unit::Cut { .. } if piece.is_empty() => return Ok(None),
                Unit::Cut { missing } => {
                    // Into the carry goes all that is left, or only what completes it.
                    let most = if is_carried { missing } else { usize::MAX };
                    self.carry.extend_from_slice(split(piece, most));
                    continue;
                }
                Unit::Row { bytes } => {
                    self.stage = Stage::Row(Seen::default());
                    self.is_used = is_carried;
                    let row = match is_carried {
                        true => self.carry.as_slice(),
                        false => split(piece, bytes),
                    };
                    return Ok(row.get(COUNT_BYTES..bytes));
                }
                Unit::Header { extension } => (HEADER_BYTES, Stage::Extension(extension)),
                Unit::Trailer => (COUNT_BYTES, Stage::End),
            };
            self.stage = next;
            match is_carried {
                true => self.drop_carry(),
                false => drop(split(piece, bytes)),
            }
        }
    }

    /// What the unfinished row holds in memory.
    pub(super) fn bytes(&self) -> usize {
        self.carry.capacity()
    }

    /// Whether the trailer was seen.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.stage, Stage::End)
    }

    fn drop_carry(&mut self) {
        self.carry.clear();
        self.carry.shrink_to(KEPT_BYTES);
        self.is_used = false;
    }
}

fn header(bytes: &[u8]) -> Result<Unit, Malformed> {
    let begin = bytes.get(..SIGNATURE.len()).unwrap_or(bytes);
    if !SIGNATURE.starts_with(begin) {
        return Err(Malformed::new("this is no COPY in the binary format"));
    }
    let words = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    let Some((&[flags, extension], _)) = words.as_chunks::<4>().0.split_first_chunk::<2>() else {
        let missing = HEADER_BYTES - bytes.len();
        return Ok(Unit::Cut { missing });
    };
    if u32::from_be_bytes(flags) & CRITICAL != 0 {
        return Err(Malformed::new("the header has flags that are not known"));
    }
    let extension = usize::try_from(i32::from_be_bytes(extension))
        .map_err(|_| Malformed::new("the header's extension has a negative length"))?;
    Ok(Unit::Header { extension })
}

fn row(bytes: &[u8], fields: usize, seen: &mut Seen) -> Result<Unit, Malformed> {
    let cut = |end: usize| {
        let missing = end - bytes.len();
        Ok(Unit::Cut { missing })
    };
    let mut at = seen.bytes;
    if at == 0 {
        let Some(count) = bytes.first_chunk() else {
            return cut(COUNT_BYTES);
        };
        match i16::from_be_bytes(*count) {
            TRAILER => return Ok(Unit::Trailer),
            count if usize::try_from(count) == Ok(fields) => at = COUNT_BYTES,
            count => {
                return Err(Malformed::new(format!(
                    "a row has {count} fields, and the query has {fields}"
                )));
            }
        }
    }
    let mut done = seen.fields;
    while done < fields {
        *seen = Seen {
            bytes: at,
            fields: done,
        };
        let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            return cut(at + LENGTH_BYTES);
        };
        let end = at + LENGTH_BYTES + length_of(*length)?.unwrap_or_default();
        if end > MAX_ROW_BYTES {
            return Err(Malformed::new("a row is longer than 1 GiB"));
        }
        if end > bytes.len() {
            return cut(end);
        }
        at = end;
        done += 1;
    }
    Ok(Unit::Row { bytes: at })
}

/// Before each field, and before each element of an array.
const LENGTH_BYTES: usize = 4;

/// None: the value is null.
fn length_of(bytes: [u8; LENGTH_BYTES]) -> Result<Option<usize>, Malformed> {
    match i32::from_be_bytes(bytes) {
        -1 => Ok(None),
        length => usize::try_from(length)
            .map(Some)
            .map_err(|_| Malformed::new("a value has a negative length")),
    }
}

/// Takes a value from the front of `fields`; the inner None is null.
pub(super) fn field<'a>(fields: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    let cut_off = || Malformed::new("a value ends before its length");
    let (length, rest) = fields.split_first_chunk().ok_or_else(cut_off)?;
    *fields = rest;
    let Some(length) = length_of(*length)? else {
        return Ok(None);
    };
    let (value, rest) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    *fields = rest;
    Ok(Some(value))
}

/// Takes up to `most` bytes from the front.
fn split<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(most.min(bytes.len()));
    *bytes = rest;
    taken
}
