//! What was found, for people and programs.

use serde::{Deserialize, Serialize};
use wasm_sink_core::guest::calls::Target;

/// A number of either component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Of the one that is there.
    pub old: u64,
    /// Of the other one.
    pub new: u64,
}

impl Pair {
    pub(super) fn differs(self) -> bool {
        self.old != self.new
    }
}

/// What two components make of the same rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Epochs that both were given.
    pub epochs: u64,
    /// Rows that both were given.
    pub rows: u64,
    /// Time in their calls, in microseconds.
    pub elapsed_us: Pair,
    /// Fuel that their calls took: about the instructions that they ran. None where it was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<Pair>,
    /// Epochs that failed.
    pub failed: Pair,
    /// Some of them.
    pub failures: Vec<Ended>,
    /// Rejected rows.
    pub rejected: Pair,
    /// Rows that only one of them rejects, or each for another reason.
    pub rejected_otherwise: u64,
    /// Some of them.
    pub rejections: Vec<RejectedRow>,
    /// Calls without rows that one makes more often.
    pub calls: Vec<Calls>,
    /// By table.
    pub tables: Vec<Table>,
}

/// How an epoch ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Which one, counted from 1.
    pub epoch: u64,
    /// Why the one failed.
    pub old: Option<String>,
    /// Why the other failed.
    pub new: Option<String>,
}

/// A row that not both reject for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRow {
    /// Where it stood.
    pub record: String,
    /// The reason; none where it is not rejected.
    pub old: Option<String>,
    /// The reason; none where it is not rejected.
    pub new: Option<String>,
}

/// A call without rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// What was called.
    pub function: String,
    /// Of what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// With what, as JSON.
    pub arguments: String,
    /// How often; of skipped rows, how many.
    pub times: Pair,
}

/// What differs in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    /// Which one.
    pub table: Target,
    /// Rows that were appended.
    pub rows: Pair,
    /// How many batches those were.
    pub batches: Pair,
    /// What their columns are.
    pub columns: Columns,
    /// Rows of records that only the one makes rows of.
    pub only_old: Differing,
    /// Rows of records that only the other makes rows of.
    pub only_new: Differing,
    /// Columns of both whose values differ.
    pub values: Vec<ColumnDifference>,
}

/// Columns that only one of them has, and those of two types.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Columns {
    /// Name and type.
    pub only_old: Vec<(String, String)>,
    /// Name and type.
    pub only_new: Vec<(String, String)>,
    /// Name, and both types.
    pub retyped: Vec<(String, String, String)>,
}

/// So many rows, and some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    /// How many.
    pub rows: u64,
    /// Where they are from.
    pub examples: Vec<String>,
}

/// A column whose values differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDifference {
    /// Its name.
    pub column: String,
    /// In how many rows.
    pub rows: u64,
    /// Some of them.
    pub examples: Vec<Example>,
}

/// Two values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Where the record stood, and its key.
    pub record: String,
    /// The one.
    pub old: String,
    /// The other.
    pub new: String,
}

impl Report {
    /// Fuel for each row.
    pub fn fuel_per_row(&self) -> Option<Pair> {
        let per_row = |fuel: u64| fuel / self.rows.max(1);
        self.fuel.map(|fuel| Pair {
            old: per_row(fuel.old),
            new: per_row(fuel.new),
        })
    }

    /// Whether the destination would be the same. Time, fuel and the sizes of batches do not count.
    pub fn is_same(&self) -> bool {
        !self.failed.differs()
            && self.rejected_otherwise == 0
            && self.calls.is_empty()
            && self.tables.iter().all(Table::is_same)
    }
}

impl Table {
    pub(super) fn is_same(&self) -> bool {
        !self.rows.differs()
            && self.columns == Columns::default()
            && self.only_old.rows == 0
            && self.only_new.rows == 0
            && self.values.is_empty()
    }
}
