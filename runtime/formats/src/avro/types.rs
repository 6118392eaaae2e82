//! The columns that a writer's schema asks for, and columns that grow by them.
//!
//! The rules are those of JSON ([`crate::shape`]) where there are several ways: what may be of
//! several kinds is text, with values that are no strings as their JSON text; what is always null is
//! no column; all columns allow nulls, since another schema may lack them. Beside that numbers and
//! times become wider where a later schema has them so.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use wasm_sink_core::data_type::{MAX_FIXED_SIZE, wider};

use super::schema::{Meaning, Node, Schema, Type};
use crate::shape::{MAX_FIELDS, MAX_SHAPE_DEPTH};

/// The column of a record that is none, but a value.
pub(crate) const VALUE: &str = "value";

/// Types within types of one schema; whatever is more becomes text.
const MAX_TYPES: usize = 10_000;

/// Digits of the longest decimal that a column takes; longer ones are text.
const MAX_DIGITS: u8 = 38;

/// The columns of a schema: the fields of its record, or one for a value. Where it is a union, those
/// of all branches.
pub(crate) fn columns(schema: &Schema) -> Vec<FieldRef> {
    let mut types = Types {
        schema,
        open: Vec::new(),
        left: MAX_TYPES,
    };
    let root = schema.root();
    let branches = match schema.get(root) {
        Type::Union(branches) => branches.as_slice(),
        _ => &[root],
    };
    let mut fields = Vec::new();
    for branch in branches {
        let more = match schema.get(*branch) {
            Type::Record(_) => types.members(*branch),
            _ => match types.data_type(*branch) {
                Some(of) => vec![nullable(VALUE, of)],
                None => continue,
            },
        };
        fields = joined_fields(&fields, &more);
    }
    fields
}

/// `known` with the columns that `new` has beside them, at any depth, and wider ones in the place of
/// those that do not hold what it has; None where nothing changes.
pub(crate) fn grown(known: &Fields, new: &[FieldRef]) -> Option<Fields> {
    let mut has_grown = false;
    let mut fields: Vec<FieldRef> = Vec::with_capacity(known.len());
    for field in known {
        let of = new.iter().find(|other| other.name() == field.name());
        let wider = of.and_then(|of| grown_type(field.data_type(), of.data_type()));
        has_grown |= wider.is_some();
        fields.push(with_type(field, wider));
    }
    for field in new {
        if fields.len() < MAX_FIELDS && known.find(field.name()).is_none() {
            has_grown = true;
            fields.push(Arc::clone(field));
        }
    }
    has_grown.then(|| fields.into())
}

fn with_type(field: &FieldRef, of: Option<DataType>) -> FieldRef {
    match of {
        Some(of) => Arc::new(field.as_ref().clone().with_data_type(of)),
        None => Arc::clone(field),
    }
}

fn grown_type(known: &DataType, new: &DataType) -> Option<DataType> {
    match (known, new) {
        (DataType::Struct(known), DataType::Struct(new)) => grown(known, new).map(DataType::Struct),
        (DataType::List(known), DataType::List(new)) => {
            let item = grown_type(known.data_type(), new.data_type())?;
            Some(DataType::List(with_type(known, Some(item))))
        }
        (DataType::Map(..), DataType::Map(..)) => {
            let value = grown_type(map_value(known)?, map_value(new)?)?;
            Some(map(value))
        }
        _ => holding(known, new).filter(|both| both != known),
    }
}

/// The type that holds the values of two flat ones.
fn holding(one: &DataType, other: &DataType) -> Option<DataType> {
    let both = wider(one, other).or_else(|| wider(other, one));
    both.filter(|both| !matches!(both, DataType::Decimal256(..)))
}

/// What values of two branches have in common; text where they have nothing.
fn joined(one: &DataType, other: &DataType) -> DataType {
    if one == other {
        return one.clone();
    }
    match (one, other) {
        (DataType::Struct(one), DataType::Struct(other)) => {
            let fields = joined_fields(one, other);
            match fields.len() <= MAX_FIELDS {
                true => DataType::Struct(fields.into()),
                false => DataType::Utf8,
            }
        }
        (DataType::List(one), DataType::List(other)) => {
            let item = joined(one.data_type(), other.data_type());
            DataType::List(with_type(one, Some(item)))
        }
        (DataType::Map(..), DataType::Map(..)) => match (map_value(one), map_value(other)) {
            (Some(one), Some(other)) => map(joined(one, other)),
            _ => DataType::Utf8,
        },
        _ => holding(one, other).unwrap_or(DataType::Utf8),
    }
}

fn joined_fields(one: &[FieldRef], other: &[FieldRef]) -> Vec<FieldRef> {
    let mut fields = one.to_vec();
    for field in other {
        match fields.iter_mut().find(|known| known.name() == field.name()) {
            Some(known) => {
                let both = joined(known.data_type(), field.data_type());
                *known = with_type(known, Some(both));
            }
            None => fields.push(Arc::clone(field)),
        }
    }
    fields
}

fn nullable(name: &str, of: DataType) -> FieldRef {
    Arc::new(Field::new(name, of, true))
}

fn map(value: DataType) -> DataType {
    let pair = vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", value, true),
    ];
    let entries = Field::new("entries", DataType::Struct(pair.into()), false);
    DataType::Map(Arc::new(entries), false)
}

fn map_value(map: &DataType) -> Option<&DataType> {
    let DataType::Map(entries, _) = map else {
        return None;
    };
    let DataType::Struct(pair) = entries.data_type() else {
        return None;
    };
    pair.get(1).map(|value| value.data_type())
}

struct Types<'a> {
    schema: &'a Schema,
    /// The records that we are in.
    open: Vec<Node>,
    left: usize,
}

impl Types<'_> {
    /// None for what is always null.
    fn data_type(&mut self, node: Node) -> Option<DataType> {
        let plain = match self.schema.get(node) {
            Type::Null => return None,
            Type::Boolean => DataType::Boolean,
            Type::Whole { is_int, meaning } => match meaning {
                Meaning::Number if *is_int => DataType::Int32,
                Meaning::Number => DataType::Int64,
                Meaning::Date => DataType::Date32,
                Meaning::OfDay(unit @ TimeUnit::Millisecond) => DataType::Time32(*unit),
                Meaning::OfDay(unit) => DataType::Time64(*unit),
                Meaning::Instant { unit, is_local } => {
                    DataType::Timestamp(*unit, (!is_local).then(|| "+00:00".into()))
                }
            },
            Type::Float => DataType::Float32,
            Type::Double => DataType::Float64,
            Type::Bytes => DataType::Binary,
            Type::Text | Type::Enum(_) | Type::Uuid | Type::Duration => DataType::Utf8,
            Type::Fixed(size) => match i32::try_from(*size) {
                Ok(size @ 1..=MAX_FIXED_SIZE) => DataType::FixedSizeBinary(size),
                _ => DataType::Binary,
            },
            Type::Decimal {
                precision: precision @ ..=MAX_DIGITS,
                scale,
                ..
            } => DataType::Decimal128(*precision, *scale),
            Type::Decimal { .. } => DataType::Utf8,
            Type::List(_) | Type::Map(_) | Type::Union(_) | Type::Record(_) => {
                return self.nested(node);
            }
        };
        Some(plain)
    }

    fn nested(&mut self, node: Node) -> Option<DataType> {
        let is_too_much = self.left == 0 || self.open.len() >= MAX_SHAPE_DEPTH;
        self.left = self.left.saturating_sub(1);
        if is_too_much || self.open.contains(&node) {
            return Some(DataType::Utf8);
        }
        let of = match self.schema.get(node) {
            Type::Union(branches) => {
                let types = branches.iter().filter_map(|branch| self.data_type(*branch));
                let mut types = types.collect::<Vec<_>>().into_iter();
                let first = types.next()?;
                return Some(types.fold(first, |one, other| joined(&one, &other)));
            }
            Type::List(item) => {
                self.open.push(node);
                let item = self.data_type(*item).unwrap_or(DataType::Utf8);
                DataType::List(Arc::new(Field::new_list_field(item, true)))
            }
            Type::Map(value) => {
                self.open.push(node);
                map(self.data_type(*value).unwrap_or(DataType::Utf8))
            }
            _ => {
                let fields = self.members(node);
                return Some(match fields.len() {
                    1..=MAX_FIELDS => DataType::Struct(fields.into()),
                    _ => DataType::Utf8,
                });
            }
        };
        self.open.pop();
        Some(of)
    }

    fn members(&mut self, record: Node) -> Vec<FieldRef> {
        let schema = self.schema;
        let Type::Record(members) = schema.get(record) else {
            return Vec::new();
        };
        self.open.push(record);
        let mut fields = Vec::with_capacity(members.len());
        for member in members {
            self.left = self.left.saturating_sub(1);
            if let Some(of) = self.data_type(member.node) {
                fields.push(nullable(&member.name, of));
            }
        }
        self.open.pop();
        fields
    }
}
