//! The statements that a database is asked, as far as SQL is the same everywhere.

use super::{OrderedSettings, Place, RowsOf};
use crate::error::{Blame, Error, Kind, Result};
use crate::sql::Name;

/// An ordering column.
#[derive(Clone, Debug)]
pub struct Ordering {
    /// What rows are sorted by.
    pub name: Name,
    /// What is compared with what `literal` writes: the column, or an expression of it.
    pub compared: String,
    /// The value that a number stands for, in SQL.
    pub literal: fn(i64) -> String,
}

/// What is read, in SQL.
#[derive(Clone, Debug)]
pub struct Statements {
    /// What stands behind `from`.
    pub from: String,
    /// What is read, for messages.
    pub rows_of: String,
    /// As in the settings; one each.
    pub order: Vec<Ordering>,
    comparison: Comparison,
}

/// How the places of two rows are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `(a, b) > (1, 2)`, which an index on both makes quick.
    Rows,
    /// Column by column, where rows do not compare.
    Columns,
}

impl Statements {
    /// Before the ordering columns are known.
    pub fn of(rows: &RowsOf, comparison: Comparison) -> Self {
        Self {
            from: match rows {
                RowsOf::Table(name) => name.to_string(),
                // Behind a comment at its end, the parenthesis would be one.
                RowsOf::Query(query) => format!("({query}\n) as _wasm_sink_rows"),
            },
            rows_of: rows.to_string(),
            order: Vec::new(),
            comparison,
        }
    }

    /// Asks for nothing but the columns.
    pub fn columns(&self) -> String {
        format!("select * from {}", self.from)
    }

    /// Finds each ordering column among the names that there are.
    ///
    /// # Errors
    /// One is not there; what `ordering` says.
    pub fn order_by<T>(
        &mut self,
        settings: &OrderedSettings,
        columns: &[(String, T)],
        ordering: impl Fn(&Name, &T) -> Result<Ordering>,
    ) -> Result<()> {
        for name in &settings.order_by {
            let found = columns.iter().find(|(known, _)| known == name.as_str());
            let Some((_, kind)) = found else {
                let known: Vec<_> = columns.iter().map(|(known, _)| known.as_str()).collect();
                return Err(wrong(format!(
                    "`order_by` names `{}`, and {} has: {}",
                    name.as_str(),
                    self.rows_of,
                    known.join(", ")
                )));
            };
            self.order.push(ordering(name, kind)?);
        }
        Ok(())
    }

    fn names(&self, suffix: &str) -> String {
        self.each(suffix, ", ")
    }

    fn each(&self, suffix: &str, between: &str) -> String {
        let names = self.order.iter();
        let each: Vec<_> = names.map(|it| format!("{}{suffix}", it.name)).collect();
        each.join(between)
    }

    /// The place of the last row, if there is one: a row of the ordering columns.
    pub fn newest(&self) -> String {
        format!(
            "select {} from {} where {} order by {} limit 1",
            self.names(""),
            self.from,
            self.each(" is not null", " and "),
            self.names(" desc"),
        )
    }

    /// Whether there are rows that stand nowhere: one boolean.
    pub fn lacking(&self) -> String {
        format!(
            "select exists (select 1 from {} where {})",
            self.from,
            self.each(" is null", " or ")
        )
    }

    /// What is wrong where there are such rows: nobody would hear of them, since they are never read.
    pub fn lacks_places(&self) -> Error {
        wrong(format!(
            "{} has rows without a value in `order_by` ({}), which stand nowhere in that order: give \
             them one, order by other columns, or leave them out with a `query`",
            self.rows_of,
            self.names("")
        ))
    }

    /// The rows behind `after`, up to and with `to`, in order. `columns` is what is selected.
    pub fn rows(&self, columns: &[String], after: Option<&Place>, to: &Place) -> String {
        let behind = match after {
            Some(after) => format!("{} and ", self.compared(">", ">", after)),
            None => String::new(),
        };
        format!(
            "select {} from {} where {behind}{} order by {}",
            columns.join(", "),
            self.from,
            self.compared("<", "<=", to),
            self.names(""),
        )
    }

    /// Compares rows with a place: by `strict` in all columns but the last one, by `last` in that.
    fn compared(&self, strict: &str, last: &str, place: &Place) -> String {
        let pairs = self.order.iter().zip(&place.0);
        let pairs: Vec<(&str, String)> = pairs
            .map(|(it, number)| (it.compared.as_str(), (it.literal)(*number)))
            .collect();
        if self.comparison == Comparison::Rows {
            let (columns, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            return format!("({}) {last} ({})", columns.join(", "), values.join(", "));
        }
        let mut written = String::new();
        for (column, value) in pairs.iter().rev() {
            written = match written.is_empty() {
                true => format!("{column} {last} {value}"),
                false => {
                    format!("({column} {strict} {value} or ({column} = {value} and {written}))")
                }
            };
        }
        written
    }
}

/// A mistake in `[source]`.
pub fn wrong(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Names;

    fn rows(comparison: Comparison) -> String {
        let names = Names {
            database: "the database",
            max_bytes: None,
        };
        let rows = RowsOf::Table(names.table("t").unwrap());
        let mut statements = Statements::of(&rows, comparison);
        for name in ["a", "b"] {
            let name = names.name(name).unwrap();
            statements.order.push(Ordering {
                compared: name.to_string(),
                name,
                literal: |number| number.to_string(),
            });
        }
        let (after, to) = (Place(vec![1, 2]), Place(vec![3, 4]));
        statements.rows(&["*".to_owned()], Some(&after), &to)
    }

    #[test]
    fn places_are_compared_column_after_column() {
        assert_eq!(
            rows(Comparison::Rows),
            r#"select * from "t" where ("a", "b") > (1, 2) and ("a", "b") <= (3, 4) order by "a", "b""#
        );
        assert_eq!(
            rows(Comparison::Columns),
            r#"select * from "t" where ("a" > 1 or ("a" = 1 and "b" > 2)) and ("a" < 3 or ("a" = 3 and "b" <= 4)) order by "a", "b""#
        );
    }
}
