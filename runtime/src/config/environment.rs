//! Fills `${NAME}` in, after parsing, so that no value can add keys or lines; and keeps the values
//! out of what people see.

use std::collections::BTreeSet;
use std::ffi::OsString;

use wasm_sink_core::settings::{Node, Problem, Span, Table, Value};

use super::codes::Code;

/// Reads one environment variable.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What was filled in, so that messages can be cleaned of it.
#[derive(Clone, Default, PartialEq)]
pub struct Filled {
    /// Value and what stands for it in the file, the longest value first.
    values: Vec<(String, String)>,
    /// Strings that could not be filled in; what else is wrong with them is not worth saying.
    failed: Vec<Span>,
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} values", self.values.len())
    }
}

/// Shorter values are too likely to be part of an innocent word; they are only cleaned away where
/// quotes surround them.
const MIN_UNQUOTED_BYTES: usize = 6;

impl Filled {
    fn add(&mut self, value: &str, written: &str) {
        if value.is_empty() || value == written {
            return;
        }
        let escaped = value.escape_debug().to_string();
        for value in [value.to_owned(), escaped] {
            if !self.values.iter().any(|(known, _)| *known == value) {
                self.values.push((value, written.to_owned()));
            }
        }
        self.values
            .sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    }

    /// Whether a string at this place could not be filled in.
    pub fn has_failed(&self, span: &Span) -> bool {
        self.failed.contains(span)
    }

    /// The text with every value replaced by what stands for it in the file.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (value, written) in &self.values {
            if value.len() >= MIN_UNQUOTED_BYTES {
                text = text.replace(value, written);
                continue;
            }
            for (open, close) in [("\"", "\""), ("`", "`"), ("'", "'")] {
                text = text.replace(
                    &format!("{open}{value}{close}"),
                    &format!("{open}{written}{close}"),
                );
            }
        }
        text
    }
}

/// Fills in the whole file. In `[sink.config]` and `[[routes]]` only what `[sink] env` names.
pub fn fill(
    document: &mut Table,
    source: &str,
    lookup: Lookup<'_>,
    problems: &mut Vec<Problem>,
) -> Filled {
    let mut filler = Filler {
        source,
        lookup,
        problems,
        filled: Filled::default(),
        reported: BTreeSet::new(),
    };
    let granted = granted(document);
    for entry in &mut document.entries {
        match (&*entry.key, &mut entry.node.value) {
            ("routes", _) => filler.node(&mut entry.node, Some(&granted)),
            ("sink", Value::Table(sink)) => {
                for entry in &mut sink.entries {
                    match &*entry.key {
                        // These are names of variables, not places for them.
                        "env" => {}
                        "config" => filler.node(&mut entry.node, Some(&granted)),
                        _ => filler.node(&mut entry.node, None),
                    }
                }
            }
            _ => filler.node(&mut entry.node, None),
        }
    }
    filler.filled
}

/// What `[sink] env` names.
fn granted(document: &Table) -> BTreeSet<String> {
    fn value<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
        Some(&table.get(key)?.node.value)
    }
    let Some(Value::Table(sink)) = value(document, "sink") else {
        return BTreeSet::new();
    };
    let Some(Value::List(names)) = value(sink, "env") else {
        return BTreeSet::new();
    };
    names
        .iter()
        .filter_map(|name| match &name.value {
            Value::String { text, .. } => Some(text.clone()),
            _ => None,
        })
        .collect()
}

/// Whether a text can name an environment variable.
pub fn is_variable_name(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && text.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

struct Filler<'a> {
    source: &'a str,
    lookup: Lookup<'a>,
    problems: &'a mut Vec<Problem>,
    filled: Filled,
    /// Missing variables are reported once each.
    reported: BTreeSet<String>,
}

impl Filler<'_> {
    fn node(&mut self, node: &mut Node, granted: Option<&BTreeSet<String>>) {
        match &mut node.value {
            Value::String { text, .. } if text.contains("${") => {
                let (value, from_environment) = self.string(text, &node.span, granted);
                if from_environment {
                    self.filled.add(&value, text);
                }
                node.value = Value::String {
                    text: value,
                    from_environment,
                };
            }
            Value::List(nodes) => nodes.iter_mut().for_each(|node| self.node(node, granted)),
            Value::Table(table) => {
                for entry in &mut table.entries {
                    self.node(&mut entry.node, granted);
                }
            }
            _ => {}
        }
    }

    /// The text with its variables filled in, and whether there were any.
    fn string(
        &mut self,
        text: &str,
        span: &Span,
        granted: Option<&BTreeSet<String>>,
    ) -> (String, bool) {
        let mut value = String::with_capacity(text.len());
        let mut from_environment = false;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                value.push_str(before);
                value.push_str("${");
                rest = after;
                continue;
            }
            value.push_str(before);
            let name = after.split_once('}').map(|(name, _)| name);
            from_environment = true;
            let Some(name) = name.filter(|name| is_variable_name(name)) else {
                self.bad_variable(name, span);
                self.filled.failed.push(span.clone());
                return (value, from_environment);
            };
            rest = &after[name.len() + 1..];
            match self.variable(name, span, granted) {
                Some(filled_in) => value.push_str(&filled_in),
                None => self.filled.failed.push(span.clone()),
            }
        }
        value.push_str(rest);
        (value, from_environment)
    }

    /// The value; None where that was reported as a problem.
    fn variable(
        &mut self,
        name: &str,
        span: &Span,
        granted: Option<&BTreeSet<String>>,
    ) -> Option<String> {
        let written = format!("${{{name}}}");
        let span = self.place(&written, span);
        if granted.is_some_and(|granted| !granted.contains(name)) {
            self.problems.push(Problem {
                code: Code::VariableReachesComponent.as_str(),
                message: format!("what stands in `{written}` here would reach the component"),
                span,
                help: Some(format!(
                    "secrets belong into [connections]; if the component may see this one, write \
                     env = [\"{name}\"] into [sink]"
                )),
            });
            return None;
        }
        let message = match (self.lookup)(name).map(OsString::into_string) {
            Some(Ok(value)) => {
                self.filled.add(&value, &written);
                return Some(value);
            }
            Some(Err(_)) => format!("the environment variable `{name}` is not UTF-8 text"),
            None => format!("the environment variable `{name}` is not set"),
        };
        if self.reported.insert(name.to_owned()) {
            self.problems.push(Problem {
                code: Code::MissingVariable.as_str(),
                message,
                span,
                help: Some(format!("set it: export {name}=…")),
            });
        }
        None
    }

    fn bad_variable(&mut self, name: Option<&str>, span: &Span) {
        let message = match name {
            Some("") => "`${}` names no variable".to_owned(),
            Some(name) => format!("`{name}` is no name of an environment variable"),
            None => "`${` is not closed".to_owned(),
        };
        self.problems.push(Problem {
            code: Code::BadVariable.as_str(),
            message,
            span: span.clone(),
            help: Some(
                "write ${NAME}, of letters, digits and `_`; for a plain `${` write $${".to_owned(),
            ),
        });
    }

    /// Where a variable stands within its string.
    fn place(&self, written: &str, span: &Span) -> Span {
        let found = self
            .source
            .get(span.clone())
            .and_then(|text| text.find(written));
        match found {
            Some(at) => span.start + at..span.start + at + written.len(),
            None => span.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse::parse;

    fn lookup(name: &str) -> Option<OsString> {
        match name {
            "HOME" => Some("/home/ada".into()),
            "EMPTY" => Some("".into()),
            "QUOTE" => Some("a\"\nname = \"other".into()),
            "N" => Some("${HOME}".into()),
            _ => None,
        }
    }

    fn filled(text: &str) -> (String, Vec<&'static str>) {
        let source = format!("key = '{text}'");
        let mut problems = Vec::new();
        let mut table = parse(&source, &mut problems).unwrap();
        fill(&mut table, &source, &lookup, &mut problems);
        let Value::String { text, .. } = &table.entries[0].node.value else {
            panic!("a string stays a string");
        };
        (text.clone(), problems.iter().map(|p| p.code).collect())
    }

    #[test]
    fn variables_are_filled_in_once_and_escapes_stay() {
        for (written, value) in [
            ("plain", "plain"),
            ("$HOME", "$HOME"),
            ("${HOME}/x", "/home/ada/x"),
            ("${HOME}${HOME}", "/home/ada/home/ada"),
            ("$${HOME}", "${HOME}"),
            ("$$${HOME}", "$${HOME}"),
            ("${EMPTY}", ""),
            ("${N}", "${HOME}"),
            ("${QUOTE}", "a\"\nname = \"other"),
        ] {
            assert_eq!(filled(written), (value.to_owned(), vec![]), "{written}");
        }
    }

    #[test]
    fn what_names_no_variable_is_refused() {
        for written in ["${", "${HOME", "${}", "${1A}", "${A-B}", "${A:-b}"] {
            assert_eq!(filled(written).1, ["bad-variable"], "{written}");
        }
        assert_eq!(filled("${NOPE} ${NOPE}").1, ["missing-variable"]);
    }

    #[test]
    fn values_are_cleaned_out_of_messages() {
        let mut all = Filled::default();
        all.add("hunter2", "${A}");
        all.add("hunter2hunter2", "${B}");
        all.add("on", "${C}");
        all.add("line\nbreak", "${D}");
        assert_eq!(all.clean("x hunter2hunter2 y"), "x ${B} y");
        assert_eq!(all.clean("http://hunter2@x"), "http://${A}@x");
        assert_eq!(all.clean("\"on\" is not on"), "\"${C}\" is not on");
        assert_eq!(all.clean("line\nbreak line\\nbreak"), "${D} ${D}");
        assert!(!format!("{all:?}").contains("hunter2"));
    }
}
