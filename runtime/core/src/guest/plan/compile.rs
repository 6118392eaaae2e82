//! A plan for one schema: paths as indices, types of all output columns.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use super::Column;
use crate::batch::MetadataKey;
use crate::error::{Error, Result};
use crate::guest::convert::masked;
use crate::guest::room::{Full, Room};

/// A plan for one schema.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) schema: SchemaRef,
    pub(super) outputs: Vec<Output>,
}

impl Compiled {
    /// What it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let outputs: usize = self.outputs.iter().map(Output::bytes).sum();
        self.schema.fields().size() + outputs
    }
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

impl Output {
    fn bytes(&self) -> usize {
        let steps = |place: &Option<Place>| {
            let steps = place.as_ref().map_or(0, |place| place.steps.len());
            steps * size_of::<Step>()
        };
        let inside = match self {
            Self::Value { place, path } => steps(place) + path.len(),
            Self::Json(place) => steps(place),
            Self::AsIs(_) | Self::Record | Self::Metadata(_) | Self::AllMetadata => 0,
        };
        size_of::<Self>() + inside
    }
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
        return Err(Error::invalid(format!(
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
    /// The values that stand here; None where the batch lacks what its schema had. Takes room for
    /// each step that copies.
    pub(super) fn dig(&self, batch: &RecordBatch, room: &mut Room) -> Result<Option<Dug>, Full> {
        let Some(column) = batch.columns().get(self.column) else {
            return Ok(None);
        };
        let mut dug = Dug {
            values: Arc::clone(column),
            origin: Origin::Shared { mask_bytes: 0 },
        };
        for step in &self.steps {
            let next = match step {
                Step::Field(index) => dug.field(*index, room)?,
                Step::Item(index) => dug.item(*index, room)?,
            };
            match next {
                Some(next) => dug = next,
                None => return Ok(None),
            }
        }
        Ok(Some(dug))
    }
}

/// What stands at a place.
pub(super) struct Dug {
    pub(super) values: ArrayRef,
    pub(super) origin: Origin,
}

/// Whose memory values are in.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// The batch's, but for the bitmaps that say where a parent is null.
    Shared { mask_bytes: usize },
    /// Their own.
    Copied,
}

impl Dug {
    /// A field of structs; null where they are.
    fn field(&self, index: usize, room: &mut Room) -> Result<Option<Self>, Full> {
        let Some(parents) = self.values.as_struct_opt() else {
            return Ok(None);
        };
        let Some(child) = parents.columns().get(index) else {
            return Ok(None);
        };
        let is_masked = parents.null_count() > 0;
        let values = masked(child, parents.nulls());
        let keeps_nulls_inside = matches!(
            child.data_type(),
            DataType::Union(..) | DataType::RunEndEncoded(..)
        );
        let origin = match self.origin {
            _ if is_masked && keeps_nulls_inside => {
                room.take(values.get_buffer_memory_size())?;
                Origin::Copied
            }
            Origin::Shared { mask_bytes } if is_masked => {
                let bitmap = child.len().div_ceil(8);
                room.take(bitmap)?;
                Origin::Shared {
                    mask_bytes: mask_bytes.saturating_add(bitmap),
                }
            }
            origin => origin,
        };
        Ok(Some(Self { values, origin }))
    }

    /// An item of lists; null where they are shorter.
    fn item(&self, index: u32, room: &mut Room) -> Result<Option<Self>, Full> {
        let Some(values) = item(&self.values, index) else {
            return Ok(None);
        };
        room.take(values.get_buffer_memory_size())?;
        Ok(Some(Self {
            values,
            origin: Origin::Copied,
        }))
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
