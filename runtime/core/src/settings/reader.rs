//! Reads one table, key by key.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Entry, Problem, Span, Table, Value, byte_size, code, nearest};
use crate::secret::Secret;

/// The longest time that a key takes, in milliseconds: 49 days. Deadlines cannot overflow with it.
const MAX_MILLISECONDS: u64 = u32::MAX as u64;

/// Reads the keys of one table and collects every mistake instead of stopping at the first.
#[derive(Debug)]
pub struct Reader<'a> {
    table: &'a Table,
    known: BTreeSet<&'static str>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'a Table, problems: &'a mut Vec<Problem>) -> Self {
        Self {
            table,
            known: BTreeSet::new(),
            problems,
        }
    }

    /// The entry of a key, which is known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.insert(key);
        self.table.get(key)
    }

    /// Reports a mistake.
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Reports a value that makes no sense.
    pub fn bad_value(&mut self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem {
            code: code::BAD_VALUE,
            message: message.into(),
            span: span.clone(),
            help: Some(help.into()),
        });
    }

    /// Reports a key that must be there.
    pub fn missing(&mut self, key: &str, help: impl Into<String>) {
        self.problems.push(Problem {
            code: code::MISSING_KEY,
            message: format!("`{key}` is missing"),
            span: self.table.span.clone(),
            help: Some(help.into()),
        });
    }

    fn wrong_type(&mut self, entry: &Entry, wanted: &str) {
        self.problems.push(Problem {
            code: code::WRONG_TYPE,
            message: format!(
                "`{}` takes {wanted}, and this is {}",
                entry.key,
                entry.node.value.type_name()
            ),
            span: entry.node.span.clone(),
            help: None,
        });
    }

    /// Text, with its place.
    pub fn string(&mut self, key: &'static str) -> Option<(&'a str, Span)> {
        let entry = self.take(key)?;
        match &entry.node.value {
            Value::String { text, .. } => Some((text, entry.node.span.clone())),
            _ => {
                self.wrong_type(entry, "a string");
                None
            }
        }
    }

    /// Text that must be there; `help` shows an example.
    pub fn required_string(&mut self, key: &'static str, help: &str) -> Option<(&'a str, Span)> {
        if self.table.get(key).is_none() {
            self.known.insert(key);
            self.missing(key, help);
            return None;
        }
        self.string(key)
    }

    /// A secret: refused unless it came from the environment.
    pub fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let entry = self.take(key)?;
        match &entry.node.value {
            Value::String {
                text,
                from_environment: true,
            } => Some(Secret::new(text)),
            Value::String { .. } => {
                self.problems.push(Problem {
                    code: code::SECRET_IN_FILE,
                    message: format!("`{key}` is a secret and must not stand in the file"),
                    span: entry.node.span.clone(),
                    help: Some(format!(
                        "put it into the environment and write {key} = \"${{{}}}\"",
                        key.to_uppercase()
                    )),
                });
                None
            }
            _ => {
                self.wrong_type(entry, "a string from the environment");
                None
            }
        }
    }

    /// true or false. A string from the environment counts if it says so.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let entry = self.take(key)?;
        match &entry.node.value {
            Value::Boolean(value) => Some(*value),
            Value::String {
                text,
                from_environment: true,
            } => match text.parse() {
                Ok(value) => Some(value),
                Err(_) => {
                    self.bad_value(
                        &entry.node.span,
                        format!("`{key}` takes true or false, and the environment gives neither"),
                        "set the variable to true or false",
                    );
                    None
                }
            },
            _ => {
                self.wrong_type(entry, "true or false");
                None
            }
        }
    }

    /// A whole number of at least `least`, with its place.
    pub fn integer(&mut self, key: &'static str, least: u64) -> Option<(u64, Span)> {
        self.integer_within(key, least..=u64::MAX)
    }

    /// A whole number within bounds, with its place. A string from the environment counts if it is
    /// one.
    pub fn integer_within(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u64>,
    ) -> Option<(u64, Span)> {
        let entry = self.take(key)?;
        let span = &entry.node.span;
        let value = match &entry.node.value {
            Value::Integer(value) => *value,
            Value::String {
                text,
                from_environment: true,
            } => match text.trim().parse() {
                Ok(value) => value,
                Err(_) => {
                    self.bad_value(
                        span,
                        format!("`{key}` takes a whole number, and the environment gives none"),
                        "set the variable to a whole number",
                    );
                    return None;
                }
            },
            _ => {
                self.wrong_type(entry, "a whole number");
                return None;
            }
        };
        self.bounded(key, value, span, bounds)
            .map(|value| (value, span.clone()))
    }

    /// A finite number above zero, whole or not. A string from the environment counts if it is one.
    pub fn positive_number(&mut self, key: &'static str) -> Option<f64> {
        let entry = self.take(key)?;
        let span = &entry.node.span;
        let value = match &entry.node.value {
            Value::Integer(value) => *value as f64,
            Value::Float(value) => *value,
            Value::String {
                text,
                from_environment: true,
            } => match text.trim().parse() {
                Ok(value) => value,
                Err(_) => {
                    self.bad_value(
                        span,
                        format!("`{key}` takes a number, and the environment gives none"),
                        "set the variable to a number",
                    );
                    return None;
                }
            },
            _ => {
                self.wrong_type(entry, "a number");
                return None;
            }
        };
        if value.is_finite() && value > 0.0 {
            return Some(value);
        }
        let message = format!("`{key}` is {value}");
        self.bad_value(span, message, "it takes a number above 0");
        None
    }

    fn bounded(
        &mut self,
        key: &str,
        value: i64,
        span: &Span,
        bounds: RangeInclusive<u64>,
    ) -> Option<u64> {
        let within = u64::try_from(value).ok().filter(|v| bounds.contains(v));
        if within.is_none() {
            let help = if u64::try_from(value).is_ok_and(|value| value > *bounds.end()) {
                format!("the most is {}", bounds.end())
            } else {
                format!("the least is {}", bounds.start())
            };
            self.bad_value(span, format!("`{key}` is {value}"), help);
        }
        within
    }

    /// Milliseconds: at least `least`, at most 49 days.
    pub fn milliseconds(&mut self, key: &'static str, least: u64) -> Option<Duration> {
        self.integer_within(key, least..=MAX_MILLISECONDS)
            .map(|(value, _)| Duration::from_millis(value))
    }

    /// A number of bytes within bounds, with its place: a whole number, or text with a unit
    /// ("64MiB", "1.5 GB").
    pub fn bytes(&mut self, key: &'static str, bounds: RangeInclusive<u64>) -> Option<(u64, Span)> {
        let entry = self.take(key)?;
        let span = &entry.node.span;
        let value = match &entry.node.value {
            Value::Integer(value) => *value,
            Value::String { text, .. } => match byte_size::parse(text) {
                Some(value) => value,
                None => {
                    self.bad_value(
                        span,
                        format!("`{key}` is no number of bytes"),
                        "write a whole number, or one with a unit: \"512KiB\", \"64MiB\", \"1GiB\"",
                    );
                    return None;
                }
            },
            _ => {
                self.wrong_type(entry, "a number of bytes");
                return None;
            }
        };
        self.bounded(key, value, span, bounds)
            .map(|value| (value, span.clone()))
    }

    /// A list of texts, with their places.
    pub fn strings(&mut self, key: &'static str) -> Option<Vec<(&'a str, Span)>> {
        let entry = self.take(key)?;
        let Value::List(nodes) = &entry.node.value else {
            self.wrong_type(entry, "a list of strings");
            return None;
        };
        let mut texts = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.value {
                Value::String { text, .. } => texts.push((text.as_str(), node.span.clone())),
                _ => {
                    self.wrong_type(entry, "a list of strings");
                    return None;
                }
            }
        }
        Some(texts)
    }

    /// A table.
    pub fn table(&mut self, key: &'static str) -> Option<&'a Table> {
        let entry = self.take(key)?;
        match &entry.node.value {
            Value::Table(table) => Some(table),
            _ => {
                self.wrong_type(entry, "a table");
                None
            }
        }
    }

    /// A list of tables (`[[key]]`), or a list of inline ones.
    pub fn tables(&mut self, key: &'static str) -> Option<Vec<&'a Table>> {
        let entry = self.take(key)?;
        let tables = match &entry.node.value {
            Value::List(nodes) => nodes
                .iter()
                .map(|node| match &node.value {
                    Value::Table(table) => Some(table),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        if tables.is_none() {
            self.wrong_type(entry, "a list of tables");
        }
        tables
    }

    /// One of several words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let (text, span) = self.string(key)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let help = match nearest(text, choices.iter().map(|(word, _)| *word)) {
            Some(word) => format!("did you mean \"{word}\"?"),
            None => {
                let words: Vec<_> = choices
                    .iter()
                    .map(|(word, _)| format!("\"{word}\""))
                    .collect();
                format!("one of {}", words.join(", "))
            }
        };
        self.bad_value(&span, format!("`{key}` does not know \"{text}\""), help);
        None
    }

    /// Reports every key that was not read, with the nearest known one.
    pub fn finish(self) {
        for entry in &self.table.entries {
            if self.known.contains(entry.key.as_str()) {
                continue;
            }
            let help = match nearest(&entry.key, self.known.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None if self.known.is_empty() => "this table takes no keys".to_owned(),
                None => {
                    let known: Vec<_> = self.known.iter().copied().collect();
                    format!("known here: {}", known.join(", "))
                }
            };
            self.problems.push(Problem {
                code: code::UNKNOWN_KEY,
                message: format!("nothing reads `{}`", entry.key),
                span: entry.key_span.clone(),
                help: Some(help),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Node;

    fn table(entries: Vec<(&str, Value)>) -> Table {
        let entries = entries
            .into_iter()
            .map(|(key, value)| Entry {
                key: key.to_owned(),
                key_span: 0..1,
                node: Node { value, span: 2..3 },
            })
            .collect();
        Table {
            entries,
            span: 0..0,
        }
    }

    fn text(text: &str, from_environment: bool) -> Value {
        Value::String {
            text: text.to_owned(),
            from_environment,
        }
    }

    #[test]
    fn numbers_from_the_environment_count() {
        let table = table(vec![
            ("rows", text("12", true)),
            ("typed", text("12", false)),
            ("header", text("true", true)),
            ("hidden", text("hunter2", true)),
        ]);
        let mut problems = Vec::new();
        let mut reader = table.reader(&mut problems);
        assert_eq!(reader.integer("rows", 1), Some((12, 2..3)));
        assert_eq!(reader.integer("typed", 1), None);
        assert_eq!(reader.boolean("header"), Some(true));
        assert_eq!(reader.integer("hidden", 1), None);
        assert_eq!(reader.boolean("hidden"), None);
        reader.finish();
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [code::WRONG_TYPE, code::BAD_VALUE, code::BAD_VALUE]);
        assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
    }

    #[test]
    fn numbers_keep_their_bounds() {
        let table = table(vec![
            ("least", Value::Integer(0)),
            ("most", Value::Integer(11)),
            ("negative", Value::Integer(-1)),
            ("long", Value::Integer(i64::MAX)),
        ]);
        let mut problems = Vec::new();
        let mut reader = table.reader(&mut problems);
        assert_eq!(reader.integer("least", 1), None);
        assert_eq!(reader.integer_within("most", 0..=10), None);
        assert_eq!(reader.bytes("negative", 0..=10), None);
        assert_eq!(reader.milliseconds("long", 0), None);
        let help: Vec<_> = problems.iter().filter_map(|p| p.help.as_deref()).collect();
        assert_eq!(
            help,
            [
                "the least is 1",
                "the most is 10",
                "the least is 0",
                "the most is 4294967295"
            ]
        );
    }

    #[test]
    fn unknown_keys_name_the_nearest_known_one() {
        let table = table(vec![("partiton_by", Value::Integer(0))]);
        let mut problems = Vec::new();
        let mut reader = table.reader(&mut problems);
        reader.take("partition_by");
        reader.take("path");
        reader.finish();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].code, code::UNKNOWN_KEY);
        assert_eq!(
            problems[0].help.as_deref(),
            Some("did you mean `partition_by`?")
        );
    }

    #[test]
    fn text_from_the_environment_does_not_print() {
        let table = table(vec![
            ("key", text("hunter2", true)),
            ("path", text("x", false)),
        ]);
        let printed = format!("{table:?}");
        assert!(
            !printed.contains("hunter2") && printed.contains("\"x\""),
            "{printed}"
        );
    }
}
