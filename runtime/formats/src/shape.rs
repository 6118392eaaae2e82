//! What values look like, and the type that holds them all.
//!
//! The rule: *null < anything*; *int64 < float64*, if every whole number seen is exact in a double;
//! lists merge by their items, objects field by field; whatever else differs becomes utf8, with
//! values that are no strings as their JSON text. Fields stand in order of first appearance and
//! allow nulls. A field that has been null so far is no column yet: it becomes one, at the end, with
//! its first value. A list without items is a list of utf8; an object without values is utf8.
//!
//! Once batches have been given out a column keeps its type. New fields are added after the others. Where
//! the first batches are few records, these are not all that types are learnt from: see [`Learning`].

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};

use crate::column::number::Number;

/// An object with more fields is more likely a map from ids: it becomes utf8. The record itself has
/// no more columns.
pub const MAX_FIELDS: usize = 1_000;

/// Lists and objects deeper than this become utf8.
pub(crate) const MAX_SHAPE_DEPTH: usize = 16;

/// What further records may do to columns that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learning {
    /// Nothing.
    Over,
    /// Whole numbers become float64 where a fraction comes, as if it had been among the first.
    Types,
}

/// What the values at one place have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Shape {
    #[default]
    Null,
    Boolean,
    Integer {
        /// Whether a double could hold every one of them.
        exact_in_double: bool,
    },
    Float,
    /// Strings, or values of several kinds.
    Text,
    List(Box<Shape>),
    Object(Members),
}

/// The fields of an object in order of first appearance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Members {
    shapes: Vec<(String, Shape)>,
    by_name: HashMap<String, usize>,
}

impl Members {
    /// The shape of one field; `likely` is where it probably stands.
    pub(crate) fn shape(&mut self, name: &str, likely: usize) -> &mut Shape {
        let index = match self.shapes.get(likely) {
            Some((likely_name, _)) if likely_name == name => likely,
            _ => match self.by_name.get(name) {
                Some(index) => *index,
                None => {
                    self.by_name.insert(name.to_owned(), self.shapes.len());
                    self.shapes.push((name.to_owned(), Shape::Null));
                    self.shapes.len() - 1
                }
            },
        };
        &mut self.shapes[index].1
    }

    pub(crate) fn len(&self) -> usize {
        self.shapes.len()
    }
}

impl Shape {
    /// A number as written.
    pub(crate) fn of_number(number: &Number<'_>) -> Self {
        if number.is_plain() {
            match number.to_i64() {
                Some(_) => Self::Integer {
                    exact_in_double: number.to_f64().is_some(),
                },
                None => Self::Text,
            }
        } else if number.to_f64().is_some() {
            Self::Float
        } else {
            Self::Text
        }
    }

    /// Takes in a value without parts.
    pub(crate) fn widen(&mut self, other: Self) {
        let widened = match (std::mem::take(self), other) {
            (Self::Null, shape) | (shape, Self::Null) => shape,
            (Self::Boolean, Self::Boolean) => Self::Boolean,
            (
                Self::Integer {
                    exact_in_double: one,
                },
                Self::Integer {
                    exact_in_double: other,
                },
            ) => Self::Integer {
                exact_in_double: one && other,
            },
            (
                Self::Float
                | Self::Integer {
                    exact_in_double: true,
                },
                Self::Float
                | Self::Integer {
                    exact_in_double: true,
                },
            ) => Self::Float,
            (Self::List(mut item), Self::List(other)) => {
                item.widen(*other);
                Self::List(item)
            }
            (Self::Object(mut members), Self::Object(others)) => {
                for (name, shape) in others.shapes {
                    members.shape(&name, 0).widen(shape);
                }
                Self::Object(members)
            }
            _ => Self::Text,
        };
        *self = widened;
    }

    /// The type that holds all of it; None while there was no value.
    fn data_type(&self) -> Option<DataType> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean => DataType::Boolean,
            Self::Integer { .. } => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::List(item) => {
                let item = item.data_type().unwrap_or(DataType::Utf8);
                DataType::List(Arc::new(Field::new_list_field(item, true)))
            }
            Self::Object(members) => {
                let fields = members.new_fields(|_| false);
                if fields.is_empty() || fields.len() > MAX_FIELDS {
                    DataType::Utf8
                } else {
                    DataType::Struct(fields.into())
                }
            }
        })
    }
}

impl Members {
    fn new_fields(&self, is_known: impl Fn(&str) -> bool) -> Vec<FieldRef> {
        let new = self.shapes.iter().filter(|(name, _)| !is_known(name));
        new.filter_map(|(name, shape)| {
            let data_type = shape.data_type()?;
            Some(Arc::new(Field::new(name, data_type, true)))
        })
        .collect()
    }

    /// A schema of these fields.
    pub(crate) fn schema(&self) -> Schema {
        let mut fields = self.new_fields(|_| false);
        fields.truncate(MAX_FIELDS);
        Schema::new(fields)
    }

    /// `schema` with what is new here, at any depth; None where nothing is.
    pub(crate) fn extend(&self, schema: &Schema, learning: Learning) -> Option<Schema> {
        self.extend_fields(schema.fields(), learning)
            .map(|fields| Schema::new_with_metadata(fields, schema.metadata().clone()))
    }

    fn extend_fields(&self, known: &Fields, learning: Learning) -> Option<Fields> {
        let mut is_new = false;
        let mut fields: Vec<FieldRef> = Vec::with_capacity(known.len());
        for field in known {
            let extended = self
                .by_name
                .get(field.name())
                .and_then(|index| self.shapes.get(*index))
                .and_then(|(_, shape)| shape.extend_type(field.data_type(), learning));
            fields.push(match extended {
                Some(data_type) => {
                    is_new = true;
                    Arc::new(field.as_ref().clone().with_data_type(data_type))
                }
                None => Arc::clone(field),
            });
        }
        let new = self.new_fields(|name| known.find(name).is_some());
        let room = MAX_FIELDS.saturating_sub(fields.len());
        for field in new.into_iter().take(room) {
            is_new = true;
            fields.push(field);
        }
        is_new.then(|| fields.into())
    }
}

impl Shape {
    fn extend_type(&self, known: &DataType, learning: Learning) -> Option<DataType> {
        match (self, known) {
            (Self::Float, DataType::Int64) if learning == Learning::Types => {
                Some(DataType::Float64)
            }
            (Self::Object(members), DataType::Struct(fields)) => members
                .extend_fields(fields, learning)
                .map(DataType::Struct),
            (Self::List(shape), DataType::List(item)) => {
                let data_type = shape.extend_type(item.data_type(), learning)?;
                let item = item.as_ref().clone().with_data_type(data_type);
                Some(DataType::List(Arc::new(item)))
            }
            _ => None,
        }
    }
}
