//! A schema registry: what the number before a record means.
//!
//! The wire format and the API are Confluent's
//! (<https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>,
//! <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>), which other
//! registries speak as well, at a path of their own.
//!
//! A schema under a number never changes, so it is asked for once. A registry that is away is waited
//! for: the records are held back, and none is lost. A number that the registry does not know makes
//! its records undecodable.
//!
//! Whoever writes records registers their schemas ([`register`]).

mod client;
mod outage;
mod prefix;
mod register;
mod settings;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::avro::Schema;
use client::{Answer, Client};

pub use prefix::wire_prefix;
pub(crate) use prefix::{BODY, split};
pub use register::{SchemaRegistry, SchemaRegistrySettings};
pub(crate) use settings::RegistrySettings;

/// Requests at a time.
const SIDE_BY_SIDE: usize = 8;

/// A number that is not known is asked for again after these: what a leader has may not have come to
/// its followers yet.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(1)];

/// For so long nobody asks again for a number that was not known.
const MISSING_FOR: Duration = Duration::from_secs(30);

/// So many of them are remembered: bytes that are no records give ever new ones.
const MAX_MISSING: usize = 10_000;

/// Numbers are `int`s in the API: a registry takes a higher one for no address of its own.
const MAX_ID: u32 = i32::MAX as u32;

/// Schemas that one refers to, with those that they refer to.
const MAX_REFERENCES: usize = 500;

/// What the registry says of a number.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// A schema.
    Schema(Arc<Schema>),
    /// Nothing that records can be decoded by; the reason is for their dead letters.
    Useless(Arc<str>),
}

/// A registry with what it has said so far. Shared by all decoders of a source.
#[derive(Debug)]
pub(crate) struct Registry {
    client: Client,
    found: Mutex<HashMap<u32, Found>>,
    missing: Mutex<HashMap<u32, Instant>>,
    /// One decoder asks at a time, so that no number is asked for twice.
    asking: tokio::sync::Mutex<()>,
}

impl Registry {
    /// Asks nothing yet. A relative path counts from `directory`.
    pub(crate) fn open(settings: &RegistrySettings, directory: &Path) -> Result<Self> {
        Ok(Self {
            client: Client::new(settings, directory)?,
            found: Mutex::default(),
            missing: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        })
    }

    /// Whether it is a registry and lets us in, as far as it answers now. That it is away is no error,
    /// since it is waited for later.
    pub(crate) async fn check(&self) -> Result<()> {
        // No schema has this number: it is the way there that counts.
        self.client.greet(&["schemas", "ids", "0"]).await
    }

    /// What these numbers mean. Waits for a registry that is away.
    ///
    /// # Errors
    /// A registry that does not let us in, or is none.
    pub(crate) async fn find(&self, ids: &BTreeSet<u32>) -> Result<HashMap<u32, Found>> {
        if !self.unknown(ids).is_empty() {
            let _asking = self.asking.lock().await;
            self.ask(self.unknown(ids)).await?;
        }
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |id: &u32| {
            let found = found.get(id).cloned();
            let missing = || Found::Useless(format!("the registry has no schema {id}").into());
            (*id, found.unwrap_or_else(missing))
        };
        Ok(ids.iter().map(of).collect())
    }

    /// Those that have to be asked for.
    fn unknown(&self, ids: &BTreeSet<u32>) -> Vec<u32> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |id: &u32| {
            let since = missing.get(id).map(Instant::elapsed);
            let is_missing = *id > MAX_ID || since.is_some_and(|since| since < MISSING_FOR);
            is_missing || found.contains_key(id)
        };
        ids.iter().copied().filter(|id| !is_known(id)).collect()
    }

    async fn ask(&self, mut ids: Vec<u32>) -> Result<()> {
        let mut pauses = PAUSES.iter();
        loop {
            let ask = |id| async move { Ok::<_, Error>((id, self.schema(id).await?)) };
            let asked = stream::iter(ids).map(ask);
            let answers: Vec<_> = asked.buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
            let mut missing = Vec::new();
            {
                let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
                for (id, answer) in answers {
                    match answer {
                        Some(answer) => {
                            found.insert(id, answer);
                        }
                        None => missing.push(id),
                    }
                }
            }
            match pauses.next() {
                Some(pause) if !missing.is_empty() => tokio::time::sleep(*pause).await,
                _ => {
                    self.remember(&missing);
                    return Ok(());
                }
            }
            ids = missing;
        }
    }

    fn remember(&self, missing: &[u32]) {
        let mut known = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if known.len() + missing.len() > MAX_MISSING {
            known.retain(|_, since| now.duration_since(*since) < MISSING_FOR);
        }
        if let Some(first) = missing.first() {
            let many = missing.len();
            tracing::warn!(
                target: "schema_registry",
                "{} does not know schema {first}, or {many} numbers in all: their records are dead letters",
                self.client.describe()
            );
        }
        known.extend(missing.iter().map(|id| (*id, now)));
    }

    /// None where the registry does not know the number.
    async fn schema(&self, id: u32) -> Result<Option<Found>> {
        let useless = |reason: String| Some(Found::Useless(reason.into()));
        let number = id.to_string();
        let answer = match self.client.get(&["schemas", "ids", &number]).await? {
            Answer::Found(answer) => answer,
            Answer::Refused(..) => return Ok(None),
            Answer::TooLong => return Ok(useless(format!("schema {id} is too long to be read"))),
        };
        let kind = answer.get("schemaType").and_then(Value::as_str);
        if let Some(kind) = kind.filter(|kind| !kind.eq_ignore_ascii_case("AVRO")) {
            return Ok(useless(format!("schema {id} is of type {kind}, not AVRO")));
        }
        let texts = match self.texts(id, answer).await? {
            Ok(texts) => texts,
            Err(reason) => return Ok(useless(reason)),
        };
        Ok(Some(match Schema::parse(&texts) {
            Ok(schema) => Found::Schema(Arc::new(schema)),
            Err(reason) => {
                let reason = format!("schema {id} is none that can be read: {reason}");
                tracing::warn!(target: "schema_registry", "{reason}");
                Found::Useless(reason.into())
            }
        }))
    }

    /// A schema's text, with those that it refers to before it.
    async fn texts(&self, id: u32, answer: Value) -> Result<Result<Vec<String>, String>> {
        let mut texts = Vec::new();
        let mut seen = HashSet::new();
        // What is to be done next is on top: a text stands below what it refers to.
        let mut tasks = vec![Task::Look(answer)];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Add(text) => texts.push(text),
                Task::Look(answer) => {
                    let references = references(&answer);
                    tasks.push(Task::Add(self.text(answer)?));
                    tasks.extend(references.into_iter().rev().map(Task::Fetch));
                }
                Task::Fetch(reference) => {
                    if !seen.insert(reference.clone()) {
                        continue;
                    }
                    if seen.len() > MAX_REFERENCES {
                        let reason =
                            format!("schema {id} refers to more than {MAX_REFERENCES} others");
                        return Ok(Err(reason));
                    }
                    let (subject, version) = &reference;
                    let path = ["subjects", subject, "versions", version];
                    match self.client.get(&path).await? {
                        Answer::Found(answer) => tasks.push(Task::Look(answer)),
                        Answer::TooLong => {
                            return Ok(Err(format!(
                                "schema {id} refers to version {version} of `{subject}`, which is too \
                                 long to be read"
                            )));
                        }
                        Answer::Refused(_, why) => {
                            return Ok(Err(format!(
                                "schema {id} refers to version {version} of `{subject}`, which the \
                                 registry does not have: {why}"
                            )));
                        }
                    }
                }
            }
        }
        Ok(Ok(texts))
    }

    fn text(&self, mut answer: Value) -> Result<String> {
        match answer.get_mut("schema").map(Value::take) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(lacks(&self.client, "schema")),
        }
    }
}

/// An answer without what a registry's has.
fn lacks(client: &Client, key: &str) -> Error {
    let message = format!(
        "{} answers without a `{key}`: is it a schema registry, with the right path in \
         `schema_registry_url`?",
        client.describe()
    );
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

enum Task {
    Fetch((String, String)),
    Look(Value),
    Add(String),
}

/// Subject and version of each reference.
fn references(answer: &Value) -> Vec<(String, String)> {
    let references = answer.get("references").and_then(Value::as_array);
    let pair = |reference: &Value| {
        let subject = reference.get("subject")?.as_str()?;
        let version = reference.get("version")?.as_i64()?;
        Some((subject.to_owned(), version.to_string()))
    };
    references.into_iter().flatten().filter_map(pair).collect()
}
