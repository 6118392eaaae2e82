//! What a user wrote in one table of pipeline.toml, with the place of every word, so that each
//! connector reads its own keys and every mistake points at its line.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use crate::secret::Secret;

/// Bytes in the configuration file.
pub type Span = Range<usize>;

/// A mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable; what documentation and scripts refer to.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to write instead.
    pub help: Option<String>,
}

/// Stable codes of mistakes that any table can have. Connectors add their own, named likewise.
pub mod code {
    /// A key that nothing reads.
    pub const UNKNOWN_KEY: &str = "unknown-key";
    /// A key that must be there.
    pub const MISSING_KEY: &str = "missing-key";
    /// A value of another type than the key takes.
    pub const WRONG_TYPE: &str = "wrong-type";
    /// A value of the right type that makes no sense.
    pub const BAD_VALUE: &str = "bad-value";
    /// A secret that stands in the file.
    pub const SECRET_IN_FILE: &str = "secret-in-file";
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, after `${…}` was filled in.
    String {
        /// The text.
        text: String,
        /// Whether any of it came from the environment.
        from_environment: bool,
    },
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// true or false.
    Boolean(bool),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

impl Value {
    /// What a person calls it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::String { .. } => "a string",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What.
    pub value: Value,
    /// Where.
    pub span: Span,
}

/// A key, its place, and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub node: Node,
}

/// A table in the order in which it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The keys.
    pub entries: Vec<Entry>,
    /// Where the table begins.
    pub span: Span,
}

impl Table {
    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Starts reading; what is not read by `finish` is an unknown key.
    pub fn reader<'a>(&'a self, problems: &'a mut Vec<Problem>) -> Reader<'a> {
        Reader {
            table: self,
            known: BTreeSet::new(),
            problems,
        }
    }
}

/// Reads the keys of one table and collects every mistake instead of stopping at the first.
#[derive(Debug)]
pub struct Reader<'a> {
    table: &'a Table,
    known: BTreeSet<&'static str>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
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

    /// true or false.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let entry = self.take(key)?;
        match entry.node.value {
            Value::Boolean(value) => Some(value),
            _ => {
                self.wrong_type(entry, "true or false");
                None
            }
        }
    }

    /// A whole number of at least `least`, with its place.
    pub fn integer(&mut self, key: &'static str, least: u64) -> Option<(u64, Span)> {
        let entry = self.take(key)?;
        let span = entry.node.span.clone();
        match entry.node.value {
            Value::Integer(value) => match u64::try_from(value).ok().filter(|v| *v >= least) {
                Some(value) => Some((value, span)),
                None => {
                    self.bad_value(
                        &span,
                        format!("`{key}` is {value}"),
                        format!("the least is {least}"),
                    );
                    None
                }
            },
            _ => {
                self.wrong_type(entry, "a whole number");
                None
            }
        }
    }

    /// Milliseconds.
    pub fn milliseconds(&mut self, key: &'static str, least: u64) -> Option<Duration> {
        self.integer(key, least)
            .map(|(value, _)| Duration::from_millis(value))
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
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        self.bad_value(
            &span,
            format!("`{key}` does not know \"{text}\""),
            format!("one of {}", words.join(", ")),
        );
        None
    }

    /// Reports every key that was not read, with the nearest known one.
    pub fn finish(self) {
        for entry in &self.table.entries {
            if self.known.contains(entry.key.as_str()) {
                continue;
            }
            let near = self
                .known
                .iter()
                .map(|known| (distance(known, &entry.key), *known))
                .filter(|(distance, known)| *distance <= known.len().max(3) / 3)
                .min();
            let help = match near {
                Some((_, known)) => format!("did you mean `{known}`?"),
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

/// Levenshtein's edit distance, by characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
