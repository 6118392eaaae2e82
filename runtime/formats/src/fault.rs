//! Why a record did not decode.

use std::fmt::{self, Write};

/// The longest piece of a value that a reason quotes, in characters.
const QUOTED_CHARS: usize = 40;

/// What is wrong with one record, and where. Made on the slow path only.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Offset from the beginning of the record, in bytes.
    at: usize,
    /// The column, from the inside out.
    path: Vec<String>,
    reason: String,
    /// Whether a wider column would take the value: a fraction, where all values were whole so far.
    pub(crate) wants_fractions: bool,
}

/// A fault is rare, so that the way without one stays narrow.
pub(crate) type Parsed<T> = Result<T, Box<Fault>>;

impl Fault {
    pub(crate) fn new(at: usize, reason: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            at,
            path: Vec::new(),
            reason: reason.into(),
            wants_fractions: false,
        })
    }

    /// A value that its column does not take.
    pub(crate) fn mismatch(at: usize, takes: impl fmt::Display, value: &[u8]) -> Box<Self> {
        Self::new(
            at,
            format!("takes {takes}, and the value is {}", shown(value)),
        )
    }

    /// The same fault, inside `name`.
    pub(crate) fn inside(mut self: Box<Self>, name: &str) -> Box<Self> {
        self.path.push(name.to_owned());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            f.write_char('`')?;
            for (index, name) in self.path.iter().rev().enumerate() {
                if index > 0 {
                    f.write_char('.')?;
                }
                f.write_str(name)?;
            }
            f.write_str("` ")?;
        }
        write!(f, "{} (byte {} of the record)", self.reason, self.at + 1)
    }
}

/// The beginning of a value, for a person to recognise it.
pub(crate) fn shown(value: &[u8]) -> String {
    beginning(value, QUOTED_CHARS)
}

/// So many characters of a text that may be anything.
pub(crate) fn beginning(value: &[u8], chars: usize) -> String {
    let head = value.get(..chars * 4).unwrap_or(value);
    let text = String::from_utf8_lossy(head);
    let mut out = String::with_capacity(text.len().min(chars * 4));
    let mut left = chars;
    for c in text.chars() {
        if left == 0 {
            out.push('…');
            return out;
        }
        left -= 1;
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    if head.len() < value.len() {
        out.push('…');
    }
    out
}
