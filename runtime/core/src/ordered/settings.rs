//! The keys of `[source]`.

use std::fmt;
use std::time::Duration;

use crate::settings::{Problem, Reader, Span, Table, Value};
use crate::sql::{Name, Names, TableName};

/// A batch counts its rows in 32 bits, and must fit into memory.
const MAX_BATCH_ROWS: u64 = 1 << 20;
/// A row's place has few numbers, and every home keeps them.
const MAX_COLUMNS: usize = 4;

const ORDER_HELP: &str = "a column that grows from row to row, or several that tell rows apart: \
                          order_by = \"id\"";

/// A validated `[source]`.
#[derive(Clone, Debug)]
pub struct OrderedSettings {
    /// What is read.
    pub rows: RowsOf,
    /// By which columns; at least one.
    pub order_by: Vec<Name>,
    /// How long to wait before looking for more; None: what there is, once.
    pub poll: Option<Duration>,
    /// Rows per batch, where that was asked for.
    pub batch_rows: Option<usize>,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowsOf {
    /// A table, or a view.
    Table(TableName),
    /// What a query answers.
    Query(String),
}

impl fmt::Display for RowsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table {name}"),
            Self::Query(_) => f.write_str("the query"),
        }
    }
}

impl OrderedSettings {
    /// Reads `table_name` or `query`, `order_by`, `poll_ms`, `batch_rows`; None where it reported
    /// problems.
    pub fn read(table: &Table, names: &Names, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let mut reader = table.reader(problems);
        let rows = rows(&mut reader, names);
        let order_by = order_by(&mut reader, names);
        let poll = reader.milliseconds("poll_ms", 1);
        let batch_rows = reader.integer_within("batch_rows", 1..=MAX_BATCH_ROWS);
        reader.finish();
        let settings = Self {
            rows: rows?,
            order_by,
            poll,
            batch_rows: batch_rows.map(|(rows, _)| rows as usize),
        };
        (problems.len() == before).then_some(settings)
    }
}

fn rows(reader: &mut Reader<'_>, names: &Names) -> Option<RowsOf> {
    let table = reader.string("table_name");
    let query = reader.string("query");
    match (table, query) {
        (Some((table, span)), None) => match names.table(table) {
            Ok(name) => Some(RowsOf::Table(name)),
            Err(error) => {
                let help = "\"orders\", or with its schema \"sales.orders\"";
                reader.bad_value(&span, error.to_string(), help);
                None
            }
        },
        (None, Some((query, span))) => {
            let query = query.trim().trim_end_matches(';').trim_end();
            if query.is_empty() {
                reader.bad_value(
                    &span,
                    "`query` is empty",
                    "query = \"select * from orders\"",
                );
            }
            Some(RowsOf::Query(query.to_owned()))
        }
        (Some(_), Some((_, span))) => {
            let help = "keep one of them; a query reads tables itself";
            reader.bad_value(&span, "[source] has both `table_name` and `query`", help);
            None
        }
        // One that is no text was reported.
        (None, None) => {
            if ["table_name", "query"]
                .iter()
                .all(|key| reader.take(key).is_none())
            {
                let help = "what to read: table_name = \"orders\", or query = \"select …\"";
                reader.missing("table_name", help);
            }
            None
        }
    }
}

fn order_by(reader: &mut Reader<'_>, names: &Names) -> Vec<Name> {
    let is_list = matches!(
        reader.take("order_by").map(|entry| &entry.node.value),
        Some(Value::List(_))
    );
    let written: Vec<(&str, Span)> = match is_list {
        true => reader.strings("order_by").unwrap_or_default(),
        false => {
            let one = reader.required_string("order_by", ORDER_HELP);
            one.into_iter().collect()
        }
    };
    if is_list
        && !(1..=MAX_COLUMNS).contains(&written.len())
        && let Some(entry) = reader.take("order_by")
    {
        let message = format!("`order_by` names {} columns", written.len());
        let help = format!("1 to {MAX_COLUMNS}: {ORDER_HELP}");
        reader.bad_value(&entry.node.span, message, help);
    }
    let mut columns: Vec<Name> = Vec::new();
    for (text, span) in written {
        match names.name(text) {
            Ok(name) if columns.contains(&name) => {
                let message = format!("`order_by` names `{text}` twice");
                reader.bad_value(&span, message, "once is enough");
            }
            Ok(name) => columns.push(name),
            Err(error) => reader.bad_value(&span, error.to_string(), ORDER_HELP),
        }
    }
    columns
}
