//! The keys of `[connections.<label>]` with `type = "kafka"`: properties of the library, those of producers
//! alone, and the schema registry of what is written.

use wasm_sink_core::settings::{Problem, Table, Value, code};
use wasm_sink_formats::SchemaRegistrySettings;

use super::{Properties, TokenSettings};

/// Properties of producers, over those of the connection.
const PRODUCER: &str = "producer_config";
/// How the keys of the registry begin.
const REGISTRY: &str = "schema_registry_";

/// A validated `[connections.<label>]`.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) properties: Properties,
    /// Those of producers: all of the connection's, and their own.
    pub(crate) producer: Properties,
    /// Where tokens come from that clients log in with; None: nowhere.
    pub(crate) tokens: Option<TokenSettings>,
    /// Where schemas are registered; None: Avro cannot be written.
    pub(crate) registry: Option<SchemaRegistrySettings>,
}

impl ConnectionSettings {
    /// Reads the whole table; None where it reported problems.
    pub(crate) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let (registry, mut others) = parted(table, |key| key.starts_with(REGISTRY));
        let (producer, properties) = parted(&others, |key| key == PRODUCER);
        others = properties;
        let registry = match registry.entries.is_empty() {
            true => None,
            false => {
                let mut reader = registry.reader(problems);
                let registry = SchemaRegistrySettings::read(&mut reader);
                reader.finish();
                registry
            }
        };
        let mut own = Properties::default();
        for entry in &producer.entries {
            match &entry.node.value {
                Value::Table(table) => {
                    own = Properties::read_more(table, problems).unwrap_or_default()
                }
                other => problems.push(Problem {
                    code: code::WRONG_TYPE,
                    message: format!(
                        "`{PRODUCER}` takes properties, and this is {}",
                        other.type_name()
                    ),
                    span: entry.node.span.clone(),
                    help: Some(format!("{PRODUCER} = {{ \"linger.ms\" = 50 }}")),
                }),
            }
        }
        let tokens = TokenSettings::read(&others, problems);
        let properties = Properties::read(&others, problems);
        let properties = properties.filter(|_| problems.len() == before)?;
        Some(Self {
            producer: properties.with(&own),
            properties,
            tokens,
            registry,
        })
    }
}

/// The entries whose keys are such, and the others.
fn parted(table: &Table, is_such: impl Fn(&str) -> bool) -> (Table, Table) {
    let such = |wanted: bool| Table {
        entries: table
            .entries
            .iter()
            .filter(|entry| is_such(&entry.key) == wanted)
            .cloned()
            .collect(),
        span: table.span.clone(),
    };
    (such(true), such(false))
}
