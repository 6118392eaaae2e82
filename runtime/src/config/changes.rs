//! What differs between two files of one pipeline, key by key: some of it can be changed while the pipeline runs, and
//! the rest is settled when it starts.

use std::fmt;

use wasm_sink_core::settings::{Node, Table, Value};

use super::redact::{self, is_secret_name};

/// A file as it was written, before variables were filled in.
#[derive(Clone)]
pub struct Written(Table);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(…)")
    }
}

/// What differs, in the order of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// What can be changed while the pipeline runs. Not among it is `[sink] component`: its bytes say whether it is
    /// another one.
    pub changeable: Vec<Change>,
    /// What counts from the next start on.
    pub settled: Vec<Key>,
}

/// A key with other words behind it. Shows no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    key: Key,
    before: String,
    after: String,
}

/// A key with the tables that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Vec<String>);

/// Of a value, so many characters are shown.
const SHOWN_CHARS: usize = 120;
/// In place of a value that there is not.
const UNSET: &str = "unset";
/// In place of what may be a secret.
const HIDDEN: &str = "***";

impl Written {
    pub(super) fn new(document: Table) -> Self {
        Self(document)
    }

    /// What another file of this pipeline says differently. Order, comments and spelling are no difference.
    pub fn differences(&self, other: &Self) -> Differences {
        let mut found = Finder {
            has_routes: [self, other]
                .iter()
                .any(|file| file.0.get("routes").is_some()),
            ..Finder::default()
        };
        found.tables(Some(&self.0), Some(&other.0));
        found.differences
    }
}

#[derive(Default)]
struct Finder {
    has_routes: bool,
    path: Vec<String>,
    differences: Differences,
}

impl Finder {
    fn tables<'a>(&mut self, before: Option<&'a Table>, after: Option<&'a Table>) {
        let value = |table: Option<&'a Table>, key: &str| Some(&table?.get(key)?.node.value);
        let keys = |table: Option<&'a Table>| {
            let entries = table.into_iter().flat_map(|table| &table.entries);
            entries.map(|entry| entry.key.as_str())
        };
        let new = keys(after).filter(|key| value(before, key).is_none());
        for key in keys(before).chain(new) {
            self.path.push(key.to_owned());
            self.values(value(before, key), value(after, key));
            self.path.pop();
        }
    }

    fn values(&mut self, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (Some(Value::Table(before)), Some(Value::Table(after))) => {
                self.tables(Some(before), Some(after));
            }
            // An empty table may say something by being there.
            (Some(Value::Table(gone)), None) if !gone.entries.is_empty() => {
                self.tables(Some(gone), None);
            }
            (None, Some(Value::Table(new))) if !new.entries.is_empty() => {
                self.tables(None, Some(new));
            }
            (Some(before), Some(after)) if is_same(before, after) => {}
            (None, None) => {}
            _ => self.found(before, after),
        }
    }

    fn found(&mut self, before: Option<&Value>, after: Option<&Value>) {
        let key = Key(self.path.clone());
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match *path {
            ["sink", "component"] => {}
            // With routes, it says where all other topics have their positions.
            ["sink", "config", "table_name"] if self.has_routes => {
                self.differences.settled.push(key);
            }
            ["sink", "config", ..] | ["sink", "env", ..] => {
                let shown = |value: Option<&Value>| match value {
                    None => UNSET.to_owned(),
                    Some(_) if path.iter().any(|name| is_secret_name(name)) => HIDDEN.to_owned(),
                    Some(value) => shown(value),
                };
                self.differences.changeable.push(Change {
                    key,
                    before: shown(before),
                    after: shown(after),
                });
            }
            _ => self.differences.settled.push(key),
        }
    }
}

/// Whether two values say the same, wherever they stand.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::List(one), Value::List(other)) => {
            let same = |(one, other): (&Node, &Node)| is_same(&one.value, &other.value);
            one.len() == other.len() && one.iter().zip(other).all(same)
        }
        (Value::Table(one), Value::Table(other)) => {
            one.entries.len() == other.entries.len()
                && one.entries.iter().all(|entry| {
                    let other = other.get(&entry.key);
                    other.is_some_and(|other| is_same(&entry.node.value, &other.node.value))
                })
        }
        (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    }
}

/// A value as it is written, without secrets, and not too long.
fn shown(value: &Value) -> String {
    let mut text = inline(value);
    for secret in redact::secrets(&text).into_iter().rev() {
        text.replace_range(secret, HIDDEN);
    }
    match text.char_indices().nth(SHOWN_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn inline(value: &Value) -> String {
    match value {
        // Escaped, whatever stands in it.
        Value::String { text, .. } => format!("{text:?}"),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Boolean(value) => value.to_string(),
        Value::List(nodes) => {
            let nodes: Vec<_> = nodes.iter().map(|node| inline(&node.value)).collect();
            format!("[{}]", nodes.join(", "))
        }
        Value::Table(table) if table.entries.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let entries = table.entries.iter();
            let entries: Vec<_> = entries
                .map(|entry| format!("{} = {}", word(&entry.key), inline(&entry.node.value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A key, in quotes where TOML wants them.
fn word(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match !key.is_empty() && key.chars().all(is_bare) {
        true => key.to_owned(),
        false => format!("{key:?}"),
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(|key| word(key)).collect();
        let path: Vec<&str> = self.0.iter().map(String::as_str).collect();
        let header = match *path {
            ["routes"] => return f.write_str("[[routes]]"),
            ["name" | "state_dir"] => 0,
            ["connections", _, ..] | ["sink", "config", ..] => 2,
            _ => 1,
        };
        let (header, key) = words.split_at(header.min(words.len()));
        match (header.join("."), key.join(".")) {
            (header, key) if header.is_empty() => f.write_str(&key),
            (header, key) if key.is_empty() => write!(f, "[{header}]"),
            (header, key) => write!(f, "[{header}] {key}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, before, after } = self;
        write!(f, "{key}: {before} → {after}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse::parse;

    fn written(text: &str) -> Written {
        Written::new(parse(text, &mut Vec::new()).unwrap())
    }

    /// What can be changed, and what cannot, as people see it.
    fn differences(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
        let found = written(before).differences(&written(after));
        let changeable = found.changeable.iter().map(ToString::to_string);
        let settled = found.settled.iter().map(ToString::to_string);
        (changeable.collect(), settled.collect())
    }

    #[track_caller]
    fn assert_changes(before: &str, after: &str, changes: &[&str]) {
        let (changeable, settled) = differences(before, after);
        assert_eq!(settled, Vec::<String>::new());
        assert_eq!(changeable, changes);
    }

    #[track_caller]
    fn assert_settled(before: &str, after: &str, keys: &[&str]) {
        let (changeable, settled) = differences(before, after);
        assert_eq!(changeable, Vec::<String>::new());
        assert_eq!(settled, keys);
    }

    #[test]
    fn order_comments_and_spelling_are_no_difference() {
        let before =
            "name = 'p'\n[source]\nrows = 1_000\nf = 0.5\n[sink]\nconfig = { a = ['x'], b = {} }\n";
        let after = "[sink.config]\nb = {}\na = [\n  \"x\", # the first\n]\n[source]\nf = 5e-1\nrows = 1000\n";
        assert_changes(before, &format!("name = \"p\"\n{after}"), &[]);
    }

    #[test]
    fn what_the_component_gets_can_be_changed() {
        let before =
            "[sink]\nenv = ['STAGE']\n[sink.config]\nby = ['day']\ngone = true\ncast = { a = 1 }\n";
        let after = "[sink]\ncomponent = 'other'\n[sink.config]\nby = ['day', 'hour']\ncast = { a = 1.0, \"b c\" = '${STAGE}' }\n";
        assert_changes(
            before,
            after,
            &[
                "[sink] env: [\"STAGE\"] → unset",
                "[sink.config] by: [\"day\"] → [\"day\", \"hour\"]",
                "[sink.config] gone: true → unset",
                "[sink.config] cast.a: 1 → 1.0",
                "[sink.config] cast.\"b c\": unset → \"${STAGE}\"",
            ],
        );
        assert_changes("", "[sink.config]\na = 1", &["[sink.config] a: unset → 1"]);
        assert_changes("", "[sink.config]", &["[sink.config]: unset → {}"]);
    }

    #[test]
    fn all_else_is_settled_and_shows_no_value() {
        let before = "name = 'p'\n[epoch]\nmax_ms = 200\n[connections.lake]\npath = 'HUNTER2'\nallow_http = true\n\
                      [sink]\nconnection = 'lake'\n[[routes]]\ntopic = 'a'\n";
        let after = "name = 'q'\n[admin]\n[connections.lake]\npath = 'x'\nallow_http = true\n\"a.b\" = 1\n\
                     [sink]\nconnections = { default = 'lake' }\n[[routes]]\ntopic = 'b'\n";
        assert_settled(
            before,
            after,
            &[
                "name",
                "[epoch] max_ms",
                "[connections.lake] path",
                "[connections.lake] \"a.b\"",
                "[sink] connection",
                "[sink] connections.default",
                "[[routes]]",
                "[admin]",
            ],
        );
    }

    #[test]
    fn the_table_for_all_other_topics_is_settled_beside_routes() {
        let file = |table: &str| {
            format!("[sink.config]\ntable_name = '{table}'\n[[routes]]\ntopic = 'a'\n")
        };
        assert_settled(&file("a"), &file("b"), &["[sink.config] table_name"]);
    }

    #[test]
    fn secrets_and_long_values_are_not_shown() {
        for line in [
            "api_token = 'HUNTER2'",
            "url = 'postgres://ada:HUNTER2@db/x'",
            "headers = { api_key = 'HUNTER2' }",
            "list = [{ password = 'HUNTER2' }]",
        ] {
            let (changes, _) = differences("", &format!("[sink.config]\n{line}\n"));
            assert!(
                !changes[0].contains("HUNTER2") && changes[0].contains("***"),
                "{changes:?}"
            );
        }
        let long = format!("[sink.config]\na = '{}'\n", "ü".repeat(1_000));
        let (changes, _) = differences("", &long);
        assert!(changes[0].chars().count() < 200 && changes[0].ends_with('…'));
    }
}
