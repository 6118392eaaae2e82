//! Types that hold what a column has and what comes.

use arrow::datatypes::{DataType, TimeUnit};
use wasm_sink_core::data_type::{self, wider};

use super::{Digits, PgType, new_column};

impl PgType {
    /// The type of a column that takes what this one does, and such values. None where this one takes
    /// them already, and where there is no such type.
    pub(crate) fn widened(&self, values: &DataType) -> Option<Self> {
        match (self, values) {
            (Self::Text(Some(_)), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => {
                return Some(Self::Text(None));
            }
            (Self::Timestamp(kept), DataType::Timestamp(unit, None)) => {
                return kept.lack(*unit).then_some(Self::Timestamp(Digits::ALL));
            }
            (Self::Timestamptz(kept), DataType::Timestamp(unit, Some(_))) => {
                return kept.lack(*unit).then_some(Self::Timestamptz(Digits::ALL));
            }
            (Self::Time(kept), DataType::Time32(unit) | DataType::Time64(unit)) => {
                return kept.lack(*unit).then_some(Self::Time(Digits::ALL));
            }
            (Self::Array(_), _) => return None,
            _ => {}
        }
        // A numeric of more digits than Arrow has takes what there is.
        let table = data_type::parse(&self.data_type()).ok()?;
        let wider = new_column("", &wider(&table, values)?).ok()?;
        (wider != *self).then_some(wider)
    }
}

impl Digits {
    /// Whether the server could keep more of such times.
    fn lack(self, unit: TimeUnit) -> bool {
        self.0
            < match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond | TimeUnit::Nanosecond => 6,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_what_holds_both() {
        for (column, values, both) in [
            (PgType::Int4, "int64", "bigint"),
            (PgType::Int2, "uint16", "integer"),
            (PgType::Int2, "uint8", "-"),
            (PgType::Int8, "uint64", "numeric(20,0)"),
            (PgType::Int8, "float64", "-"),
            (PgType::Int4, "float64", "double precision"),
            (PgType::Float4, "float64", "double precision"),
            (PgType::Numeric(Some((6, 2))), "int64", "numeric(21,2)"),
            (
                PgType::Numeric(Some((6, 2))),
                "decimal(6,4)",
                "numeric(8,4)",
            ),
            (PgType::Numeric(Some((1000, 2))), "int64", "-"),
            (PgType::Numeric(None), "decimal256(76,2)", "-"),
            (PgType::Date, "timestamp(us)", "timestamp"),
            (PgType::Date, "timestamp(us,+00:00)", "-"),
            (PgType::Timestamp(Digits(3)), "timestamp(ns)", "timestamp"),
            (PgType::Timestamp(Digits(3)), "timestamp(ms)", "-"),
            (PgType::Timestamp(Digits::ALL), "timestamp(ns)", "-"),
            (PgType::Timestamp(Digits(0)), "timestamp(us,+00:00)", "-"),
            (
                PgType::Timestamptz(Digits(0)),
                "timestamp(us,+00:00)",
                "timestamptz",
            ),
            (PgType::Time(Digits(0)), "time32(ms)", "time"),
            (PgType::Text(Some(10)), "utf8", "text"),
            (PgType::Text(Some(10)), "int64", "-"),
            (PgType::Text(None), "utf8", "-"),
            (PgType::Enum, "utf8", "-"),
        ] {
            let widened = column.widened(&data_type::parse(values).unwrap());
            let sql = widened.map_or_else(|| "-".to_owned(), |widened| widened.sql());
            assert_eq!(sql, both, "{column:?}, {values}");
        }
    }
}
