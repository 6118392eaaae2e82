//! What the columns of a query are read as.
//!
//! | PostgreSQL | Arrow |
//! |---|---|
//! | boolean | Boolean |
//! | smallint / integer / bigint, oid | Int16 / Int32 / Int64 |
//! | real / double precision | Float32 / Float64 |
//! | numeric(p,s) | Decimal128 up to 38 digits, Decimal256 up to 76 |
//! | text, varchar, char(n), name, json, xml, jsonb, uuid | Utf8 |
//! | bytea | Binary |
//! | date / time | Date32 / Time64(µs) |
//! | timestamp / timestamptz | Timestamp(µs) / Timestamp(µs, +00:00) |
//! | interval | Interval(MonthDayNano) |
//! | arrays of these | List |
//!
//! Every other type is cast to text by the query.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION};
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use tokio_postgres::types::{Kind, Type};

/// The zone of a timestamptz: the server sends UTC.
pub(super) const UTC: &str = "+00:00";

/// A column of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceColumn {
    pub(crate) name: String,
    pub(crate) kind: SourceType,
}

/// What a column is read as; chosen from its type before the query is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceType {
    Bool,
    Int2,
    Int4,
    Int8,
    /// A u32, as an i64.
    Oid,
    Float4,
    Float8,
    Numeric(Decimal),
    /// Whatever is sent as UTF-8: text and its kin, json, xml, citext, the labels of an enum.
    Text,
    /// Text behind its version, which is 1.
    Jsonb,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    /// As text, in lower case with hyphens.
    Uuid,
    /// One dimension of these. Where its indices begin is left out.
    Array(Box<SourceType>),
}

/// Decimal digits of a numeric: 1 to 76, of which 0 to all stand after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    precision: u8,
    scale: u8,
}

impl SourceType {
    /// From a type's OID and modifier (pg_attribute.atttypmod). Domains are looked through before.
    ///
    /// None: the query casts the column to text, and it is [`Self::Text`].
    pub(crate) fn of(oid: u32, modifier: i32) -> Option<Self> {
        let known = Type::from_oid(oid)?;
        if let Kind::Array(element) = known.kind() {
            let element = Self::of(element.oid(), modifier)?;
            return Some(Self::Array(Box::new(element)));
        }
        Some(match known {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::OID => Self::Oid,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric(Decimal::of(modifier)?),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON | Type::XML => {
                Self::Text
            }
            Type::JSONB => Self::Jsonb,
            Type::BYTEA => Self::Bytea,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::Timestamptz,
            // With fields or digits of its own it is sent like any other.
            Type::INTERVAL => Self::Interval,
            Type::UUID => Self::Uuid,
            _ => return None,
        })
    }

    /// The type of the column in a batch.
    pub(crate) fn arrow(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 | Self::Oid => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric(digits) => digits.arrow(),
            Self::Text | Self::Jsonb | Self::Uuid => DataType::Utf8,
            Self::Bytea => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Array(element) => {
                DataType::List(Field::new_list_field(element.arrow(), true).into())
            }
        }
    }
}

impl Decimal {
    /// From a numeric's modifier: digits above, eleven bits of signed scale below
    /// (`numeric_typmod_scale` of PostgreSQL's numeric.c; before version 15 no scale was negative).
    ///
    /// What reads Arrow often knows neither negative scales nor more digits after the point than there
    /// are: numeric(3,-2) has five digits here, numeric(3,5) has five after the point. None: there
    /// is no modifier, or there are more than 76 digits.
    pub(crate) fn of(modifier: i32) -> Option<Self> {
        let packed = u32::try_from(modifier).ok()?.checked_sub(4)?;
        let precision = (packed >> 16) as i32;
        let scale = ((packed & 0x7ff) ^ 1024) as i32 - 1024;
        let (precision, scale) = match scale {
            ..0 => (precision - scale, 0),
            _ => (precision.max(scale), scale),
        };
        let most = i32::from(DECIMAL256_MAX_PRECISION);
        (1..=most).contains(&precision).then_some(Self {
            precision: precision as u8,
            scale: scale as u8,
        })
    }

    /// All digits.
    pub(crate) fn precision(self) -> u8 {
        self.precision
    }

    /// Those after the point.
    pub(crate) fn scale(self) -> u8 {
        self.scale
    }

    /// Whether an i128 holds the digits; an i256 holds all others.
    pub(super) fn is_narrow(self) -> bool {
        self.precision <= DECIMAL128_MAX_PRECISION
    }

    fn arrow(self) -> DataType {
        let (precision, scale) = (self.precision, self.scale as i8);
        match self.is_narrow() {
            true => DataType::Decimal128(precision, scale),
            false => DataType::Decimal256(precision, scale),
        }
    }
}
