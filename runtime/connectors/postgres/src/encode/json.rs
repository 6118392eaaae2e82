//! Nested values as JSON text.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use wasm_sink_core::guest::json_texts;
use wasm_sink_core::{Error, Result};

use super::cell::Cell;
use super::text::texts;
use crate::types::is_json;

/// Text goes as it is, since it is JSON already; everything else becomes JSON. `before` is what the
/// type wants in front.
pub(super) fn json(path: &str, values: &ArrayRef, before: &'static [u8]) -> Result<Option<Cell>> {
    if let Some(texts) = texts(values) {
        return Ok(Some(Box::new(move |row, out| {
            out.extend_from_slice(before);
            out.extend_from_slice(texts.text(row).as_bytes());
            Ok(())
        })));
    }
    if !is_json(values.data_type()) {
        return Ok(None);
    }
    let values = values.clone();
    let has_floats = has_floats(values.data_type());
    let written = json_texts(&values)
        .ok_or_else(|| Error::invalid(format!("column `{path}` is too large as JSON text")))?;
    let Some(written) = texts(&written) else {
        return Ok(None);
    };
    Ok(Some(Box::new(move |row, out| {
        if has_floats && !is_finite(&values, row) {
            return Err("holds NaN or an infinity, which JSON cannot".into());
        }
        out.extend_from_slice(before);
        out.extend_from_slice(written.text(row).as_bytes());
        Ok(())
    })))
}

fn has_floats(data_type: &DataType) -> bool {
    data_type.is_floating()
        || match data_type {
            DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
            DataType::Dictionary(_, values) => has_floats(values),
            DataType::RunEndEncoded(_, item)
            | DataType::Map(item, _)
            | DataType::List(item)
            | DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)
            | DataType::ListView(item)
            | DataType::LargeListView(item) => has_floats(item.data_type()),
            _ => false,
        }
}

/// Whether no NaN and no infinity stands in a value. What holds floats in another way than these is
/// no form that a sink is given.
fn is_finite(values: &ArrayRef, row: usize) -> bool {
    if values.is_null(row) {
        return true;
    }
    let all = |items: &ArrayRef, range: std::ops::Range<usize>| {
        range.into_iter().all(|item| is_finite(items, item))
    };
    match values.data_type() {
        DataType::Float16 => values.as_primitive::<Float16Type>().value(row).is_finite(),
        DataType::Float32 => values.as_primitive::<Float32Type>().value(row).is_finite(),
        DataType::Float64 => values.as_primitive::<Float64Type>().value(row).is_finite(),
        DataType::Struct(_) => {
            let members = values.as_struct().columns();
            members.iter().all(|member| is_finite(member, row))
        }
        DataType::List(_) => {
            let list = values.as_list::<i32>();
            let (begin, end) = (list.value_offsets()[row], list.value_offsets()[row + 1]);
            all(list.values(), begin as usize..end as usize)
        }
        DataType::LargeList(_) => {
            let list = values.as_list::<i64>();
            let (begin, end) = (list.value_offsets()[row], list.value_offsets()[row + 1]);
            all(list.values(), begin as usize..end as usize)
        }
        DataType::FixedSizeList(_, size) => {
            let begin = row * *size as usize;
            all(
                values.as_fixed_size_list().values(),
                begin..begin + *size as usize,
            )
        }
        DataType::Map(..) => {
            let map = values.as_map();
            let (begin, end) = (map.value_offsets()[row], map.value_offsets()[row + 1]);
            all(map.values(), begin as usize..end as usize)
        }
        _ => true,
    }
}
