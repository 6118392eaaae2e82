//! A plan for one schema: paths as indices, types of all output columns.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use super::Column;
use crate::batch::MetadataKey;
use crate::error::Result;
use crate::guest::convert::masked;
use crate::guest::invalid;

/// A plan for one schema.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) schema: SchemaRef,
    pub(super) outputs: Vec<Output>,
}

/// How one output column is made.
#[derive(Debug)]
pub(super) enum Output {
    /// The input column of this index.
    AsIs(usize),
    /// A value; None where the schema has nothing at `path`.
    Value {
        place: Option<Place>,
        path: String,
    },
    /// A value as JSON; None where the schema has nothing there.
    Json(Option<Place>),
    /// The whole record as JSON.
    Record,
    Metadata(MetadataKey),
    AllMetadata,
}

/// Where a value stands.
#[derive(Debug)]
pub(super) struct Place {
    column: usize,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    /// The field of a struct, by its index.
    Field(usize),
    /// An item of a list.
    Item(u32),
}

/// # Errors
/// A name that both the plan and the rest bring.
pub(super) fn compile(columns: &[Column], schema: &SchemaRef) -> Result<Compiled> {
    let mut fields: Vec<FieldRef> = Vec::new();
    let mut outputs = Vec::new();
    for column in columns {
        match column {
            Column::Value {
                name,
                path,
                data_type,
                nullable,
            } => {
                let found = find(schema, path);
                let data_type = data_type
                    .clone()
                    .or_else(|| found.as_ref().map(|(_, found)| found.clone()))
                    .unwrap_or(DataType::Utf8);
                fields.push(Arc::new(Field::new(name, data_type, *nullable)));
                outputs.push(Output::Value {
                    place: found.map(|(place, _)| place),
                    path: path.join("."),
                });
            }
            Column::Metadata { name, key } => {
                let data_type = key.map_or(DataType::Utf8, metadata_type);
                fields.push(Arc::new(Field::new(name, data_type, true)));
                outputs.push(key.map_or(Output::AllMetadata, Output::Metadata));
            }
            Column::Json { name, path } => {
                fields.push(Arc::new(Field::new(name, DataType::Utf8, true)));
                outputs.push(if path.is_empty() {
                    Output::Record
                } else {
                    Output::Json(find(schema, path).map(|(place, _)| place))
                });
            }
            Column::Rest { without } => {
                for (index, field) in rest(columns, without, schema) {
                    fields.push(field);
                    outputs.push(Output::AsIs(index));
                }
            }
        }
    }
    let mut names = HashSet::new();
    if let Some(twice) = fields.iter().find(|field| !names.insert(field.name())) {
        return Err(invalid(format!(
            "column `{0}` is made by the plan, and the records have a column `{0}` as well: give \
             one of them another name, or leave it out of `rest`",
            twice.name()
        )));
    }
    Ok(Compiled {
        schema: Arc::new(Schema::new(fields)),
        outputs,
    })
}

fn rest(columns: &[Column], without: &[String], schema: &SchemaRef) -> Vec<(usize, FieldRef)> {
    let used: HashSet<&str> = columns
        .iter()
        .filter_map(|column| match column {
            Column::Value { path, .. } => match path.as_slice() {
                [whole] => Some(whole.as_str()),
                _ => None,
            },
            _ => None,
        })
        .chain(without.iter().map(String::as_str))
        .collect();
    (0..)
        .zip(schema.fields())
        .filter(|(_, field)| !used.contains(field.name().as_str()))
        .map(|(index, field)| (index, Arc::clone(field)))
        .collect()
}

/// Where the path leads, and what stands there.
fn find(schema: &SchemaRef, path: &[String]) -> Option<(Place, DataType)> {
    let (first, deeper) = path.split_first()?;
    let (column, field) = schema.column_with_name(first)?;
    let mut data_type = field.data_type().clone();
    let mut steps = Vec::with_capacity(deeper.len());
    for word in deeper {
        data_type = match &data_type {
            DataType::Struct(members) => {
                let (index, member) = members.find(word)?;
                steps.push(Step::Field(index));
                member.data_type().clone()
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                // "+1" and "01" are no indexes.
                let index: u32 = word
                    .parse()
                    .ok()
                    .filter(|index: &u32| index.to_string() == *word)?;
                steps.push(Step::Item(index));
                item.data_type().clone()
            }
            _ => return None,
        };
    }
    Some((Place { column, steps }, data_type))
}

impl Place {
    /// The values that stand here, and whether they had to be copied.
    pub(super) fn dig(&self, batch: &RecordBatch) -> Option<(ArrayRef, bool)> {
        let mut values = Arc::clone(batch.columns().get(self.column)?);
        let mut copied = false;
        for step in &self.steps {
            values = match step {
                Step::Field(index) => {
                    let parents = values.as_struct_opt()?;
                    masked(parents.columns().get(*index)?, parents.nulls())
                }
                Step::Item(index) => {
                    copied = true;
                    item(&values, *index)?
                }
            };
        }
        Some((values, copied))
    }
}

/// One item of each list; null where the list is shorter.
fn item(lists: &ArrayRef, index: u32) -> Option<ArrayRef> {
    fn rows(
        lists: &dyn Array,
        index: usize,
        bounds: impl Fn(usize) -> (usize, usize),
    ) -> UInt32Array {
        (0..lists.len())
            .map(|row| {
                let (begin, end) = bounds(row);
                let at = begin.checked_add(index)?;
                (lists.is_valid(row) && at < end)
                    .then(|| u32::try_from(at).ok())
                    .flatten()
            })
            .collect()
    }
    let index = index as usize;
    let (values, rows) = match lists.data_type() {
        DataType::List(_) => {
            let list = lists.as_list::<i32>();
            let offsets = list.value_offsets();
            let at = |row: usize| offsets.get(row).copied().unwrap_or_default() as usize;
            (
                list.values(),
                rows(list, index, |row| (at(row), at(row + 1))),
            )
        }
        DataType::LargeList(_) => {
            let list = lists.as_list::<i64>();
            let offsets = list.value_offsets();
            let at = |row: usize| offsets.get(row).copied().unwrap_or_default() as usize;
            (
                list.values(),
                rows(list, index, |row| (at(row), at(row + 1))),
            )
        }
        DataType::FixedSizeList(_, size) => {
            let list = lists.as_fixed_size_list();
            let size = usize::try_from(*size).ok()?;
            let rows = rows(list, index, |row| (row * size, (row + 1) * size));
            (list.values(), rows)
        }
        _ => return None,
    };
    take(values, &rows, None).ok()
}

/// The type of a metadata column, there or not.
pub(super) fn metadata_type(key: MetadataKey) -> DataType {
    match key {
        MetadataKey::Offset => DataType::Int64,
        MetadataKey::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        MetadataKey::Key | MetadataKey::Topic | MetadataKey::Partition | MetadataKey::Headers => {
            DataType::Utf8
        }
    }
}
