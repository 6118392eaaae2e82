//! Passing over values that no column takes.

use super::input::Input;
use super::schema::{Node, Schema, Type};
use crate::fault::Parsed;

/// Passes over a value. Its shape is checked, not its texts and times.
pub(crate) fn skip(schema: &Schema, node: Node, input: &mut Input<'_>, depth: usize) -> Parsed<()> {
    match schema.get(node) {
        Type::Null => {}
        Type::Boolean => {
            input.boolean()?;
        }
        Type::Whole { is_int: true, .. } => {
            input.int()?;
        }
        Type::Whole { is_int: false, .. } => {
            input.long()?;
        }
        Type::Float => {
            input.take(4)?;
        }
        Type::Double => {
            input.take(8)?;
        }
        Type::Bytes | Type::Text | Type::Decimal { width: None, .. } => {
            input.bytes()?;
        }
        Type::Fixed(size)
        | Type::Decimal {
            width: Some(size), ..
        } => {
            input.take(*size)?;
        }
        Type::Uuid => {
            input.take(16)?;
        }
        Type::Duration => {
            input.take(12)?;
        }
        Type::Enum(symbols) => {
            input.index(symbols.len())?;
        }
        Type::List(item) => {
            let depth = input.deeper(depth)?;
            let least = schema.least_bytes(*item);
            loop {
                let count = input.block(least)?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    input.unfold(1)?;
                    skip(schema, *item, input, depth)?;
                }
            }
        }
        Type::Map(value) => {
            let depth = input.deeper(depth)?;
            let least = schema.least_bytes(*value).saturating_add(1);
            loop {
                let count = input.block(least)?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    input.unfold(1)?;
                    input.bytes()?;
                    skip(schema, *value, input, depth)?;
                }
            }
        }
        Type::Union(branches) => {
            let depth = input.deeper(depth)?;
            let branch = input.index(branches.len())?;
            if let Some(branch) = branches.get(branch) {
                skip(schema, *branch, input, depth)?;
            }
        }
        Type::Record(members) => {
            let depth = input.deeper(depth)?;
            for member in members {
                // Records of records of nothing take no byte, and may be very many.
                input.unfold(1)?;
                skip(schema, member.node, input, depth)?;
            }
        }
    }
    Ok(())
}
