//! Which type holds the values of two others, so that a column can take both.
//!
//! The rules are those of Delta's type widening, the only public list of changes that lose nothing
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#type-widening>): integers to larger ones,
//! integers of up to 32 bits to `float64`, all of them to decimals, decimals to more digits on either
//! side of the point, `float32` to `float64`, a date to a timestamp without zone. Beside them:
//! unsigned integers, and finer fractions of a second. Integers of 64 bits are no floats, and nothing
//! becomes text.

use arrow::datatypes::{DataType, TimeUnit};

/// Digits of the longest decimal.
const MAX_DIGITS: u8 = 76;
/// Digits of the longest one in 128 bits.
const MAX_SHORT_DIGITS: u8 = 38;

/// The type of a column that takes what one of `table` does, and `rows`. None where `table` takes
/// `rows` already, and where no type takes both.
pub fn wider(table: &DataType, rows: &DataType) -> Option<DataType> {
    let (table, rows) = (plain(table), plain(rows));
    if let (Some(table), Some(rows)) = (Number::of(table), Number::of(rows)) {
        return match table.holds(rows) {
            true => None,
            false => table.with(rows)?.data_type(),
        };
    }
    match (table, rows) {
        (DataType::Timestamp(unit, zone), DataType::Timestamp(finer, other))
            if zone.is_some() == other.is_some() && reaches_far(*finer) && finer > unit =>
        {
            Some(DataType::Timestamp(*finer, zone.clone()))
        }
        (DataType::Date32 | DataType::Date64, DataType::Timestamp(unit, None))
            if reaches_far(*unit) =>
        {
            Some(rows.clone())
        }
        (
            DataType::Time32(unit) | DataType::Time64(unit),
            DataType::Time32(finer) | DataType::Time64(finer),
        ) if finer > unit => Some(rows.clone()),
        _ => None,
    }
}

/// Nanoseconds end in the year 2262, and what is coarser does not.
fn reaches_far(unit: TimeUnit) -> bool {
    unit != TimeUnit::Nanosecond
}

/// Without what only says how values are kept.
fn plain(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        other => other,
    }
}

/// What a type of numbers holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Signed(u8),
    Unsigned(u8),
    /// By its bits.
    Float(u8),
    /// Digits before and after the point.
    Decimal(u8, u8),
}

impl Number {
    fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Int8 => Self::Signed(8),
            DataType::Int16 => Self::Signed(16),
            DataType::Int32 => Self::Signed(32),
            DataType::Int64 => Self::Signed(64),
            DataType::UInt8 => Self::Unsigned(8),
            DataType::UInt16 => Self::Unsigned(16),
            DataType::UInt32 => Self::Unsigned(32),
            DataType::UInt64 => Self::Unsigned(64),
            DataType::Float16 => Self::Float(16),
            DataType::Float32 => Self::Float(32),
            DataType::Float64 => Self::Float(64),
            DataType::Decimal32(digits, scale)
            | DataType::Decimal64(digits, scale)
            | DataType::Decimal128(digits, scale)
            | DataType::Decimal256(digits, scale) => {
                let whole = i16::from(*digits) - i16::from(*scale);
                Self::Decimal(
                    u8::try_from(whole.max(0)).ok()?,
                    (*scale).max(0).unsigned_abs(),
                )
            }
            _ => return None,
        })
    }

    /// Digits before and after the point that its values need; floats have no number of them.
    fn digits(self) -> Option<(u8, u8)> {
        let whole = match self {
            Self::Decimal(whole, fraction) => return Some((whole, fraction)),
            Self::Float(_) => return None,
            Self::Signed(8) | Self::Unsigned(8) => 3,
            Self::Signed(16) | Self::Unsigned(16) => 5,
            Self::Signed(32) | Self::Unsigned(32) => 10,
            Self::Signed(_) => 19,
            Self::Unsigned(_) => 20,
        };
        Some((whole, 0))
    }

    /// Whether every value of the other is one of these.
    fn holds(self, other: Self) -> bool {
        match (self, other) {
            (Self::Signed(bits), Self::Signed(others))
            | (Self::Unsigned(bits), Self::Unsigned(others))
            | (Self::Float(bits), Self::Float(others)) => bits >= others,
            (Self::Signed(bits), Self::Unsigned(others)) => bits > others,
            (Self::Unsigned(_), Self::Signed(_)) => false,
            // Of a float's bits, those that a whole number has.
            (Self::Float(bits), Self::Signed(others) | Self::Unsigned(others)) => match bits {
                16 => others <= 8,
                32 => others <= 16,
                _ => others <= 32,
            },
            (Self::Decimal(whole, fraction), other) => other
                .digits()
                .is_some_and(|(more, finer)| whole >= more && fraction >= finer),
            (_, Self::Float(_) | Self::Decimal(..)) => false,
        }
    }

    /// What holds both, where neither does.
    fn with(self, other: Self) -> Option<Self> {
        let is_float = |it| matches!(it, Self::Float(_));
        if is_float(self) || is_float(other) {
            let double = Self::Float(64);
            return (double.holds(self) && double.holds(other)).then_some(double);
        }
        let is_decimal = |it| matches!(it, Self::Decimal(..));
        let integers = [8, 16, 32, 64].map(Self::Signed);
        match (self, other) {
            (one, other) if is_decimal(one) || is_decimal(other) => None,
            (Self::Unsigned(_), Self::Unsigned(_)) => Some(other),
            _ => integers
                .into_iter()
                .find(|it| it.holds(self) && it.holds(other)),
        }
        .or_else(|| {
            let ((whole, fraction), (more, finer)) = (self.digits()?, other.digits()?);
            Some(Self::Decimal(whole.max(more), fraction.max(finer)))
        })
    }

    fn data_type(self) -> Option<DataType> {
        Some(match self {
            Self::Signed(8) => DataType::Int8,
            Self::Signed(16) => DataType::Int16,
            Self::Signed(32) => DataType::Int32,
            Self::Signed(_) => DataType::Int64,
            Self::Unsigned(8) => DataType::UInt8,
            Self::Unsigned(16) => DataType::UInt16,
            Self::Unsigned(32) => DataType::UInt32,
            Self::Unsigned(_) => DataType::UInt64,
            Self::Float(16) => DataType::Float16,
            Self::Float(32) => DataType::Float32,
            Self::Float(_) => DataType::Float64,
            Self::Decimal(whole, fraction) => {
                let scale = i8::try_from(fraction).ok()?;
                match whole.checked_add(fraction)?.max(1) {
                    digits @ ..=MAX_SHORT_DIGITS => DataType::Decimal128(digits, scale),
                    digits @ ..=MAX_DIGITS => DataType::Decimal256(digits, scale),
                    _ => return None,
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{name, parse};
    use super::*;

    fn widened(table: &str, rows: &str) -> String {
        let wider = wider(&parse(table).unwrap(), &parse(rows).unwrap());
        wider.map_or_else(|| "-".to_owned(), |wider| name(&wider))
    }

    #[test]
    fn a_column_gets_the_least_type_that_holds_both() {
        for (table, rows, both) in [
            ("int8", "int16", "int16"),
            ("int32", "int64", "int64"),
            ("int16", "dictionary<int8, int64>", "int64"),
            ("float32", "float64", "float64"),
            ("int8", "float32", "float64"),
            ("int32", "float64", "float64"),
            ("float32", "int32", "float64"),
            ("uint32", "float32", "float64"),
            ("int32", "decimal(10,2)", "decimal(12,2)"),
            ("int64", "decimal(4,2)", "decimal(21,2)"),
            ("decimal(4,2)", "int64", "decimal(21,2)"),
            ("decimal(4,2)", "int8", "decimal(5,2)"),
            ("decimal(10,2)", "decimal(6,4)", "decimal(12,4)"),
            ("decimal(5,2)", "decimal(3,-2)", "decimal(7,2)"),
            ("decimal(38,0)", "decimal(38,38)", "decimal256(76,38)"),
            ("uint8", "uint32", "uint32"),
            ("uint8", "int8", "int16"),
            ("int8", "uint8", "int16"),
            ("int32", "uint32", "int64"),
            ("uint32", "int8", "int64"),
            ("int64", "uint64", "decimal(20,0)"),
            ("uint64", "int8", "decimal(20,0)"),
            ("date32", "timestamp(us)", "timestamp(us)"),
            ("timestamp(s)", "timestamp(ms)", "timestamp(ms)"),
            (
                "timestamp(ms,UTC)",
                "timestamp(us,+00:00)",
                "timestamp(us,UTC)",
            ),
            ("time32(s)", "time64(ns)", "time64(ns)"),
        ] {
            assert_eq!(widened(table, rows), both, "{table}, {rows}");
        }
    }

    #[test]
    fn what_takes_the_rows_or_has_no_wider_type_stays() {
        for (table, rows) in [
            // These take all.
            ("int64", "int32"),
            ("int64", "uint32"),
            ("float64", "int32"),
            ("float32", "uint16"),
            ("decimal(19,0)", "int64"),
            ("decimal(20,2)", "decimal(10,2)"),
            ("timestamp(us)", "timestamp(s)"),
            ("timestamp(us)", "date32"),
            ("time64(us)", "time32(ms)"),
            // Here nothing would hold both.
            ("int64", "float64"),
            ("float64", "int64"),
            ("float32", "uint64"),
            ("decimal(4,2)", "float64"),
            ("float64", "decimal(4,2)"),
            ("decimal256(76,0)", "decimal(4,2)"),
            ("timestamp(us)", "timestamp(ns)"),
            ("date32", "timestamp(ns)"),
            ("date32", "timestamp(us,+00:00)"),
            ("timestamp(s)", "timestamp(us,+00:00)"),
            ("timestamp(s)", "int64"),
            ("int32", "utf8"),
            ("utf8", "int32"),
            ("boolean", "int8"),
            ("null", "int8"),
            ("int8", "null"),
            ("list<int8>", "list<int64>"),
        ] {
            assert_eq!(widened(table, rows), "-", "{table}, {rows}");
        }
    }

    /// Whatever a column becomes takes what it took and what comes, and is not widened once more.
    #[test]
    fn what_is_wide_enough_is_settled() {
        let types = [
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "float16",
            "float32",
            "float64",
            "decimal(1,0)",
            "decimal(5,2)",
            "decimal(5,-3)",
            "decimal(2,5)",
            "decimal(38,10)",
            "date32",
            "timestamp(s)",
            "timestamp(us)",
            "time32(s)",
            "time64(us)",
        ];
        let types: Vec<_> = types.iter().filter_map(|text| parse(text).ok()).collect();
        for table in &types {
            for rows in &types {
                if let Some(both) = wider(table, rows) {
                    assert_eq!(wider(&both, rows), None, "{table} {rows} {both}");
                    assert_eq!(wider(&both, table), None, "{table} {rows} {both}");
                }
            }
        }
    }
}
