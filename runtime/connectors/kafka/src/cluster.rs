//! A cluster, how to get in, and what is known of its topics.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use wasm_sink_core::connection::ConnectionContext;
use wasm_sink_core::stage::UnitId;
use wasm_sink_core::{Blame, Error, Kind, Result};
use wasm_sink_formats::SchemaRegistry;

use crate::connection::{ASKING, Heard};
use crate::error::{destination_error, is_transient};
use crate::native::{Client, Code, Config, Listener, NativeError, Role};
use crate::oauth::Tokens;
use crate::settings::{ConnectionSettings, Properties};

/// What the library's defaults are not.
const DEFAULTS: [(&str, &str); 3] = [
    ("client.id", "wasm-sink"),
    // A broker that comes back is found soon.
    ("reconnect.backoff.max.ms", "2000"),
    // A vanished broker is noticed.
    ("socket.keepalive.enable", "true"),
];

/// What is known of a topic counts for so long.
const FACTS_FOR: Duration = Duration::from_secs(30);

/// How long a topic that was just made may take to be seen.
const APPEARING: Duration = Duration::from_secs(10);
const LOOKING_EVERY: Duration = Duration::from_millis(100);

/// What is known of a topic that is written to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TopicFacts {
    pub(crate) partitions: i32,
    /// The largest batch of records that it takes, in bytes; None where that may not be asked.
    pub(crate) max_bytes: Option<usize>,
    /// When that was so.
    asked: Instant,
}

impl TopicFacts {
    /// Where nothing is known of a topic, everything goes.
    pub(crate) fn unknown() -> Self {
        Self {
            partitions: i32::MAX,
            max_bytes: None,
            asked: Instant::now(),
        }
    }

    /// Whether they should be asked for again.
    pub(crate) fn are_old(&self) -> bool {
        self.asked.elapsed() >= FACTS_FOR
    }
}

/// A client that asks, and what it hears.
struct Asker {
    client: Client,
    heard: Arc<Heard>,
}

/// An open connection's own.
pub(crate) struct Cluster {
    pub(crate) settings: ConnectionSettings,
    pub(crate) label: Arc<str>,
    pub(crate) pipeline: Arc<str>,
    pub(crate) unit: UnitId,
    pub(crate) directory: PathBuf,
    pub(crate) registry: Option<SchemaRegistry>,
    tokens: Option<Arc<Tokens>>,
    /// How long an epoch may last.
    pub(crate) max_epoch: Duration,
    asker: OnceCell<Arc<Asker>>,
    topics: Mutex<HashMap<String, TopicFacts>>,
}

impl Cluster {
    pub(crate) fn new(settings: ConnectionSettings, context: ConnectionContext) -> Result<Self> {
        let ConnectionContext {
            label,
            pipeline,
            directory,
            max_epoch,
        } = context;
        let registry = settings.registry.as_ref();
        let registry = registry.map(|registry| SchemaRegistry::open(registry, &directory));
        let tokens = settings.tokens.as_ref();
        let tokens = tokens.map(|tokens| Tokens::new(tokens, &directory));
        Ok(Self {
            registry: registry.transpose()?,
            tokens: tokens.transpose()?.map(Arc::new),
            unit: UnitId {
                connection: Arc::clone(&label),
                name: Arc::from(""),
            },
            settings,
            label,
            pipeline,
            directory,
            max_epoch,
            asker: OnceCell::new(),
            topics: Mutex::default(),
        })
    }

    /// For messages.
    pub(crate) fn describe(&self) -> String {
        format!("Kafka at {}", self.settings.properties.servers())
    }

    /// A client's configuration. The user's properties win over `defaults`, `fixed` ones over them.
    ///
    /// # Errors
    /// A property that is not taken.
    pub(crate) fn config(
        &self,
        properties: &Properties,
        defaults: &[(&str, &str)],
        fixed: &[(&str, &str)],
    ) -> Result<Config> {
        let defaults = [&DEFAULTS, defaults].concat();
        let mut config = properties.config(&self.directory, &defaults, fixed)?;
        // Producers may log in in another way.
        if let Some(tokens) = &self.tokens
            && properties.use_tokens()
        {
            config.set_tokens(Arc::clone(tokens));
        }
        Ok(config)
    }

    /// Makes a client that reads or asks.
    ///
    /// # Errors
    /// Properties that do not go together, and files that are not there.
    pub(crate) fn client(
        &self,
        config: Config,
        listener: Arc<dyn Listener>,
        role: Role,
    ) -> Result<Client> {
        Client::new(config, listener, role).map_err(|why| self.not_made(why))
    }

    pub(crate) fn not_made(&self, why: String) -> Error {
        Error::new(Kind::Invalid, Blame::Configuration, why).context(self.describe())
    }

    /// A client that asks, the same each time.
    async fn asker(&self) -> Result<&Arc<Asker>> {
        let make = async || {
            let config = self.config(&self.settings.properties, &[], &[])?;
            let heard = Arc::new(Heard::default());
            let listener: Arc<dyn Listener> = Arc::clone(&heard) as _;
            let client = self.client(config, listener, Role::Asker)?;
            Ok(Arc::new(Asker { client, heard }))
        };
        self.asker.get_or_try_init(make).await
    }

    /// Asks the brokers something.
    ///
    /// # Errors
    /// What they answer, and no answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        doing: &str,
        question: impl FnOnce(&Client) -> Result<T, NativeError> + Send + 'static,
    ) -> Result<Result<T, NativeError>> {
        let asker = Arc::clone(self.asker().await?);
        let answer = spawn_blocking(move || {
            let answer = question(&asker.client);
            asker.client.serve();
            match answer {
                Ok(answer) => {
                    // Why there was none before is of no further interest.
                    asker.heard.forget();
                    Ok(answer)
                }
                Err(error) => Err(asker.heard.explain(error)),
            }
        });
        answer.await.map_err(|error| broke_off(doing, error))
    }

    /// What is known of a topic; it is asked for now and then. None where there is none of this name.
    ///
    /// # Errors
    /// Of the brokers.
    pub(crate) async fn topic(&self, name: &str) -> Result<Option<TopicFacts>> {
        if let Some(facts) = self.known(name).filter(|facts| !facts.are_old()) {
            return Ok(Some(facts));
        }
        let doing = format!("asking {} for topic `{name}`", self.describe());
        let topic = name.to_owned();
        let found = self.ask(&doing, move |client| {
            match client.partitions(&topic, ASKING)? {
                None => Ok(None),
                Some(partitions) => {
                    let settings = client.topic_settings(&topic, &[MAX_BYTES], ASKING);
                    Ok(Some((partitions, settings)))
                }
            }
        });
        let found = found
            .await?
            .map_err(|error| destination_error(&doing, error))?;
        let Some((partitions, settings)) = found else {
            return Ok(None);
        };
        let max_bytes = match settings {
            Ok(settings) => settings.get(MAX_BYTES).and_then(|text| text.parse().ok()),
            // Another broker has not heard of it yet.
            Err(error) if error.code == Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => {
                return Ok(None);
            }
            Err(error) if is_transient(error.code) => {
                return Err(destination_error(&doing, error));
            }
            // Writing may be allowed, and asking not, or not be there.
            Err(_) => None,
        };
        let facts = TopicFacts {
            partitions,
            max_bytes,
            asked: Instant::now(),
        };
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.insert(name.to_owned(), facts);
        Ok(Some(facts))
    }

    fn known(&self, name: &str) -> Option<TopicFacts> {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.get(name).copied()
    }

    /// The largest batch that all topics take that are known.
    pub(crate) fn smallest_max_bytes(&self) -> Option<usize> {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.values().filter_map(|facts| facts.max_bytes).min()
    }

    /// Makes a topic, unless it is there, and waits until it is seen. None for `partitions`: the brokers'
    /// default.
    ///
    /// # Errors
    /// Of the brokers.
    pub(crate) async fn create_topic(
        &self,
        name: &str,
        partitions: Option<i32>,
        settings: &'static [(&'static str, &'static str)],
    ) -> Result<TopicFacts> {
        let doing = format!("creating topic `{name}` in {}", self.describe());
        let topic = name.to_owned();
        let created = self.ask(&doing, move |client| {
            client.create_topic(&topic, partitions, settings, ASKING)
        });
        match created.await? {
            Ok(()) => tracing::info!(topic = name, "created the topic"),
            Err(error) if error.code == Code::RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS => {}
            Err(error) => return Err(destination_error(&doing, error)),
        }
        let begun = tokio::time::Instant::now();
        loop {
            if let Some(facts) = self.topic(name).await? {
                return Ok(facts);
            }
            if begun.elapsed() >= APPEARING {
                let message = format!("topic `{name}` was created and is not there");
                return Err(Error::new(Kind::Unavailable, Blame::Destination, message));
            }
            tokio::time::sleep(LOOKING_EVERY).await;
        }
    }
}

const MAX_BYTES: &str = "max.message.bytes";

/// A question's thread ended without an answer.
pub(crate) fn broke_off(doing: &str, error: tokio::task::JoinError) -> Error {
    let message = format!("{doing} stopped half way");
    Error::new(Kind::Other, Blame::Host, message).with_source(error)
}
