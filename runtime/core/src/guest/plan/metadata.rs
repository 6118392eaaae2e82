//! What a source knows of its records beside their values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use serde::de::IgnoredAny;

use super::compile::metadata_type;
use crate::batch::{MetadataKey, Rows};
use crate::error::{Blame, Error, Kind, Result};
use crate::guest::json;
use crate::guest::room::{Full, Room};

/// One metadata column; nulls where the source has no such thing, or the rows no source.
///
/// # Errors
/// A source that gives another type or number of rows: a bug.
pub(super) fn column(
    rows: &Rows,
    key: MetadataKey,
    room: &mut Room,
) -> Result<Result<ArrayRef, Full>> {
    let expected = metadata_type(key);
    let found = match (rows.source(), rows.source_rows()) {
        (Some(source), Some(numbers)) => source.lineage.metadata(key, &numbers),
        _ => None,
    };
    let Some(found) = found else {
        return Ok(room.nulls(&expected, rows.len()));
    };
    if *found.data_type() != expected || found.len() != rows.len() {
        return Err(Error::new(
            Kind::Other,
            Blame::Host,
            format!(
                "the source gave {} values of {} as `{}` of {} rows",
                found.len(),
                found.data_type(),
                key.as_str(),
                rows.len()
            ),
        ));
    }
    Ok(room.take(found.get_buffer_memory_size()).map(|()| found))
}

/// All metadata of each row as one JSON object; what there is not is left out.
///
/// # Errors
/// As for [`column()`].
pub(super) fn all(rows: &Rows, room: &mut Room) -> Result<Result<ArrayRef, Full>> {
    let mut parts = Vec::with_capacity(MetadataKey::ALL.len());
    for key in MetadataKey::ALL {
        let values = match column(rows, key, room)? {
            Ok(values) => values,
            Err(full) => return Ok(Err(full)),
        };
        // Headers are JSON already, and go in as they are if that is true.
        let text = match (key, json::texts(&values, room)) {
            (_, Err(full)) => return Ok(Err(full)),
            (MetadataKey::Headers, Ok(quoted)) => (Some(values), quoted),
            (_, Ok(text)) => (None, text),
        };
        parts.push((key, text));
    }
    if rows.source().is_none() {
        return Ok(room.nulls(&DataType::Utf8, rows.len()));
    }
    let mut builder = StringBuilder::new();
    let mut object = String::new();
    let mut written = 0_usize;
    for row in 0..rows.len() {
        object.clear();
        object.push('{');
        for (key, (raw, text)) in &parts {
            let text = text.as_string::<i32>();
            if text.is_null(row) {
                continue;
            }
            let raw = raw
                .as_ref()
                .map(|raw| raw.as_string::<i32>().value(row))
                .filter(|raw| serde_json::from_str::<IgnoredAny>(raw).is_ok());
            if object.len() > 1 {
                object.push(',');
            }
            object.push('"');
            object.push_str(key.as_str());
            object.push_str("\":");
            object.push_str(raw.unwrap_or_else(|| text.value(row)));
        }
        object.push('}');
        written = written.saturating_add(object.len());
        if written > room.left().min(i32::MAX as usize) {
            return Ok(Err(Full));
        }
        builder.append_value(&object);
    }
    Ok(room
        .take(written)
        .map(|()| Arc::new(builder.finish()) as ArrayRef))
}
