//! Arrow's types and PostgreSQL's.
//!
//! | Arrow | a new column is |
//! |---|---|
//! | Boolean | boolean |
//! | Int8, Int16, UInt8 / Int32, UInt16 / Int64, UInt32 | smallint / integer / bigint |
//! | UInt64 | numeric(20,0) |
//! | Float16, Float32 / Float64 | real / double precision |
//! | Utf8 and its kin | text |
//! | Binary and its kin | bytea |
//! | Date32, Date64 | date; a Date64 that is no whole day is refused row by row |
//! | Time32, Time64 | time; what is no whole µs is refused row by row |
//! | Timestamp with a zone / without | timestamptz / timestamp, likewise |
//! | Duration, Interval | interval, likewise |
//! | Decimal32 … Decimal256 | numeric(p,s); a negative scale becomes further digits |
//! | lists of all these | an array |
//! | Struct, Map, other lists | jsonb |
//! | Dictionary, RunEndEncoded | the type of their values |
//! | Null, Union | refused, with what to do |
//!
//! An existing column may be of other types: [`PgType`] and `encode` say which values go into which.

mod contract;
mod widen;

use arrow::datatypes::DataType;
use tokio_postgres::types::Type;
use wasm_sink_core::{Error, Result, data_type};

/// A column's type, as far as values go into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PgType {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    /// Digits and scale, where the column has them.
    Numeric(Option<(u16, i16)>),
    /// text, varchar, char, name, xml, citext: the server's own text; characters, where it keeps so many.
    Text(Option<u32>),
    /// Labels, sent as text.
    Enum,
    Bytea,
    Date,
    Time(Digits),
    Timestamp(Digits),
    Timestamptz(Digits),
    Interval,
    Uuid,
    Json,
    Jsonb,
    /// inet or cidr.
    Inet(Network),
    Array(Box<Element>),
    Composite(Box<Composite>),
    /// Nothing goes into it; its name.
    Other(String),
}

/// Digits of a second that a column keeps: 0 to 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digits(u32);

impl Digits {
    /// All that the server has.
    pub(crate) const ALL: Self = Self(6);

    fn of(modifier: i32) -> Self {
        Self(u32::try_from(modifier).map_or(6, |digits| digits.min(6)))
    }

    /// Into how many µs a kept digit divides.
    pub(crate) fn step_us(self) -> i64 {
        10_i64.pow(6 - self.0)
    }

    fn sql(self, name: &str) -> String {
        match self {
            Self::ALL => name.to_owned(),
            Self(digits) => format!("{name}({digits})"),
        }
    }
}

/// Which of the two types for addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Any address.
    Inet,
    /// A network.
    Cidr,
}

/// What an array holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) oid: u32,
    pub(crate) kind: PgType,
}

/// A type of the database's own that has members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Composite {
    pub(crate) name: String,
    /// In the order in which they are sent.
    pub(crate) attributes: Vec<Attribute>,
}

/// One member of a composite type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    /// Of the type that it was declared with: a domain's own.
    pub(crate) oid: u32,
    pub(crate) kind: PgType,
    pub(crate) allows_null: bool,
}

impl PgType {
    /// The type behind an OID of the server's own; `modifier` as in pg_attribute.atttypmod.
    pub(crate) fn built_in(oid: u32, modifier: i32) -> Option<Self> {
        Some(match Type::from_oid(oid)? {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric(digits(modifier)),
            Type::VARCHAR | Type::BPCHAR => {
                let most = modifier
                    .checked_sub(4)
                    .and_then(|most| u32::try_from(most).ok());
                Self::Text(most)
            }
            Type::TEXT | Type::NAME | Type::XML => Self::Text(None),
            Type::BYTEA => Self::Bytea,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time(Digits::of(modifier)),
            Type::TIMESTAMP => Self::Timestamp(Digits::of(modifier)),
            Type::TIMESTAMPTZ => Self::Timestamptz(Digits::of(modifier)),
            // With one, the server leaves parts of an interval out.
            Type::INTERVAL if modifier < 0 => Self::Interval,
            Type::UUID => Self::Uuid,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Jsonb,
            Type::INET => Self::Inet(Network::Inet),
            Type::CIDR => Self::Inet(Network::Cidr),
            _ => return None,
        })
    }

    /// As SQL names it.
    pub(crate) fn sql(&self) -> String {
        match self {
            Self::Bool => "boolean",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Float4 => "real",
            Self::Float8 => "double precision",
            Self::Numeric(None) => "numeric",
            Self::Numeric(Some((digits, scale))) => return format!("numeric({digits},{scale})"),
            Self::Text(None) => "text",
            Self::Text(Some(most)) => return format!("varchar({most})"),
            Self::Enum => "an enum",
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Time(digits) => return digits.sql("time"),
            Self::Timestamp(digits) => return digits.sql("timestamp"),
            Self::Timestamptz(digits) => return digits.sql("timestamptz"),
            Self::Interval => "interval",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Inet(Network::Inet) => "inet",
            Self::Inet(Network::Cidr) => "cidr",
            Self::Array(element) => return format!("{}[]", element.kind.sql()),
            Self::Composite(composite) => &composite.name,
            Self::Other(name) => name,
        }
        .to_owned()
    }

    /// What the elements of a new array are known by; None for those that have none here.
    fn oid(&self) -> Option<u32> {
        let known = match self {
            Self::Bool => Type::BOOL,
            Self::Int2 => Type::INT2,
            Self::Int4 => Type::INT4,
            Self::Int8 => Type::INT8,
            Self::Float4 => Type::FLOAT4,
            Self::Float8 => Type::FLOAT8,
            Self::Numeric(_) => Type::NUMERIC,
            Self::Text(_) => Type::TEXT,
            Self::Bytea => Type::BYTEA,
            Self::Date => Type::DATE,
            Self::Time(_) => Type::TIME,
            Self::Timestamp(_) => Type::TIMESTAMP,
            Self::Timestamptz(_) => Type::TIMESTAMPTZ,
            Self::Interval => Type::INTERVAL,
            _ => return None,
        };
        Some(known.oid())
    }
}

/// Digits and scale of a numeric(p,s), from its modifier (`numeric_typmod_precision` in PostgreSQL's
/// numeric.c: eleven bits of signed scale since version 15).
fn digits(modifier: i32) -> Option<(u16, i16)> {
    let packed = u32::try_from(modifier).ok()?.checked_sub(4)?;
    let scale = ((packed & 0x7ff) ^ 1024) as i16 - 1024;
    Some(((packed >> 16) as u16, scale))
}

/// The type of a new column for values of an Arrow type. `path` names it in messages.
///
/// # Errors
/// `invalid`, with what to do instead.
pub(crate) fn new_column(path: &str, arrow: &DataType) -> Result<PgType> {
    Ok(match arrow {
        DataType::Boolean => PgType::Bool,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => PgType::Int2,
        DataType::Int32 | DataType::UInt16 => PgType::Int4,
        DataType::Int64 | DataType::UInt32 => PgType::Int8,
        DataType::UInt64 => PgType::Numeric(Some((20, 0))),
        DataType::Float16 | DataType::Float32 => PgType::Float4,
        DataType::Float64 => PgType::Float8,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => PgType::Text(None),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => PgType::Bytea,
        DataType::Date32 | DataType::Date64 => PgType::Date,
        DataType::Time32(_) | DataType::Time64(_) => PgType::Time(Digits::ALL),
        DataType::Timestamp(_, Some(_)) => PgType::Timestamptz(Digits::ALL),
        DataType::Timestamp(_, None) => PgType::Timestamp(Digits::ALL),
        DataType::Duration(_) | DataType::Interval(_) => PgType::Interval,
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => {
            let (digits, scale) = (u16::from(*digits), i16::from(*scale));
            PgType::Numeric(Some(match u16::try_from(scale) {
                Ok(places) => (digits.max(places), scale),
                Err(_) => (digits + scale.unsigned_abs(), 0),
            }))
        }
        DataType::Dictionary(_, values) => new_column(path, values)?,
        DataType::RunEndEncoded(_, values) => new_column(path, values.data_type())?,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => {
            let kind = new_column(&format!("{path}.element"), item.data_type())?;
            match kind.oid() {
                // Arrays of arrays must be rectangles, and of JSON is JSON again.
                None => PgType::Jsonb,
                Some(oid) => PgType::Array(Box::new(Element { oid, kind })),
            }
        }
        DataType::Struct(fields) => {
            for field in fields {
                new_column(&format!("{path}.{}", field.name()), field.data_type())?;
            }
            PgType::Jsonb
        }
        DataType::Map(..) if !is_json(arrow) => {
            return Err(refused(
                path,
                arrow,
                "the names in JSON are text, and what stands below them is no union; cast its keys \
                 to utf8",
            ));
        }
        DataType::Map(..) => PgType::Jsonb,
        DataType::Null => {
            return Err(refused(
                path,
                arrow,
                "no value has shown its type yet; give it one in `schema` or `field_mappings`, or \
                 leave the column out until it has values",
            ));
        }
        DataType::Union(..) => {
            return Err(refused(
                path,
                arrow,
                "PostgreSQL has no unions; make a column of each case",
            ));
        }
    })
}

/// Whether every value of a type has its form in JSON here.
pub(crate) fn is_json(arrow: &DataType) -> bool {
    match arrow {
        DataType::Union(..) | DataType::Null => false,
        // These have no reader for what JSON cannot hold.
        DataType::ListView(_) | DataType::LargeListView(_) => false,
        DataType::Struct(fields) => fields.iter().all(|field| {
            // A member that was never there is left out like one that is null.
            field.data_type().is_null() || is_json(field.data_type())
        }),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            item.data_type().is_null() || is_json(item.data_type())
        }
        DataType::Dictionary(_, values) => is_json(values),
        DataType::RunEndEncoded(_, values) => is_json(values.data_type()),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => pair.iter().enumerate().all(|(at, field)| {
                let is_text = matches!(
                    field.data_type(),
                    DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
                );
                is_text || (at > 0 && is_json(field.data_type()))
            }),
            _ => false,
        },
        _ => true,
    }
}

fn refused(path: &str, arrow: &DataType, why: &str) -> Error {
    Error::invalid(format!(
        "column `{path}` is {}, which a table cannot hold: {why}",
        data_type::name(arrow)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str) -> String {
        let arrow = data_type::parse(text).unwrap();
        new_column("c", &arrow).unwrap().sql()
    }

    #[test]
    fn every_type_of_arrow_has_a_column() {
        for (arrow, column) in [
            ("uint64", "numeric(20,0)"),
            ("decimal(38,10)", "numeric(38,10)"),
            ("decimal(5,-3)", "numeric(8,0)"),
            ("list<timestamp(ns)>", "timestamp[]"),
            ("list<list<int8>>", "jsonb"),
            ("list<struct<a: int8>>", "jsonb"),
            ("dictionary<int32, utf8>", "text"),
            ("map<utf8, int64>", "jsonb"),
            ("timestamp(ms,+00:00)", "timestamptz"),
        ] {
            assert_eq!(sql(arrow), column, "{arrow}");
        }
        let error = new_column("c", &DataType::Null).unwrap_err();
        assert!(error.message().contains("`c` is null"), "{error}");
    }

    #[test]
    fn modifiers_of_numeric_are_read_as_the_server_writes_them() {
        assert_eq!(digits(-1), None);
        assert_eq!(digits((10 << 16 | 2) + 4), Some((10, 2)));
        assert_eq!(digits((8 << 16 | (2048 - 3)) + 4), Some((8, -3)));
    }
}
