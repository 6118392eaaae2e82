//! The keys of `[source]` whose connection is of type `kafka`.

use wasm_sink_core::settings::{Problem, Reader, Table};
use wasm_sink_formats::MessageSettings;

/// The longest name that a broker gives a topic.
const MAX_TOPIC_BYTES: usize = 249;

/// A validated `[source]`.
#[derive(Clone, Debug)]
pub(crate) struct SourceSettings {
    pub(crate) topics: Topics,
    /// None: the pipeline's name.
    pub(crate) group: Option<String>,
    /// Static membership.
    pub(crate) instance: Option<String>,
    pub(crate) messages: MessageSettings,
    pub(crate) reset: Reset,
    pub(crate) on_lost_position: OnLostPosition,
    pub(crate) tombstones: Tombstones,
    pub(crate) until: Until,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topics {
    Named(Vec<String>),
    /// Begins with `^`.
    Pattern(String),
}

impl Topics {
    /// As librdkafka takes them.
    pub(crate) fn subscription(&self) -> &[String] {
        match self {
            Self::Named(names) => names,
            Self::Pattern(pattern) => std::slice::from_ref(pattern),
        }
    }
}

/// Where a pipeline that begins anew begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    Earliest,
    Latest,
}

/// What happens when records at and after the stored position are no longer in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnLostPosition {
    Error,
    /// Go on at the first record that is there, with a dead letter that names what is lost.
    Jump,
}

/// What a record without a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tombstones {
    /// Passed over, and said in the log.
    Skip,
    /// A row of nulls.
    Row,
    /// A dead letter.
    Reject,
}

/// Where a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Never,
    /// Where each partition ended when it was assigned.
    Latest,
}

impl SourceSettings {
    /// Reads the whole table; None where it reported problems.
    pub(crate) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let mut reader = table.reader(problems);
        let topics = topics(&mut reader);
        let settings = Self {
            topics: topics.unwrap_or(Topics::Named(Vec::new())),
            group: name(&mut reader, "group_id"),
            instance: name(&mut reader, "group_instance_id"),
            messages: MessageSettings::read(&mut reader),
            reset: reader
                .choice(
                    "auto_offset_reset",
                    &[("earliest", Reset::Earliest), ("latest", Reset::Latest)],
                )
                .unwrap_or(Reset::Earliest),
            on_lost_position: reader
                .choice(
                    "on_lost_position",
                    &[
                        ("error", OnLostPosition::Error),
                        ("jump", OnLostPosition::Jump),
                    ],
                )
                .unwrap_or(OnLostPosition::Error),
            tombstones: reader
                .choice(
                    "tombstones",
                    &[
                        ("skip", Tombstones::Skip),
                        ("row", Tombstones::Row),
                        ("reject", Tombstones::Reject),
                    ],
                )
                .unwrap_or(Tombstones::Skip),
            until: reader
                .choice("until", &[("latest", Until::Latest)])
                .unwrap_or(Until::Never),
        };
        reader.finish();
        (problems.len() == before).then_some(settings)
    }
}

fn topics(reader: &mut Reader<'_>) -> Option<Topics> {
    let help = "write topics = [\"payments\"], or topic_pattern = \"^payments-.*\"";
    let named = reader.take("topics").is_some();
    let pattern = reader.take("topic_pattern").is_some();
    match (named, pattern) {
        (false, false) => {
            reader.missing("topics", help);
            None
        }
        (true, true) => {
            let span = reader.take("topic_pattern")?.key_span.clone();
            reader.bad_value(
                &span,
                "`topics` and `topic_pattern` exclude each other",
                help,
            );
            None
        }
        (true, false) => named_topics(reader, help),
        (false, true) => {
            let (pattern, span) = reader.string("topic_pattern")?;
            if pattern.is_empty() || pattern.contains('\0') {
                reader.bad_value(&span, "`topic_pattern` is empty", help);
                return None;
            }
            // The library takes what begins so for a pattern.
            Some(Topics::Pattern(match pattern.starts_with('^') {
                true => pattern.to_owned(),
                false => format!("^({pattern})$"),
            }))
        }
    }
}

fn named_topics(reader: &mut Reader<'_>, help: &str) -> Option<Topics> {
    let written = reader.strings("topics")?;
    if written.is_empty() {
        let span = reader.take("topics")?.node.span.clone();
        reader.bad_value(&span, "`topics` names no topics", help);
        return None;
    }
    let mut names: Vec<String> = Vec::with_capacity(written.len());
    for (name, span) in written {
        let is_name = (1..=MAX_TOPIC_BYTES).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !is_name {
            let message = format!("no topic can have the name \"{name}\"");
            reader.bad_value(&span, message, help);
        } else if names.iter().any(|known| known == name) {
            reader.bad_value(&span, format!("the topic \"{name}\" stands twice"), help);
        } else {
            names.push(name.to_owned());
        }
    }
    Some(Topics::Named(names))
}

fn name(reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
    let (text, span) = reader.string(key)?;
    if text.is_empty() || text.contains('\0') {
        reader.bad_value(
            &span,
            format!("`{key}` is empty"),
            "write a name, or leave it out",
        );
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use wasm_sink_core::settings::{Entry, Node, Value};

    use super::*;

    fn text(text: &str) -> Value {
        Value::String {
            text: text.to_owned(),
            from_environment: false,
        }
    }

    fn read(entries: &[(&str, Value)]) -> Result<SourceSettings, String> {
        let entries = entries.iter().map(|(key, value)| Entry {
            key: (*key).to_owned(),
            key_span: 0..1,
            node: Node {
                value: value.clone(),
                span: 2..3,
            },
        });
        let table = Table {
            entries: entries.collect(),
            span: 0..9,
        };
        let mut problems = Vec::new();
        SourceSettings::read(&table, &mut problems).ok_or_else(|| {
            let messages: Vec<_> = problems.iter().map(|problem| &*problem.message).collect();
            messages.join("; ")
        })
    }

    fn topics(names: &[&str]) -> Value {
        let nodes = names.iter().map(|name| Node {
            value: text(name),
            span: 2..3,
        });
        Value::List(nodes.collect())
    }

    #[test]
    fn topics_are_named_or_a_pattern() {
        let named = read(&[("topics", topics(&["a.b", "c_d-e"]))]).unwrap();
        assert_eq!(named.topics.subscription(), ["a.b", "c_d-e"]);
        assert_eq!(named.reset, Reset::Earliest);
        assert_eq!(named.on_lost_position, OnLostPosition::Error);
        let whole = read(&[("topic_pattern", text("a|b.*"))]).unwrap();
        assert_eq!(whole.topics.subscription(), ["^(a|b.*)$"]);
        let as_it_is = read(&[("topic_pattern", text("^a"))]).unwrap();
        assert_eq!(as_it_is.topics.subscription(), ["^a"]);
    }

    #[test]
    fn mistakes_are_named() {
        for (entries, why) in [
            (vec![], "`topics` is missing"),
            (vec![("topics", topics(&[]))], "names no topics"),
            (vec![("topics", topics(&["a", "a"]))], "stands twice"),
            (
                vec![("topics", topics(&["a b"]))],
                "no topic can have the name",
            ),
            (
                vec![("topics", topics(&["^a"]))],
                "no topic can have the name",
            ),
            (
                vec![("topics", topics(&["a"])), ("topic_pattern", text("b"))],
                "exclude each other",
            ),
            (
                vec![("topics", topics(&["a"])), ("until", text("never"))],
                "`until` does not know \"never\"",
            ),
            (
                vec![("topics", topics(&["a"])), ("group", text("g"))],
                "nothing reads `group`",
            ),
        ] {
            let problem = read(&entries).unwrap_err();
            assert!(problem.contains(why), "{problem}");
        }
    }
}
