//! Columns in the words of the contract.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use wasm_sink_core::data_type;

use super::PgType;

impl PgType {
    /// For the component.
    pub(crate) fn data_type(&self) -> String {
        data_type::name(&self.arrow())
    }

    /// The type of Arrow that is nearest.
    fn arrow(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric(Some((digits, scale))) => decimal(*digits, *scale),
            Self::Bytea => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time(_) => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz(_) => {
                DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("+00:00")))
            }
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Array(element) => {
                DataType::List(Arc::new(Field::new_list_field(element.kind.arrow(), true)))
            }
            Self::Composite(composite) => {
                let members = composite.attributes.iter().map(|attribute| {
                    let kind = attribute.kind.arrow();
                    Field::new(&attribute.name, kind, attribute.allows_null)
                });
                DataType::Struct(members.collect())
            }
            Self::Numeric(None)
            | Self::Text(_)
            | Self::Enum
            | Self::Uuid
            | Self::Json
            | Self::Jsonb
            | Self::Inet(_)
            | Self::Other(_) => DataType::Utf8,
        }
    }
}

/// What has more digits than Arrow's is text.
fn decimal(digits: u16, scale: i16) -> DataType {
    match (u8::try_from(digits), i8::try_from(scale)) {
        (Ok(digits @ 1..=38), Ok(scale)) => DataType::Decimal128(digits, scale),
        (Ok(digits @ 39..=76), Ok(scale)) => DataType::Decimal256(digits, scale),
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attribute, Composite, Element, Network};
    use super::*;
    use crate::types::Digits;

    #[test]
    fn the_contract_can_read_every_column() {
        let attribute = |name: &str, kind: PgType, allows_null| Attribute {
            name: name.to_owned(),
            oid: 0,
            kind,
            allows_null,
        };
        let composite = PgType::Composite(Box::new(Composite {
            name: "address".to_owned(),
            attributes: vec![
                attribute("city", PgType::Text(Some(9)), true),
                attribute("two words", PgType::Numeric(Some((6, 2))), false),
                attribute("since", PgType::Timestamptz(Digits::ALL), true),
            ],
        }));
        let list = |kind: PgType| PgType::Array(Box::new(Element { oid: 0, kind }));
        for (column, text) in [
            (PgType::Numeric(Some((38, 10))), "decimal(38,10)"),
            (PgType::Numeric(Some((50, -3))), "decimal256(50,-3)"),
            (PgType::Numeric(Some((1_000, 2))), "utf8"),
            (PgType::Numeric(Some((10, 900))), "utf8"),
            (PgType::Inet(Network::Cidr), "utf8"),
            (PgType::Interval, "interval(month_day_nano)"),
            (list(PgType::Time(Digits::ALL)), "list<time64(us)>"),
            (
                list(composite),
                "list<struct<city: utf8, `two words`: decimal(6,2) not null, \
                 since: timestamp(us,+00:00)>>",
            ),
        ] {
            assert_eq!(column.data_type(), text);
            assert!(data_type::parse(text).is_ok(), "{text}");
        }
    }
}
