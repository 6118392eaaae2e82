//! Rows into Kafka topics: the shape of rows as all table sinks have it, and what makes a record of one.

use serde::Deserialize;
use wasm_sink_sdk::kafka::{Encoding, Partitioner, Role, Share, Topic};
use wasm_sink_sdk::table::{Config, Destination, Keys, TableSink, WriteMode};
use wasm_sink_sdk::{Field, Problem, Result};

struct Kafka;

/// As in config.schema.json, beside `topic`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    format: Format,
    value: Option<String>,
    key: Option<String>,
    key_template: Option<String>,
    timestamp: Option<String>,
    headers: Option<String>,
    partition: Option<String>,
    partitioner: Hash,
    value_without: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Avro,
    String,
    Bytes,
}

impl Format {
    /// Whether the value is one column, and the others are no part of it.
    fn is_plain(self) -> bool {
        matches!(self, Self::String | Self::Bytes)
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hash {
    #[default]
    Murmur2,
    Crc32,
    Fnv1a,
    Random,
}

/// The column of a value that is one, where nothing else is said: that of the source's plain formats.
const VALUE: &str = "data";

impl Own {
    /// The columns with a role, and under which key they stand.
    fn roles(&self) -> impl Iterator<Item = (Role, &'static str, &str)> {
        let roles = [
            (Role::Key, "key", &self.key),
            (Role::Timestamp, "timestamp", &self.timestamp),
            (Role::Headers, "headers", &self.headers),
            (Role::Partition, "partition", &self.partition),
        ];
        let named = roles.into_iter();
        named.filter_map(|(role, key, column)| Some((role, key, column.as_deref()?)))
    }
}

impl Destination for Kafka {
    type Table = Topic;
    type Config = Own;
    const CONFIG_SCHEMA: &'static str = include_str!("../config.schema.json");
    const TABLE_KEY: &'static str = "topic";

    fn validate(config: &Config<Own>) -> Vec<Problem> {
        let own = &config.own;
        let mut problems = Vec::new();
        for (place, keys) in config.places() {
            problems.extend(of_tables(keys).map(|(key, help)| {
                let message =
                    format!("`{key}` is for tables, and a topic only takes records at its end");
                Problem::at(place.path([key]), message).with_help(help)
            }));
        }
        if own.key.is_some() && own.key_template.is_some() {
            let path = vec!["key_template".to_owned()];
            let message = "a record has one key, and `key` makes it already".to_owned();
            problems.push(Problem::at(path, message).with_help("take one of the two"));
        }
        let template = own.key_template.as_deref();
        if let Some(message) = template.and_then(template_mistake) {
            let path = vec!["key_template".to_owned()];
            let help = "columns stand in braces: \"{region}-{id}\"; write \"{{\" and \"}}\" for a brace itself";
            problems.push(Problem::at(path, message.to_owned()).with_help(help));
        }
        if own.value.is_some() && !own.format.is_plain() {
            let path = vec!["value".to_owned()];
            let message = "only \"string\" and \"bytes\" look at `value`".to_owned();
            let help = "leave it out; which columns an object has say `schema` and `leave_out`";
            problems.push(Problem::at(path, message).with_help(help));
        }
        if own.format.is_plain() && !own.value_without.is_empty() {
            let path = vec!["value_without".to_owned()];
            let message =
                "the value is one column, so that nothing can be left out of it".to_owned();
            problems.push(Problem::at(path, message).with_help("leave it out"));
        }
        for (_, key, column) in own.roles() {
            problems.extend(
                config
                    .unknown_columns(key, &[column.to_owned()])
                    .into_iter()
                    .map(|mut problem| {
                        problem.path = vec![key.to_owned()];
                        problem
                    }),
            );
        }
        problems
    }

    fn opened(topic: &Topic, config: &Config<Own>) -> Result<()> {
        let own = &config.own;
        topic.encode_as(match own.format {
            Format::Json => Encoding::Json,
            Format::Avro => Encoding::Avro,
            Format::String | Format::Bytes => Encoding::Plain,
        })?;
        if own.format.is_plain() {
            let column = own.value.as_deref().unwrap_or(VALUE);
            topic.assign(Role::Value, column, Share::Only)?;
        }
        for (role, _, column) in own.roles() {
            let share = match is_metadata(config, column) {
                true => Share::Only,
                false => Share::Also,
            };
            topic.assign(role, column, share)?;
        }
        if let Some(template) = &own.key_template {
            topic.key_from(template)?;
        }
        if !own.value_without.is_empty() {
            topic.leave_out(&own.value_without)?;
        }
        topic.partition_by(match own.partitioner {
            Hash::Murmur2 => Partitioner::Murmur2,
            Hash::Crc32 => Partitioner::Crc32,
            Hash::Fnv1a => Partitioner::Fnv1a,
            Hash::Random => Partitioner::Random,
        })
    }

    fn create(_topic: &Topic, _fields: &[Field], _config: &Config<Own>) -> Result<()> {
        Ok(())
    }
}

/// Whether a column is there for what it says about a record, in any table.
fn is_metadata(config: &Config<Own>, column: &str) -> bool {
    let mut all = config
        .places()
        .flat_map(|(_, keys)| keys.metadata_columns.iter().flatten());
    all.any(|key| match key.as_str() {
        "all" => column == "_metadata",
        key => column.strip_prefix('_') == Some(key),
    })
}

/// Why a text is no template of a key, as the host will see it.
fn template_mistake(text: &str) -> Option<&'static str> {
    let mut columns = 0;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix(brace) {
            rest = behind;
        } else if brace == "}" {
            return Some("the template has a `}` that ends no column");
        } else {
            match rest.split_once('}') {
                Some((name, behind)) if !name.is_empty() => rest = behind,
                _ => return Some("the template has a `{` that begins no column"),
            }
            columns += 1;
        }
    }
    (columns == 0).then_some("the template names no column, so that all keys would be the same")
}

/// Keys that mean nothing for a topic, with what to do.
fn of_tables(keys: &Keys) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mode = keys.write_mode.filter(|mode| *mode != WriteMode::Append);
    let found = [
        (
            mode.is_some(),
            "write_mode",
            "leave it out; in a compacted topic a record takes the place of those with its `key`",
        ),
        (
            keys.key_fields.is_some(),
            "key_fields",
            "write key = \"id\", or key_template = \"{region}-{id}\"",
        ),
        (
            keys.schema_evolution.is_some(),
            "schema_evolution",
            "leave it out: each record has the columns that it has",
        ),
    ];
    let found = found.into_iter().filter(|(is_there, ..)| *is_there);
    found.map(|(_, key, help)| (key, help))
}

wasm_sink_sdk::sink!(TableSink<Kafka>);
