//! A source that reads the rows of a table or a query in the order of columns that only grow: what
//! sources in databases share. A database adds how it is asked: [`Database`].
//!
//! A position is where a row stands in that order, so a run goes on behind the last row that is
//! delivered, whatever became of the connection. Rows that come later must stand later: those that a
//! database can still tell to be on their way are waited for ([`Database::newest`]).

mod lineage;
mod reading;
mod settings;
mod source;
mod statements;
#[cfg(test)]
mod tests;

use arrow::array::RecordBatch;
use async_trait::async_trait;

use crate::error::{Blame, Error, Kind, Result};
use crate::position::Position;

pub use lineage::last_place;
pub use settings::{OrderedSettings, RowsOf};
pub use source::OrderedSource;
pub use statements::{Comparison, Ordering, Statements, wrong};

/// Where a row stands: a number per ordering column. Integers are as they are, dates are days, times count
/// in their column's unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub Vec<i64>);

impl Place {
    /// Two words a number, since words have no sign: 0 or 1 for below zero or not, then the rest.
    pub fn position(&self) -> Option<Position> {
        let words = self.0.iter().flat_map(|number| match *number {
            number @ 0.. => [1, number],
            number => [0, number & i64::MAX],
        });
        Position::new(words.collect::<Vec<_>>())
    }

    /// Whether no place stands before it: what a source calls its beginning.
    fn is_first(&self) -> bool {
        self.0.iter().all(|number| *number == i64::MIN)
    }

    /// The place of a position with so many columns; None for one that is from elsewhere.
    pub fn of(position: &Position, columns: usize) -> Option<Self> {
        let words = position.words();
        if words.len() != columns * 2 {
            return None;
        }
        let numbers = words.chunks_exact(2).map(|pair| match pair {
            [1, number] => Some(*number),
            [0, number] => Some(number | i64::MIN),
            _ => None,
        });
        numbers.collect::<Option<Vec<_>>>().map(Self)
    }
}

/// What a source in a database is called.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The same database under whatever address, and no other.
    pub database: String,
    /// The table, as a person names it, or what stands for a query.
    pub rows: String,
}

/// Rows that stand next to each other.
#[derive(Debug)]
pub struct Page {
    /// The rows, those with a misfit among them.
    pub rows: RecordBatch,
    /// Rows with a value that cannot be told here, which is null, and why; counted from 0, rising.
    pub misfits: Vec<(u32, String)>,
}

/// A database that rows are read from. Errors that pass are tried again by whoever calls.
#[async_trait]
pub trait Database: Send + 'static {
    /// The place of the last row, once no row can come before it any more; None: there are no rows.
    ///
    /// # Errors
    /// Of the database; rows without a place.
    async fn newest(&mut self) -> Result<Option<Place>>;

    /// The rows behind `after`, up to and with `to`, in order.
    ///
    /// # Errors
    /// Of the database.
    async fn rows(&mut self, after: Option<&Place>, to: &Place) -> Result<Box<dyn Pages>>;
}

/// An error that a connector tells of a destination, as one of where rows come from. What a fresh look
/// would find changed is not there to be looked at again.
pub fn of_source(error: Error) -> Error {
    let blame = match error.blame() {
        Blame::Destination => Blame::Source,
        other => other,
    };
    let kind = match error.kind() {
        Kind::Conflict => Kind::Invalid,
        other => other,
    };
    error.recast(kind, blame)
}

/// Rows as they come.
#[async_trait]
pub trait Pages: Send {
    /// About so many more; None: that was all.
    ///
    /// # Errors
    /// Of the database.
    async fn next(&mut self, rows: usize) -> Result<Option<Page>>;
}
