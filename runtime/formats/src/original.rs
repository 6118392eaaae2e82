//! What was read may be read again, so that batches that wait for their commit hold rows alone, and not
//! also the bytes that these were made of: those are asked for where a row is refused, which is rare.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use twox_hash::XxHash64;

/// An open file whose uncompressed bytes are what a stream reads.
#[derive(Debug)]
pub struct Original {
    file: File,
    /// What was read again last, and where: rows that are refused stand together.
    last: Mutex<Option<Again>>,
}

#[derive(Debug)]
struct Again {
    offset: u64,
    check: u64,
    bytes: Bytes,
}

impl Original {
    /// `file` is read at places of its own; where it stands does not matter, and stays.
    pub fn new(file: File) -> Self {
        Self {
            file,
            last: Mutex::new(None),
        }
    }

    /// Bytes that had this check when they stood here. None where they are no longer there.
    fn read(&self, offset: u64, length: usize, check: u64) -> Option<Bytes> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().filter(|again| {
            (again.offset, again.check, again.bytes.len()) == (offset, check, length)
        });
        if let Some(again) = known {
            return Some(again.bytes.clone());
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        let bytes = Bytes::from(bytes);
        if self::check(&bytes) != check {
            return None;
        }
        *last = Some(Again {
            offset,
            check,
            bytes: bytes.clone(),
        });
        Some(bytes)
    }
}

/// XXH64: what tells bytes from others that were written in their place.
fn check(bytes: &[u8]) -> u64 {
    XxHash64::oneshot(0, bytes)
}

/// The bytes of a block.
#[derive(Debug)]
pub(crate) enum Content {
    Held(Bytes),
    /// Where they can be had again, and what shows that they are the same then.
    Left {
        original: Arc<Original>,
        offset: u64,
        length: usize,
        check: u64,
    },
}

impl Content {
    /// Lets go of the bytes, which stand at `offset`, where they can be had again.
    pub(crate) fn new(bytes: Bytes, offset: u64, original: Option<&Arc<Original>>) -> Self {
        match original {
            None => Self::Held(bytes),
            Some(original) => Self::Left {
                original: Arc::clone(original),
                offset,
                length: bytes.len(),
                check: check(&bytes),
            },
        }
    }

    /// Their number.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Held(bytes) => bytes.len(),
            Self::Left { length, .. } => *length,
        }
    }

    /// None where the file is no longer what it was. May wait for the disk, once for many rows.
    pub(crate) fn bytes(&self) -> Option<Bytes> {
        match self {
            Self::Held(bytes) => Some(bytes.clone()),
            Self::Left {
                original,
                offset,
                length,
                check,
            } => original.read(*offset, *length, *check),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_is_no_longer_the_same_gives_nothing() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one\ntwo\nthree\n").unwrap();
        let original = Arc::new(Original::new(file.try_clone().unwrap()));
        let left = |bytes: &'static [u8], offset| {
            Content::new(Bytes::from_static(bytes), offset, Some(&original))
        };
        let (one, two) = (left(b"one\n", 0), left(b"two\n", 4));
        let (other, more) = (left(b"ONE\n", 0), left(b"three\nfour\n", 8));
        assert_eq!(other.bytes(), None);
        assert_eq!(one.bytes().unwrap(), "one\n");
        assert_eq!(two.bytes().unwrap(), "two\n");
        assert_eq!(more.bytes(), None);
        assert_eq!(one.bytes().unwrap(), "one\n");
        file.set_len(5).unwrap();
        assert_eq!(one.bytes().unwrap(), "one\n");
        assert_eq!(two.bytes(), None);
    }
}
