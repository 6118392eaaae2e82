//! What a user wrote in one table of pipeline.toml, with the place of every word, so that each
//! connector reads its own keys and every mistake points at its line.

mod byte_size;
mod nearest;
mod reader;

use std::fmt;
use std::ops::Range;

pub use byte_size::parse as byte_size;
pub use nearest::nearest;
pub use reader::Reader;

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

/// A value as written. Text from the environment may be a secret, so it does not print.
#[derive(Clone, PartialEq)]
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

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String {
                from_environment: true,
                ..
            } => f.write_str("***"),
            Self::String { text, .. } => text.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::List(nodes) => nodes.fmt(f),
            Self::Table(table) => table.fmt(f),
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
        Reader::new(self, problems)
    }
}
