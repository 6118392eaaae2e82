//! Objects, lists and maps.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, ListLikeArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::Fields;
use wasm_sink_core::{Error, Result};

use super::cell::{QUOTED, cell, string};
use crate::encode::values::{
    Texts, entries_of, is_text, item, keys_differ, lists, pair, plain, plain_type,
};
use crate::encode::{Cell, Halt, Written, is_null, nulls, within};

/// The values of a column, null or not.
struct Column {
    nulls: Option<NullBuffer>,
    cell: Cell,
}

impl Column {
    fn new(path: &str, values: &ArrayRef) -> Result<Self> {
        Ok(Self {
            nulls: nulls(values),
            cell: cell(path, values, QUOTED)?,
        })
    }

    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Written {
        match is_null(self.nulls.as_ref(), row) {
            true => {
                out.extend_from_slice(b"null");
                Ok(())
            }
            false => (self.cell)(row, out),
        }
    }
}

/// The fields of an object.
pub(super) struct Members(Vec<Member>);

struct Member {
    name: String,
    /// The name as a string, with what stands around it.
    key: Vec<u8>,
    column: Column,
}

impl Members {
    pub(super) fn new(path: &str, fields: &Fields, columns: &[ArrayRef]) -> Result<Self> {
        let mut names = HashSet::new();
        let members = fields.iter().zip(columns).map(|(field, values)| {
            let path = within(path, field.name());
            if !names.insert(field.name()) {
                return Err(Error::invalid(format!(
                    "there are two columns `{path}`, of which a JSON object has room for one: \
                     rename one with `field_mappings`"
                )));
            }
            let mut key = match names.len() {
                1 => b"{".to_vec(),
                _ => b",".to_vec(),
            };
            string(field.name(), &mut key)
                .map_err(|_| Error::invalid(format!("the name `{path}` cannot be written")))?;
            key.push(b':');
            Ok(Member {
                name: field.name().clone(),
                key,
                column: Column::new(&path, values)?,
            })
        });
        Ok(Self(members.collect::<Result<_>>()?))
    }

    #[inline]
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Written {
        for member in &self.0 {
            out.extend_from_slice(&member.key);
            let written = member.column.write(row, out);
            written.map_err(|halt| halt.inside(&member.name))?;
        }
        out.extend_from_slice(match self.0.is_empty() {
            true => b"{}",
            false => b"}",
        });
        Ok(())
    }
}

pub(super) fn object(path: &str, values: &ArrayRef) -> Result<Option<Cell>> {
    let Some(values) = values.as_struct_opt() else {
        return Ok(None);
    };
    let members = Members::new(path, values.fields(), values.columns())?;
    Ok(Some(Box::new(move |row, out| members.write(row, out))))
}

pub(super) fn list(path: &str, values: &ArrayRef) -> Result<Option<Cell>> {
    let (Some(item), Some(lists)) = (item(values.data_type()), lists(values)) else {
        return Ok(None);
    };
    let name = item.name().clone();
    let items = Column::new(&within(path, &name), ListLikeArray::values(lists.as_ref()))?;
    Ok(Some(Box::new(move |row, out| {
        out.push(b'[');
        for (number, item) in lists.element_range(row).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            items
                .write(item, out)
                .and_then(|()| Halt::if_full(out))
                .map_err(|halt| halt.inside(&name))?;
        }
        out.push(b']');
        Ok(())
    })))
}

pub(super) fn map(path: &str, values: &ArrayRef) -> Result<Option<Cell>> {
    let (Some((key, value)), Some(map)) = (pair(values.data_type()), values.as_map_opt()) else {
        return Ok(None);
    };
    let (key_name, value_name) = (within(path, key.name()), value.name().clone());
    let offsets = map.offsets().clone();
    if !is_text(plain_type(key.data_type())) {
        let fields = Fields::from(vec![
            key.as_ref().clone().with_name("key"),
            value.as_ref().clone().with_name("value"),
        ]);
        let columns = [map.keys().clone(), map.values().clone()];
        let entries = Members::new(path, &fields, &columns)?;
        return Ok(Some(Box::new(move |row, out| {
            out.push(b'[');
            for (number, entry) in entries_of(&offsets, row).enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                entries.write(entry, out)?;
                Halt::if_full(out)?;
            }
            out.push(b']');
            Ok(())
        })));
    }
    let Some(keys) = Texts::of(&plain(&key_name, map.keys())?) else {
        return Ok(None);
    };
    let values = Column::new(&within(path, &value_name), map.values())?;
    Ok(Some(Box::new(move |row, out| {
        out.push(b'{');
        let entries = entries_of(&offsets, row);
        keys_differ(&keys, entries.clone())?;
        for (number, entry) in entries.enumerate() {
            if number > 0 {
                out.push(b',');
            }
            string(keys.get(entry), out)?;
            out.push(b':');
            values
                .write(entry, out)
                .and_then(|()| Halt::if_full(out))
                .map_err(|halt| halt.inside(&value_name))?;
        }
        out.push(b'}');
        Ok(())
    })))
}
