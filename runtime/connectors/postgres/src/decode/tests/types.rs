//! Which types are read as what.

use arrow::datatypes::DataType;
use tokio_postgres::types::Type;

use super::super::SourceType;
use super::{modifier, numeric};

fn arrow(known: &Type) -> Option<DataType> {
    Some(SourceType::of(known.oid(), -1)?.arrow())
}

#[test]
fn every_type_has_its_like_or_is_cast_to_text() {
    for (known, expected) in [
        (Type::BOOL, "Boolean"),
        (Type::INT2, "Int16"),
        (Type::INT4, "Int32"),
        (Type::INT8, "Int64"),
        (Type::OID, "Int64"),
        (Type::FLOAT4, "Float32"),
        (Type::FLOAT8, "Float64"),
        (Type::TEXT, "Utf8"),
        (Type::VARCHAR, "Utf8"),
        (Type::BPCHAR, "Utf8"),
        (Type::NAME, "Utf8"),
        (Type::JSON, "Utf8"),
        (Type::JSONB, "Utf8"),
        (Type::XML, "Utf8"),
        (Type::UUID, "Utf8"),
        (Type::BYTEA, "Binary"),
        (Type::DATE, "Date32"),
        (Type::TIME, "Time64(µs)"),
        (Type::TIMESTAMP, "Timestamp(µs)"),
        (Type::TIMESTAMPTZ, "Timestamp(µs, \"+00:00\")"),
        (Type::INT4_ARRAY, "List(Int32)"),
        (Type::TIMESTAMPTZ_ARRAY, "List(Timestamp(µs, \"+00:00\"))"),
        (Type::JSONB_ARRAY, "List(Utf8)"),
        (Type::INTERVAL, "Interval(MonthDayNano)"),
    ] {
        let arrow = arrow(&known).map(|arrow| arrow.to_string());
        assert_eq!(arrow.as_deref(), Some(expected), "{known}");
    }
    for known in [
        Type::NUMERIC,
        Type::NUMERIC_ARRAY,
        Type::TIMETZ,
        Type::INET,
        Type::MONEY,
        Type::CHAR,
        Type::BIT,
        Type::INT4_RANGE,
        Type::POINT,
    ] {
        assert_eq!(arrow(&known), None, "{known}");
    }
    assert_eq!(SourceType::of(16_384, -1), None);
}

#[test]
fn digits_of_numeric_are_those_of_its_modifier() {
    let arrow = |precision, scale| numeric(precision, scale).map(|kind| kind.arrow());
    assert_eq!(arrow(10, 2), Some(DataType::Decimal128(10, 2)));
    assert_eq!(arrow(38, 0), Some(DataType::Decimal128(38, 0)));
    assert_eq!(arrow(39, 38), Some(DataType::Decimal256(39, 38)));
    assert_eq!(arrow(76, 76), Some(DataType::Decimal256(76, 76)));
    assert_eq!(arrow(3, -2), Some(DataType::Decimal128(5, 0)));
    assert_eq!(arrow(3, 5), Some(DataType::Decimal128(5, 5)));
    assert_eq!(arrow(3, 50), Some(DataType::Decimal256(50, 50)));
    for (precision, scale) in [(77, 0), (1000, 1000), (3, -1000), (3, 77), (70, -7), (0, 0)] {
        assert_eq!(arrow(precision, scale), None, "{precision} {scale}");
    }
    for modifier in [-1, 0, 3, 4, i32::MIN] {
        assert_eq!(SourceType::of(Type::NUMERIC.oid(), modifier), None);
    }
    // An array has the modifier of its elements.
    let list = SourceType::of(Type::NUMERIC_ARRAY.oid(), modifier(4, 1)).unwrap();
    assert_eq!(list.arrow().to_string(), "List(Decimal128(4, 1))");
}
