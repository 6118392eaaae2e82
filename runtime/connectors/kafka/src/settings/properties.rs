//! The keys of `[connections.<label>]` with `type = "kafka"`: librdkafka's own, under their own names.

use std::path::Path;
use std::time::Duration;

use wasm_sink_core::settings::{Entry, Problem, Table, code, nearest};
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::text::{Text, wrong};
use super::{oauth, refused};
use crate::native::{Config, Refusal, known_properties};

/// Where brokers are found; the second is an older name.
const SERVERS: [&str; 2] = ["bootstrap.servers", "metadata.broker.list"];

/// How one logs in, under both of its names.
const MECHANISM: [&str; 2] = ["sasl.mechanism", "sasl.mechanisms"];

/// Properties as written. Secrets do not print.
#[derive(Clone, Debug, Default)]
pub(crate) struct Properties(Vec<(String, Text)>);

impl Properties {
    /// Those of producers alone, beside the connection's; None where it reported problems.
    pub(super) fn read_more(table: &Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        for entry in &table.entries {
            let key = entry.key.as_str();
            let help = match key {
                _ if SERVERS.contains(&key) => {
                    "records go to the cluster that the connection is to: write another \
                     [connections.<label>] for another one"
                }
                _ if oauth::is_key(key) => {
                    "all clients of a connection have the same tokens: write it beside \
                     \"bootstrap.servers\""
                }
                _ => continue,
            };
            problems.push(Problem {
                code: code::BAD_VALUE,
                message: format!("`{key}` belongs to the connection"),
                span: entry.key_span.clone(),
                help: Some(help.to_owned()),
            });
        }
        let properties = Self::entries(table, problems);
        properties.filter(|_| problems.len() == before)
    }

    /// What stands in a table for the library; None without memory.
    fn entries(table: &Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let Some(mut probe) = Config::new() else {
            problems.push(problem(table, "memory is gone", "try again"));
            return None;
        };
        let mut properties = Vec::with_capacity(table.entries.len());
        let entries = table.entries.iter();
        for entry in entries.filter(|entry| !oauth::is_key(&entry.key)) {
            match property(entry, &mut probe) {
                Ok(text) => properties.push((entry.key.clone(), text)),
                Err(problem) => problems.push(*problem),
            }
        }
        Some(Self(properties))
    }

    /// These, and over them `more`.
    pub(crate) fn with(&self, more: &Self) -> Self {
        let mut all = self.0.clone();
        all.retain(|(name, _)| more.0.iter().all(|(other, _)| other != name));
        all.extend(more.0.iter().cloned());
        Self(all)
    }

    /// Reads a connection's; None where it reported problems. What is about a token server is left to who
    /// [reads](super::TokenSettings::read) that.
    pub(crate) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let properties = Self::entries(table, problems)?;
        if !SERVERS.iter().any(|name| table.get(name).is_some()) {
            problems.push(Problem {
                code: code::MISSING_KEY,
                message: "`bootstrap.servers` is missing".to_owned(),
                span: table.span.clone(),
                help: Some("write \"bootstrap.servers\" = \"localhost:9092\"".to_owned()),
            });
        }
        properties.check_sasl(table, problems);
        (problems.len() == before).then_some(properties)
    }

    fn check_sasl(&self, table: &Table, problems: &mut Vec<Problem>) {
        if !self.use_sasl() {
            return;
        }
        match self.get(&MECHANISM) {
            None => problems.push(problem(
                table,
                "`sasl.mechanism` is missing, and the library's default is Kerberos, which this \
                 build does not have",
                "write \"sasl.mechanism\" = \"SCRAM-SHA-512\", or the one that the brokers want",
            )),
            Some(mechanism)
                if mechanism.eq_ignore_ascii_case(oauth::MECHANISM)
                    && !oauth::names_a_server(table)
                    && self.get(&["enable.sasl.oauthbearer.unsecure.jwt"]) != Some("true") =>
            {
                problems.push(problem(
                    table,
                    "OAUTHBEARER needs a server that gives tokens",
                    "write \"sasl.oauthbearer.method\" = \"oidc\", and where the server is: \
                     \"sasl.oauthbearer.token.endpoint.url\"; for tests there is \
                     \"enable.sasl.oauthbearer.unsecure.jwt\" = true",
                ));
            }
            Some(_) => {}
        }
    }

    fn use_sasl(&self) -> bool {
        let protocol = self.get(&["security.protocol"]);
        protocol.is_some_and(|text| text.to_lowercase().starts_with("sasl_"))
    }

    /// Whether clients log in with tokens.
    pub(crate) fn use_tokens(&self) -> bool {
        let mechanism = self.get(&MECHANISM);
        let is_bearer = mechanism.is_some_and(|text| text.eq_ignore_ascii_case(oauth::MECHANISM));
        self.use_sasl() && is_bearer
    }

    fn get(&self, names: &[&str]) -> Option<&str> {
        let mut properties = self.0.iter();
        let found = properties.find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, text)| text.expose())
    }

    /// What may wait in a producer's queue; None where that is not said.
    pub(crate) fn queue_bytes(&self) -> Option<usize> {
        let kbytes: usize = self.get(&["queue.buffering.max.kbytes"])?.parse().ok()?;
        Some(kbytes.saturating_mul(1024))
    }

    /// What may be fetched ahead; None where that is not said.
    pub(crate) fn fetched_bytes(&self) -> Option<usize> {
        let kbytes: usize = self.get(&["queued.max.messages.kbytes"])?.parse().ok()?;
        Some(kbytes.saturating_mul(1024))
    }

    /// How long a transaction may last; None where that is not said.
    pub(crate) fn transaction_timeout(&self) -> Option<Duration> {
        let millis = self.get(&["transaction.timeout.ms"])?.parse().ok()?;
        Some(Duration::from_millis(millis))
    }

    /// The brokers, for messages.
    pub(crate) fn servers(&self) -> &str {
        self.get(&SERVERS).unwrap_or_default()
    }

    /// A client's configuration: `defaults`, then what the user wrote, then `fixed`. Paths of files
    /// count from `directory`.
    ///
    /// # Errors
    /// A value that the library does not take.
    pub(crate) fn config(
        &self,
        directory: &Path,
        defaults: &[(&str, &str)],
        fixed: &[(&str, &str)],
    ) -> Result<Config> {
        let mut config =
            Config::new().ok_or_else(|| Error::new(Kind::Other, Blame::Host, "memory is gone"))?;
        let mut set = |name: &str, value: &str| {
            config.set(name, value).map_err(|refusal| {
                let why = match refusal {
                    Refusal::Invalid(text) if !refused::is_secret(name) => text,
                    _ => format!("`{name}` is not taken"),
                };
                Error::new(Kind::Invalid, Blame::Configuration, why)
            })
        };
        for (name, value) in defaults {
            set(name, value)?;
        }
        for (name, text) in &self.0 {
            let is_path = name.ends_with(".location") || name.ends_with(".file");
            let value = text.expose();
            if is_path && Path::new(value).is_relative() && !value.is_empty() {
                set(name, &directory.join(value).to_string_lossy())?;
            } else {
                set(name, value)?;
            }
        }
        for (name, value) in fixed {
            set(name, value)?;
        }
        Ok(config)
    }
}

fn problem(table: &Table, message: &str, help: &str) -> Problem {
    Problem {
        code: code::BAD_VALUE,
        message: message.to_owned(),
        span: table.span.clone(),
        help: Some(help.to_owned()),
    }
}

/// One property, if it may be what it is and the library takes it.
fn property(entry: &Entry, probe: &mut Config) -> Result<Text, Box<Problem>> {
    let name = entry.key.as_str();
    let text = Text::read(entry)?;
    match probe.set(name, text.expose()) {
        Ok(()) => Ok(text),
        Err(Refusal::Unknown) => {
            let known = known_properties();
            let ours = oauth::KEYS.into_iter();
            let help = match nearest(name, known.iter().map(String::as_str).chain(ours)) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "the properties are those of librdkafka 2.12, in quotes".to_owned(),
            };
            let message = format!("librdkafka has no property `{name}`");
            Err(wrong(entry, code::UNKNOWN_KEY, message, Some(help)))
        }
        Err(Refusal::Invalid(why)) => {
            let why = match &text {
                Text::Plain(_) => why,
                // What came from the environment is not shown.
                Text::Secret(_) => "the value from the environment is not taken".to_owned(),
            };
            let message = format!("`{name}`: {why}");
            Err(wrong(entry, code::BAD_VALUE, message, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_sink_core::settings::{Node, Value};

    use super::*;

    fn table(entries: &[(&str, Value)]) -> Table {
        let entries = entries.iter().map(|(key, value)| Entry {
            key: (*key).to_owned(),
            key_span: 0..1,
            node: Node {
                value: value.clone(),
                span: 2..3,
            },
        });
        Table {
            entries: entries.collect(),
            span: 0..9,
        }
    }

    fn text(text: &str, from_environment: bool) -> Value {
        Value::String {
            text: text.to_owned(),
            from_environment,
        }
    }

    fn problems(entries: &[(&str, Value)]) -> Vec<Problem> {
        let servers = ("bootstrap.servers", text("b:9092", false));
        let mut problems = Vec::new();
        let entries = [&[servers], entries].concat();
        assert!(Properties::read(&table(&entries), &mut problems).is_none());
        problems
    }

    #[test]
    fn what_breaks_a_promise_is_refused_by_name() {
        for (name, value, why) in [
            (
                "enable.auto.commit",
                "false",
                "before the destination has them",
            ),
            ("auto.offset.reset", "latest", "in silence"),
            ("group.id", "g", "belongs to the source"),
            ("isolation.level", "read_uncommitted", "aborted"),
            (
                "partition.assignment.strategy",
                "range",
                "with each rebalance",
            ),
            ("group.protocol", "consumer", "held back"),
            ("enable.idempotence", "false", "double"),
            ("sasl.mechanisms", "GSSAPI", "Kerberos"),
            ("sasl.oauthbearer.assertion.claim.aud", "a", "jwt-bearer"),
            ("https.ca.pem", "-----BEGIN", "certificates"),
            ("plugin.library.paths", "x.so", "foreign code"),
        ] {
            let problems = problems(&[(name, text(value, false))]);
            let [problem] = &problems[..] else {
                panic!("{name}: {problems:?}");
            };
            assert_eq!(problem.code, code::BAD_VALUE, "{name}");
            assert!(problem.message.contains(why), "{problem:?}");
            assert!(problem.help.is_some(), "{name}");
        }
    }

    #[test]
    fn the_library_knows_names_and_values() {
        let unknown = problems(&[("sesion.timeout.ms", Value::Integer(6000))]);
        assert_eq!(unknown[0].code, code::UNKNOWN_KEY);
        assert_eq!(
            unknown[0].help.as_deref(),
            Some("did you mean `session.timeout.ms`?")
        );
        let unknown = problems(&[("bootstrap.server", text("b", false))]);
        assert_eq!(
            unknown[0].help.as_deref(),
            Some("did you mean `bootstrap.servers`?")
        );
        let wrong = problems(&[("session.timeout.ms", text("long", false))]);
        assert_eq!(
            (wrong[0].code, wrong[0].span.clone()),
            (code::BAD_VALUE, 2..3)
        );
        let list = problems(&[("ssl", Value::Table(Table::default()))]);
        assert_eq!(list[0].code, code::WRONG_TYPE);
    }

    #[test]
    fn secrets_come_from_the_environment_and_do_not_print() {
        let in_file = problems(&[("sasl.password", text("hunter2", false))]);
        assert_eq!(in_file[0].code, code::SECRET_IN_FILE);
        assert!(
            in_file[0]
                .help
                .as_deref()
                .is_some_and(|help| help.contains("${SASL_PASSWORD}"))
        );
        let wrong = problems(&[("session.timeout.ms", text("hunter2", true))]);
        assert!(!format!("{in_file:?}{wrong:?}").contains("hunter2"));
        let right = [
            ("bootstrap.servers", text("b:9092", false)),
            ("security.protocol", text("sasl_plaintext", false)),
            ("sasl.mechanism", text("PLAIN", false)),
            ("sasl.username", text("me", false)),
            ("sasl.password", text("hunter2", true)),
            ("session.timeout.ms", Value::Integer(6000)),
            ("socket.keepalive.enable", Value::Boolean(true)),
        ];
        let mut problems = Vec::new();
        let read = Properties::read(&table(&right), &mut problems).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert!(!format!("{read:?}").contains("hunter2"), "{read:?}");
        assert_eq!(read.servers(), "b:9092");
        read.config(Path::new("/"), &[], &[("group.id", "g")])
            .map(drop)
            .unwrap();
    }

    #[test]
    fn sasl_without_a_mechanism_would_be_kerberos() {
        let protocol = ("security.protocol", text("SASL_SSL", false));
        let missing = problems(std::slice::from_ref(&protocol));
        assert!(
            missing[0].message.contains("`sasl.mechanism` is missing"),
            "{missing:?}"
        );
        let bearer = problems(&[protocol, ("sasl.mechanism", text("OAUTHBEARER", false))]);
        assert!(bearer[0].message.contains("gives tokens"), "{bearer:?}");
    }
}
