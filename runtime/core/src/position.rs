//! How far a source partition has been read.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// An opaque, ordered value made by a source: words of 63 bits, the most significant first, so
/// that every home can keep one in signed 64-bit slots. Positions of one source have equally many
/// words. Its text form joins the words with dots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(Box<[i64]>);

impl Position {
    /// None where `words` is empty or one of them is negative.
    pub fn new(words: impl Into<Box<[i64]>>) -> Option<Self> {
        let words = words.into();
        (!words.is_empty() && words.iter().all(|word| *word >= 0)).then_some(Self(words))
    }

    /// A position of one word; the sign bit is dropped.
    pub fn from_offset(offset: u64) -> Self {
        Self(Box::new([(offset & i64::MAX as u64) as i64]))
    }

    /// The words, each between 0 and 2⁶³ − 1.
    pub fn words(&self) -> &[i64] {
        &self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            write!(f, "{word}")?;
        }
        Ok(())
    }
}

/// A text that is no position.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{0}` is not a position: whole numbers from 0 to 2^63-1 joined by dots are")]
pub struct NotAPosition(String);

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text
            .split('.')
            .map(|word| word.parse::<i64>().ok())
            .collect::<Option<Vec<_>>>();
        words
            .and_then(Self::new)
            .ok_or_else(|| NotAPosition(text.to_owned()))
    }
}

/// A source partition, named so that no other source can be taken for it: the pipeline's name and
/// this key make the key under which a home keeps a position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey {
    source: Arc<str>,
    partition: Arc<str>,
}

impl PartitionKey {
    /// `source` is the source's identity (cluster and topic id, file fingerprint, …).
    pub fn new(source: impl Into<Arc<str>>, partition: impl Into<Arc<str>>) -> Self {
        Self {
            source: source.into(),
            partition: partition.into(),
        }
    }

    /// Identity of the source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Partition within the source.
    pub fn partition(&self) -> &str {
        &self.partition
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.partition)
    }
}

/// One partition's way through an epoch. `begin` is the position that must be the stored one when
/// the epoch is committed; None: nothing may be stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which partition.
    pub key: PartitionKey,
    /// Where the epoch begins.
    pub begin: Option<Position>,
    /// Where it ends.
    pub end: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_orders_like_the_words() {
        let low: Position = "7.9".parse().unwrap();
        let high: Position = "10.0".parse().unwrap();
        assert!(low < high);
        assert_eq!(high.to_string(), "10.0");
        for wrong in ["", "-1", "1.", "a", "9223372036854775808"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong}");
        }
    }
}
