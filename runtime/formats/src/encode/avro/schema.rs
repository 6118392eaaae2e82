//! The schema of Arrow columns.

use std::collections::HashSet;

use arrow::datatypes::{DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, Fields, TimeUnit};
use serde_json::{Map, Value, json};
use wasm_sink_core::{Error, Result, data_type};

use super::names::{Taken, full_name, is_name};
use crate::encode::values::{is_text, item, pair, plain_type, unit};
use crate::encode::within;

/// Digits of the largest number of 64 bits.
pub(super) const UINT64_DIGITS: u8 = 20;

/// The schema's text.
pub(super) fn json(fields: &Fields, record_name: &str) -> Result<String> {
    let (namespace, name) = full_name(record_name);
    let mut types = Types {
        taken: Taken::default(),
    };
    let name = types.taken.take(name);
    let schema = types.record("", &name, namespace, fields)?;
    Ok(schema.to_string())
}

struct Types {
    taken: Taken,
}

impl Types {
    fn record(
        &mut self,
        path: &str,
        name: &str,
        namespace: Option<String>,
        fields: &[FieldRef],
    ) -> Result<Value> {
        let mut names = HashSet::new();
        let members = fields.iter().map(|field| {
            let path = within(path, field.name());
            if !is_name(field.name()) {
                return Err(Error::invalid(format!(
                    "column `{path}` has a name that Avro does not allow, which takes letters a to z, \
                     digits and `_`, and no digit first: rename it with `field_mappings`"
                )));
            }
            if !names.insert(field.name()) {
                return Err(Error::invalid(format!(
                    "there are two columns `{path}`, of which an Avro record has room for one: \
                     rename one with `field_mappings`"
                )));
            }
            let of = self.nullable(&path, &format!("{name}_{}", field.name()), field)?;
            Ok(match has_null(field) {
                true => json!({ "name": field.name(), "type": of, "default": null }),
                false => json!({ "name": field.name(), "type": of }),
            })
        });
        let members = members.collect::<Result<Vec<_>>>()?;
        let mut record = Map::new();
        record.insert("type".to_owned(), "record".into());
        record.insert("name".to_owned(), name.into());
        if let Some(namespace) = namespace {
            record.insert("namespace".to_owned(), namespace.into());
        }
        record.insert("fields".to_owned(), members.into());
        Ok(record.into())
    }

    /// A field's type, with null where it allows that. `name` is for a type that has one.
    fn nullable(&mut self, path: &str, name: &str, field: &Field) -> Result<Value> {
        let of = self.any(path, name, plain_type(field.data_type()))?;
        Ok(match is_union(field) {
            true => json!(["null", of]),
            false => of,
        })
    }

    fn any(&mut self, path: &str, name: &str, of: &DataType) -> Result<Value> {
        let logical = |base: &str, meaning: &str| json!({ "type": base, "logicalType": meaning });
        Ok(match of {
            DataType::Null => json!("null"),
            DataType::Boolean => json!("boolean"),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::UInt8
            | DataType::UInt16 => json!("int"),
            DataType::Int64 | DataType::UInt32 => json!("long"),
            DataType::UInt64 => decimal(UINT64_DIGITS, 0),
            DataType::Float16 | DataType::Float32 => json!("float"),
            DataType::Float64 => json!("double"),
            of if is_text(of) => json!("string"),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => json!("bytes"),
            DataType::FixedSizeBinary(size) => {
                let name = self.taken.take(name.to_owned());
                json!({ "type": "fixed", "name": name, "size": size })
            }
            DataType::Decimal32(digits, scale)
            | DataType::Decimal64(digits, scale)
            | DataType::Decimal128(digits, scale)
            | DataType::Decimal256(digits, scale) => {
                let (digits, scale) =
                    digits_and_scale(*digits, *scale).ok_or_else(|| none(path, of))?;
                decimal(digits, scale)
            }
            DataType::Date32 | DataType::Date64 => logical("int", "date"),
            DataType::Time32(_) => logical("int", "time-millis"),
            DataType::Time64(_) => logical("long", "time-micros"),
            DataType::Timestamp(unit, zone) => {
                let local = if zone.is_none() { "local-" } else { "" };
                let unit = match unit {
                    TimeUnit::Second | TimeUnit::Millisecond => "millis",
                    TimeUnit::Microsecond => "micros",
                    TimeUnit::Nanosecond => "nanos",
                };
                logical("long", &format!("{local}timestamp-{unit}"))
            }
            DataType::Duration(of) => {
                json!({ "type": "long", "doc": format!("a duration in {}", unit(*of)) })
            }
            DataType::Struct(fields) => {
                let name = self.taken.take(name.to_owned());
                self.record(path, &name, None, fields)?
            }
            of => {
                if let Some(item) = item(of) {
                    let path = within(path, item.name());
                    json!({ "type": "array", "items": self.nullable(&path, name, item)? })
                } else if let Some((key, value)) = pair(of) {
                    self.map(path, name, key, value)?
                } else {
                    return Err(none(path, of));
                }
            }
        })
    }

    fn map(&mut self, path: &str, name: &str, key: &Field, value: &Field) -> Result<Value> {
        if is_text(plain_type(key.data_type())) {
            let path = within(path, value.name());
            let values = self.nullable(&path, name, value)?;
            return Ok(json!({ "type": "map", "values": values }));
        }
        let name = self.taken.take(name.to_owned());
        let entry = self.record(path, &name, None, &entry_fields(key, value))?;
        Ok(json!({ "type": "array", "items": entry }))
    }
}

/// The record that an entry is of a map whose keys are no text.
pub(super) fn entry_fields(key: &Field, value: &Field) -> Fields {
    Fields::from(vec![
        key.clone().with_name("key").with_nullable(false),
        value.clone().with_name("value"),
    ])
}

/// Whether a field's value is one of two branches, of which the first is null.
pub(super) fn is_union(field: &Field) -> bool {
    field.is_nullable() && *plain_type(field.data_type()) != DataType::Null
}

fn has_null(field: &Field) -> bool {
    field.is_nullable() || *plain_type(field.data_type()) == DataType::Null
}

fn decimal(digits: u8, scale: u8) -> Value {
    json!({ "type": "bytes", "logicalType": "decimal", "precision": digits, "scale": scale })
}

/// Digits in all and after the point, where Avro has no scale below zero.
fn digits_and_scale(digits: u8, scale: i8) -> Option<(u8, u8)> {
    let more = scale.min(0).unsigned_abs();
    let digits = digits.checked_add(more)?;
    (digits <= DECIMAL256_MAX_PRECISION).then_some((digits, scale.max(0).unsigned_abs()))
}

fn none(path: &str, of: &DataType) -> Error {
    Error::invalid(format!(
        "column `{path}` is {}, which Avro has no type for: leave it out, or make it text with \
         `field_mappings`",
        data_type::name(of)
    ))
}
