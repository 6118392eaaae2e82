//! How a record of one writer goes into the columns that there are: its schema laid over theirs.
//!
//! What can go wrong with a type is found here, once for a schema; it is said for each value that is
//! not null, since the others do no harm.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Fields, TimeUnit};

use super::schema::{Meaning, Member, Node, Schema, Type};
use super::types::VALUE;
use crate::decoded::UnknownFields;

/// Steps of one plan. Unions in unions of records may ask for very many.
const MAX_STEPS: usize = 100_000;

/// How records of one schema are read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) schema: Arc<Schema>,
    pub(super) row: Row,
}

/// What a record is, as a whole.
#[derive(Debug)]
pub(super) enum Row {
    /// Without any value.
    Null,
    Members(Members),
    Union(Vec<Row>),
}

/// The fields of a record, in the order in which they were written.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) members: Vec<To>,
    /// Columns that it lacks.
    pub(super) missing: Vec<usize>,
}

/// Where a field goes.
#[derive(Debug)]
pub(super) enum To {
    Column(usize, Step),
    /// Nowhere: the user named the columns.
    Nothing(Node),
    /// There is no room for another column.
    Excess(Node, String),
}

/// How a value goes into its column.
#[derive(Debug)]
pub(super) enum Step {
    Null,
    Boolean,
    /// A whole number, or a time, in the column's units.
    Whole {
        is_int: bool,
        scale: Scale,
    },
    Float,
    Double,
    /// A number into a column of another kind, as its digits say.
    Digits(Node),
    Decimal {
        width: Option<usize>,
        scale: Scale,
    },
    Text,
    /// A time that was written as text.
    TimeText,
    Bytes,
    Fixed(usize),
    Symbol(Node),
    /// As JSON text, or what JSON would have between quotes.
    Json(Node),
    List {
        least: usize,
        item: Box<Step>,
    },
    Map {
        least: usize,
        value: Box<Step>,
    },
    Record(Members),
    /// Of null and another branch.
    Optional {
        null: usize,
        step: Box<Step>,
    },
    Union(Vec<Step>),
    /// What the writer has, which the column does not take.
    Refuse(&'static str),
}

/// What units or digits are multiplied with, or divided by where nothing is left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    Same,
    Times(i128),
    Over(i128),
}

impl Scale {
    fn of(from: i128, to: i128) -> Self {
        match (from, to) {
            (from, to) if from == to => Self::Same,
            (from, to) if from < to => Self::Times(to / from),
            (from, to) => Self::Over(from / to),
        }
    }

    /// Between decimals with so many digits after the point.
    fn of_digits(from: i8, to: i8) -> Option<Self> {
        let shift = u32::from(from.abs_diff(to));
        let factor = 10i128.checked_pow(shift)?;
        Some(match from.cmp(&to) {
            std::cmp::Ordering::Equal => Self::Same,
            std::cmp::Ordering::Less => Self::Times(factor),
            std::cmp::Ordering::Greater => Self::Over(factor),
        })
    }
}

impl Plan {
    /// `columns` as there are by now; `unknown` says what becomes of other fields.
    ///
    /// # Errors
    /// A schema that is too involved.
    pub(crate) fn new(
        schema: &Arc<Schema>,
        columns: &Fields,
        unknown: UnknownFields,
    ) -> Result<Self, String> {
        let mut planner = Planner {
            schema,
            unknown,
            left: MAX_STEPS,
        };
        Ok(Self {
            schema: Arc::clone(schema),
            row: planner.row(schema.root(), columns)?,
        })
    }
}

struct Planner<'a> {
    schema: &'a Schema,
    unknown: UnknownFields,
    left: usize,
}

type Planned<T> = Result<T, String>;

impl Planner<'_> {
    fn row(&mut self, node: Node, columns: &Fields) -> Planned<Row> {
        Ok(match self.schema.get(node) {
            Type::Null => Row::Null,
            Type::Record(members) => Row::Members(self.members(members, columns)?),
            Type::Union(branches) => {
                let rows = branches.iter().map(|branch| self.row(*branch, columns));
                Row::Union(rows.collect::<Planned<_>>()?)
            }
            _ => {
                let value = Member {
                    name: VALUE.to_owned(),
                    node,
                };
                Row::Members(self.members(&[value], columns)?)
            }
        })
    }

    fn members(&mut self, members: &[Member], columns: &Fields) -> Planned<Members> {
        let mut missing: Vec<bool> = vec![true; columns.len()];
        let mut to = Vec::with_capacity(members.len());
        for member in members {
            to.push(match columns.find(&member.name) {
                Some((index, column)) => {
                    if let Some(missing) = missing.get_mut(index) {
                        *missing = false;
                    }
                    To::Column(index, self.step(member.node, column)?)
                }
                None if self.unknown == UnknownFields::Ignore => To::Nothing(member.node),
                None => To::Excess(member.node, member.name.clone()),
            });
        }
        let missing = missing.iter().enumerate();
        Ok(Members {
            members: to,
            missing: missing
                .filter_map(|(index, missing)| missing.then_some(index))
                .collect(),
        })
    }

    fn step(&mut self, node: Node, column: &FieldRef) -> Planned<Step> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or("it has too many unions within unions of records")?;
        let of = self.schema.get(node);
        let to = column.data_type();
        if let Type::Union(branches) = of {
            return self.union(branches, column);
        }
        let is_text = matches!(
            to,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        );
        Ok(match (of, to) {
            (Type::Null, _) => Step::Null,
            (Type::Text | Type::Bytes, _) if is_text => Step::Text,
            (Type::Enum(_), _) if is_text => Step::Symbol(node),
            (_, _) if is_text => Step::Json(node),
            (Type::Boolean, DataType::Boolean) => Step::Boolean,
            (Type::Whole { is_int, meaning }, _) => whole(node, *is_int, *meaning, to),
            (Type::Float, DataType::Float32 | DataType::Float64) => Step::Float,
            (Type::Double, DataType::Float32 | DataType::Float64) => Step::Double,
            (Type::Float | Type::Double, _) if is_number(to) => Step::Digits(node),
            (
                Type::Decimal {
                    width,
                    scale,
                    precision: ..=38,
                },
                DataType::Decimal128(_, digits),
            ) => match Scale::of_digits(*scale, *digits) {
                Some(scale) => Step::Decimal {
                    width: *width,
                    scale,
                },
                None => Step::Digits(node),
            },
            (Type::Decimal { .. }, _) if is_number(to) => Step::Digits(node),
            (
                Type::Bytes | Type::Text | Type::Decimal { width: None, .. },
                DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_),
            ) => Step::Bytes,
            (
                Type::Fixed(_) | Type::Uuid | Type::Duration | Type::Decimal { .. },
                DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_),
            ) => Step::Fixed(self.schema.least_bytes(node)),
            (Type::Text, _) if to.is_temporal() => Step::TimeText,
            (Type::List(item), DataType::List(column) | DataType::LargeList(column)) => {
                Step::List {
                    least: self.schema.least_bytes(*item),
                    item: Box::new(self.step(*item, column)?),
                }
            }
            (Type::Map(value), DataType::Map(entries, _)) => match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 => Step::Map {
                    least: self.schema.least_bytes(*value).saturating_add(1),
                    value: Box::new(self.step(*value, &pair[1])?),
                },
                _ => Step::Refuse("a map"),
            },
            (Type::Record(members), DataType::Struct(fields)) => {
                Step::Record(self.members(members, fields)?)
            }
            (of, _) => Step::Refuse(called(of)),
        })
    }

    fn union(&mut self, branches: &[Node], column: &FieldRef) -> Planned<Step> {
        let steps = branches.iter().map(|branch| self.step(*branch, column));
        let steps = steps.collect::<Planned<Vec<_>>>()?;
        Ok(match <[Step; 2]>::try_from(steps) {
            Ok([Step::Null, step]) => Step::Optional {
                null: 0,
                step: Box::new(step),
            },
            Ok([step, Step::Null]) => Step::Optional {
                null: 1,
                step: Box::new(step),
            },
            Ok(steps) => Step::Union(steps.into()),
            Err(steps) => Step::Union(steps),
        })
    }
}

fn whole(node: Node, is_int: bool, meaning: Meaning, to: &DataType) -> Step {
    const DAY_SECONDS: i128 = 86_400;
    let step = |scale| Step::Whole { is_int, scale };
    match (meaning, to) {
        (Meaning::Number, DataType::Decimal128(_, scale)) => match Scale::of_digits(0, *scale) {
            Some(scale) => step(scale),
            None => Step::Digits(node),
        },
        (Meaning::Number, to) if is_number(to) || to.is_temporal() => step(Scale::Same),
        // Whoever names the column an integer wants the units.
        (_, to) if to.is_integer() => step(Scale::Same),
        (Meaning::Date, DataType::Date32) => step(Scale::Same),
        (Meaning::Date, DataType::Date64) => step(Scale::Times(DAY_SECONDS * 1000)),
        (Meaning::Date, DataType::Timestamp(unit, None)) => {
            step(Scale::Times(DAY_SECONDS * per_second(*unit)))
        }
        (Meaning::OfDay(from), DataType::Time32(unit) | DataType::Time64(unit)) => {
            step(Scale::of(per_second(from), per_second(*unit)))
        }
        (
            Meaning::Instant {
                unit: from,
                is_local,
            },
            DataType::Timestamp(unit, zone),
        ) if !(is_local && zone.is_some()) => step(Scale::of(per_second(from), per_second(*unit))),
        (Meaning::Number, _) => Step::Refuse("a whole number"),
        (Meaning::Date, _) => Step::Refuse("a date"),
        (Meaning::OfDay(_), _) => Step::Refuse("a time of day"),
        (Meaning::Instant { is_local: true, .. }, _) => Step::Refuse("a local timestamp"),
        (Meaning::Instant { .. }, _) => Step::Refuse("a timestamp"),
    }
}

fn is_number(of: &DataType) -> bool {
    of.is_integer()
        || matches!(
            of,
            DataType::Float32 | DataType::Float64 | DataType::Decimal128(..)
        )
}

fn per_second(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn called(of: &Type) -> &'static str {
    match of {
        Type::Null => "null",
        Type::Boolean => "a boolean",
        Type::Whole { .. } => "a whole number",
        Type::Float | Type::Double => "a float",
        Type::Bytes | Type::Fixed(_) => "bytes",
        Type::Text => "a string",
        Type::Decimal { .. } => "a decimal",
        Type::Uuid => "a uuid",
        Type::Duration => "a duration",
        Type::Enum(_) => "an enum",
        Type::List(_) => "an array",
        Type::Map(_) => "a map",
        Type::Union(_) => "a union",
        Type::Record(_) => "a record",
    }
}
