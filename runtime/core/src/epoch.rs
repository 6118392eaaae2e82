//! The identity of an epoch, and its account of rows.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Names an epoch for ever: the same in every attempt and join. 63 random bits, so that it fits a
/// signed slot; its text form is 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(i64);

impl CommitId {
    /// The sign bit of `random` is dropped.
    pub fn from_random(random: u64) -> Self {
        Self((random & i64::MAX as u64) as i64)
    }

    /// None for a negative number.
    pub fn from_slot(slot: i64) -> Option<Self> {
        (slot >= 0).then_some(Self(slot))
    }

    /// As homes keep it.
    pub fn slot(self) -> i64 {
        self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for CommitId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        i64::from_str_radix(text, 16).map(Self)
    }
}

/// Where an epoch's rows went. Stands in each commit's metadata (commit.md, 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Rows given to the component.
    pub taken: u64,
    /// Rows staged, in all tables.
    pub staged: u64,
    /// Rows that became dead letters.
    pub rejected: u64,
    /// Rows left out on purpose.
    pub skipped: u64,
}

impl Account {
    /// An epoch that took rows but staged, rejected and skipped none says nothing about them.
    pub fn is_silent(&self) -> bool {
        self.taken > 0 && self.staged == 0 && self.rejected == 0 && self.skipped == 0
    }

    /// Adds another account to this one.
    pub fn add(&mut self, other: &Self) {
        self.taken += other.taken;
        self.staged += other.staged;
        self.rejected += other.rejected;
        self.skipped += other.skipped;
    }
}

/// What an epoch was doomed by: the first capability answer other than ok or `invalid`.
#[derive(Debug, Default)]
pub struct Doom(Option<Error>);

impl Doom {
    /// Keeps the first error; later ones follow from it.
    pub fn set(&mut self, error: Error) {
        self.0.get_or_insert(error);
    }

    /// Whether the epoch can no longer be committed as it stands.
    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// The error, for the failure that is reported.
    pub fn take(&mut self) -> Option<Error> {
        self.0.take()
    }
}
