//! Records, arrays and maps.

use arrow::array::{Array, ArrayRef, AsArray, ListLikeArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Field, Fields};
use wasm_sink_core::Result;

use super::cell::cell;
use super::number::{put_bytes, put_long};
use super::schema::{entry_fields, is_union};
use crate::encode::values::{
    Texts, entries_of, is_text, item, keys_differ, lists, pair, plain, plain_type,
};
use crate::encode::{Cell, Halt, Written, is_null, nulls, within};

/// The values of a field.
struct Column {
    name: String,
    nulls: Option<NullBuffer>,
    form: Form,
    cell: Cell,
}

/// What stands for null.
enum Form {
    /// The first of two branches.
    Union,
    /// Nothing may.
    Required,
    /// There is nothing else.
    Null,
}

impl Column {
    fn new(path: &str, field: &Field, values: &ArrayRef) -> Result<Self> {
        let path = &within(path, field.name());
        let values = &plain(path, values)?;
        Ok(Self {
            name: field.name().clone(),
            nulls: nulls(values),
            form: match values.data_type().is_null() {
                true => Form::Null,
                false if is_union(field) => Form::Union,
                false => Form::Required,
            },
            cell: cell(path, values)?,
        })
    }

    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Written {
        let is_null = is_null(self.nulls.as_ref(), row);
        let written = match self.form {
            Form::Union if is_null => {
                put_long(0, out);
                Ok(())
            }
            Form::Union => {
                put_long(1, out);
                (self.cell)(row, out)
            }
            Form::Null => Ok(()),
            Form::Required if is_null => {
                Err(Halt::misfit("is null, and its schema does not allow that"))
            }
            Form::Required => (self.cell)(row, out),
        };
        written.map_err(|halt| halt.inside(&self.name))
    }
}

/// The fields of a record.
pub(super) struct Members(Vec<Column>);

impl Members {
    pub(super) fn new(path: &str, fields: &Fields, columns: &[ArrayRef]) -> Result<Self> {
        let columns = fields.iter().zip(columns);
        let columns = columns.map(|(field, values)| Column::new(path, field, values));
        Ok(Self(columns.collect::<Result<_>>()?))
    }

    #[inline]
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Written {
        self.0.iter().try_for_each(|column| column.write(row, out))
    }
}

pub(super) fn record(path: &str, values: &ArrayRef) -> Result<Option<Cell>> {
    let Some(values) = values.as_struct_opt() else {
        return Ok(None);
    };
    let members = Members::new(path, values.fields(), values.columns())?;
    Ok(Some(Box::new(move |row, out| members.write(row, out))))
}

/// Writes items in one block, and the end of them.
fn block(count: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Written) -> Written {
    if count > 0 {
        put_long(count as i64, out);
        write(out)?;
    }
    put_long(0, out);
    Ok(())
}

pub(super) fn array(path: &str, values: &ArrayRef) -> Result<Option<Cell>> {
    let (Some(item), Some(lists)) = (item(values.data_type()), lists(values)) else {
        return Ok(None);
    };
    let items = Column::new(path, item, ListLikeArray::values(lists.as_ref()))?;
    Ok(Some(Box::new(move |row, out| {
        let mut range = lists.element_range(row);
        block(range.len(), out, |out| {
            range.try_for_each(|item| {
                items.write(item, out)?;
                Halt::if_full(out)
            })
        })
    })))
}

pub(super) fn map(path: &str, values: &ArrayRef) -> Result<Option<Cell>> {
    let (Some((key, value)), Some(map)) = (pair(values.data_type()), values.as_map_opt()) else {
        return Ok(None);
    };
    let offsets = map.offsets().clone();
    if !is_text(plain_type(key.data_type())) {
        let columns = [map.keys().clone(), map.values().clone()];
        let entries = Members::new(path, &entry_fields(key, value), &columns)?;
        return Ok(Some(Box::new(move |row, out| {
            let mut range = entries_of(&offsets, row);
            block(range.len(), out, |out| {
                range.try_for_each(|entry| {
                    entries.write(entry, out)?;
                    Halt::if_full(out)
                })
            })
        })));
    }
    let Some(keys) = Texts::of(&plain(&within(path, key.name()), map.keys())?) else {
        return Ok(None);
    };
    let values = Column::new(path, value, map.values())?;
    Ok(Some(Box::new(move |row, out| {
        let mut range = entries_of(&offsets, row);
        keys_differ(&keys, range.clone())?;
        block(range.len(), out, |out| {
            range.try_for_each(|entry| {
                put_bytes(keys.get(entry).as_bytes(), out);
                values.write(entry, out)?;
                Halt::if_full(out)
            })
        })
    })))
}
