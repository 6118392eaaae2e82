//! What differs in the rows of one table.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::array::{DynComparator, make_comparator};
use arrow::compute::SortOptions;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use wasm_sink_core::guest::calls::Target;
use wasm_sink_core::{MetadataKey, Rows, data_type};

use super::matching::Place;
use super::report::{ColumnDifference, Columns, Differing, Example, Pair, Table};
use super::{EXAMPLES, Key};

/// The longest value that is shown, in characters.
const VALUE_CHARS: usize = 80;

/// What was found in a table so far.
#[derive(Debug, Default)]
pub(super) struct Differences {
    rows: Pair,
    batches: Pair,
    /// The types of columns as they were last.
    old: BTreeMap<String, String>,
    new: BTreeMap<String, String>,
    only_old: Differing,
    only_new: Differing,
    values: BTreeMap<String, ColumnDifference>,
}

impl Differences {
    pub(super) fn table(self, table: Target) -> Table {
        let mut columns = Columns::default();
        for (name, data_type) in &self.old {
            match self.new.get(name) {
                // Where the other had no rows, it had no columns either.
                None if self.rows.new == 0 => {}
                None => columns.only_old.push((name.clone(), data_type.clone())),
                Some(other) if other != data_type => {
                    columns
                        .retyped
                        .push((name.clone(), data_type.clone(), other.clone()));
                }
                Some(_) => {}
            }
        }
        let added = self.new.into_iter();
        columns.only_new = added
            .filter(|(name, _)| self.rows.old > 0 && !self.old.contains_key(name))
            .collect();
        Table {
            table,
            rows: self.rows,
            batches: self.batches,
            columns,
            only_old: self.only_old,
            only_new: self.only_new,
            values: self.values.into_values().collect(),
        }
    }

    pub(super) fn appended(&mut self, old: &[&Rows], new: &[&Rows]) {
        let count = |batches: &[&Rows]| batches.iter().map(|rows| rows.len() as u64).sum::<u64>();
        self.rows.old += count(old);
        self.rows.new += count(new);
        self.batches.old += old.len() as u64;
        self.batches.new += new.len() as u64;
        for (batches, columns) in [(old, &mut self.old), (new, &mut self.new)] {
            for rows in batches {
                for field in rows.values().schema_ref().fields() {
                    let name = data_type::name(field.data_type());
                    columns.insert(field.name().clone(), name);
                }
            }
        }
    }

    pub(super) fn unmatched(
        &mut self,
        old: &[&Rows],
        only_old: &[Place],
        new: &[&Rows],
        only_new: &[Place],
        key: &Key,
    ) {
        for (found, batches, places) in [
            (&mut self.only_old, old, only_old),
            (&mut self.only_new, new, only_new),
        ] {
            found.rows += places.len() as u64;
            let room = EXAMPLES.saturating_sub(found.examples.len());
            let examples = places.iter().take(room).filter_map(|(batch, row)| {
                let rows = batches.get(*batch)?;
                Some(record(rows, *row, key))
            });
            found.examples.extend(examples);
        }
    }

    /// Compares the columns that both have, in rows of the same records.
    pub(super) fn values(
        &mut self,
        old: &[&Rows],
        new: &[&Rows],
        pairs: &[(Place, Place)],
        key: &Key,
    ) {
        let mut compared: HashMap<(usize, usize), Vec<Compared>> = HashMap::new();
        for ((old_batch, old_row), (new_batch, new_row)) in pairs {
            let (Some(before), Some(now)) = (old.get(*old_batch), new.get(*new_batch)) else {
                continue;
            };
            let columns = compared
                .entry((*old_batch, *new_batch))
                .or_insert_with(|| in_common(before, now));
            for column in columns {
                if column.is_equal(*old_row, *new_row) {
                    continue;
                }
                let found = self.values.entry(column.name.clone());
                let found = found.or_insert_with(|| ColumnDifference {
                    column: column.name.clone(),
                    rows: 0,
                    examples: Vec::new(),
                });
                found.rows += 1;
                if found.examples.len() < EXAMPLES {
                    found.examples.push(Example {
                        record: record(before, *old_row, key),
                        old: shown(&column.old, *old_row),
                        new: shown(&column.new, *new_row),
                    });
                }
            }
        }
    }
}

/// A column of two batches, by its name and type.
struct Compared {
    name: String,
    old: ArrayRef,
    new: ArrayRef,
    how: How,
}

/// How values are compared.
enum How {
    /// Both columns are the same, row by row.
    Same,
    By(DynComparator),
    /// Where nothing else knows the type.
    AsText,
}

impl Compared {
    fn is_equal(&self, old: usize, new: usize) -> bool {
        match &self.how {
            How::Same if old == new => true,
            How::By(compare) => compare(old, new).is_eq(),
            How::Same | How::AsText => shown(&self.old, old) == shown(&self.new, new),
        }
    }
}

fn in_common(old: &Rows, new: &Rows) -> Vec<Compared> {
    let schema = old.values().schema();
    let names = schema.fields().iter().map(|field| field.name());
    names
        .filter_map(|name| {
            let before = old.values().column_by_name(name)?;
            let now = new.values().column_by_name(name)?;
            // A column of another type is told of as such.
            let is_comparable = before.data_type() == now.data_type();
            let is_same = before.len() == now.len() && before.to_data() == now.to_data();
            let how = match is_same {
                true => How::Same,
                false => make_comparator(before, now, SortOptions::default())
                    .map_or(How::AsText, How::By),
            };
            is_comparable.then(|| Compared {
                name: name.clone(),
                old: before.clone(),
                new: now.clone(),
                how,
            })
        })
        .collect()
}

fn shown(column: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::new().with_null("null");
    let text = ArrayFormatter::try_new(column, &options)
        .and_then(|formatter| formatter.value(row).try_to_string());
    let text = text.unwrap_or_else(|_| "a value that does not print".to_owned());
    match text.char_indices().nth(VALUE_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// Where a row is from, and what names it.
fn record(rows: &Rows, row: usize, key: &Key) -> String {
    let number = rows
        .source_rows()
        .and_then(|rows| rows.values().get(row).copied());
    let (Some(source), Some(number)) = (rows.source(), number) else {
        return "a row that is of no record".to_owned();
    };
    let mut text = source.lineage.origin(number).to_string();
    let column = key.0.as_deref();
    let named = column.and_then(|column| rows.values().column_by_name(column));
    if let (Some(column), Some(named)) = (column, named) {
        text.push_str(&format!(", {column} {}", shown(named, row)));
    } else if let Some(keys) = source
        .lineage
        .metadata(MetadataKey::Key, &UInt32Array::from(vec![number]))
        && !keys.is_null(0)
    {
        text.push_str(&format!(", key {}", shown(&keys, 0)));
    }
    text
}
