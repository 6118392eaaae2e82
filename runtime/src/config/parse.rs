//! TOML text → tables whose every word knows its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use wasm_sink_core::settings::{Entry, Node, Problem, Span, Table, Value};

use super::codes::Code;

/// The text as a table, `${…}` not filled in; None where mistakes in its syntax leave open what
/// it says.
pub fn parse(text: &str, problems: &mut Vec<Problem>) -> Option<Table> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut is_whole = true;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        // The parser's word for both a key and a table that stands twice; the first one is kept.
        if error.message() == "duplicate key" {
            let name = text.get(span.clone()).unwrap_or_default();
            problems.push(Problem {
                code: Code::DuplicateKey.as_str(),
                message: format!("`{name}` stands twice"),
                span,
                help: Some("keep one of them".to_owned()),
            });
        } else {
            is_whole = false;
            problems.push(Problem {
                code: Code::Syntax.as_str(),
                message: error.message().to_owned(),
                span,
                help: syntax_help(error.message()),
            });
        }
    }
    is_whole.then(|| table(document.into_inner(), 0..0, problems))
}

fn syntax_help(message: &str) -> Option<String> {
    let help = if message.contains("string values must be quoted") {
        "text stands in quotes: key = \"text\""
    } else if message.contains("key with no value") {
        "write key = value"
    } else {
        return None;
    };
    Some(help.to_owned())
}

fn table(from: DeTable<'_>, span: Span, problems: &mut Vec<Problem>) -> Table {
    let entries = from
        .into_iter()
        .filter_map(|(key, value)| {
            let key_span = key.span();
            let node = node(value, problems)?;
            Some(Entry {
                key: key.into_inner().into_owned(),
                key_span,
                node,
            })
        })
        .collect();
    Table { entries, span }
}

fn node(from: Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Node> {
    let span = from.span();
    let value = match from.into_inner() {
        DeValue::String(text) => Value::String {
            text: text.into_owned(),
            from_environment: false,
        },
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => {
                problems.push(Problem {
                    code: Code::BadValue.as_str(),
                    message: format!("{integer} is too large"),
                    span,
                    help: Some("whole numbers have 64 bits".to_owned()),
                });
                return None;
            }
        },
        DeValue::Float(float) => match float.as_str().parse() {
            Ok(float) => Value::Float(float),
            Err(_) => {
                problems.push(Problem {
                    code: Code::BadValue.as_str(),
                    message: format!("{float} is no number"),
                    span,
                    help: None,
                });
                return None;
            }
        },
        DeValue::Boolean(boolean) => Value::Boolean(boolean),
        // A date without quotes says the same as one with them.
        DeValue::Datetime(datetime) => Value::String {
            text: datetime.to_string(),
            from_environment: false,
        },
        DeValue::Array(nodes) => Value::List(
            nodes
                .into_iter()
                .filter_map(|value| node(value, problems))
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner, span.clone(), problems)),
    };
    Some(Node { value, span })
}
