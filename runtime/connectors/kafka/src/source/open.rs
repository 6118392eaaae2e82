//! How the source is opened.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use wasm_sink_core::connection::Connection;
use wasm_sink_core::source::{Redecoder, Source, SourceContext, SourceSpec};
use wasm_sink_core::{Blame, Error, Kind, Result};
use wasm_sink_formats::Redecoding;

use super::collect::{CHUNK_BYTES, Collector, OPEN_BYTES};
use super::decode::Decode;
use super::poll::{Ears, Event, Poller};
use super::state::Partitions;
use super::topics::{Topics, broke_off};
use super::{KafkaSource, client_error};
use crate::connection::{ASKING, ASKING_ONCE, KafkaConnection};
use crate::error::{is_transient, source_error};
use crate::log::Log;
use crate::native::{Batch, Client, NativeError, Role};
use crate::settings::{self, Properties, SourceSettings, Until};

/// What the library's defaults are not, so that its queues stay small with any number of partitions.
const DEFAULTS: [(&str, &str); 6] = [
    // FETCHED_BYTES: the pipeline has its own queue.
    ("queued.max.messages.kbytes", "8192"),
    // A full queue is looked at again so soon.
    ("fetch.queue.backoff.ms", "5"),
    // One answer of a broker, before it is unpacked.
    ("fetch.max.bytes", "4194304"),
    // A partition that is read again joins the next question, so that this is what it waits for.
    ("fetch.wait.max.ms", "100"),
    // New topics and partitions are seen within this.
    ("topic.metadata.refresh.interval.ms", "10000"),
    ("metadata.max.age.ms", "60000"),
];

/// Chunks that may wait for the decoder, and batches for the pipeline.
const WAITING: usize = 4;

/// A validated `[source]`.
pub(crate) struct KafkaSourceSpec(pub(crate) SourceSettings);

/// What the library fetches ahead.
const FETCHED_BYTES: usize = 8 << 20;

#[async_trait]
impl SourceSpec for KafkaSourceSpec {
    fn queued_bytes(&self, connection: Option<&dyn Connection>) -> usize {
        let connection = connection.and_then(|connection| {
            let connection = connection.as_any().downcast_ref::<KafkaConnection>();
            connection.map(|connection| &connection.cluster.settings.properties)
        });
        let fetched = connection.and_then(Properties::fetched_bytes);
        fetched.unwrap_or(FETCHED_BYTES) + OPEN_BYTES + WAITING * CHUNK_BYTES
    }

    async fn redecoder(&self, context: &SourceContext) -> Result<Option<Box<dyn Redecoder>>> {
        let formats = self.0.messages.open(&context.directory)?;
        formats.check().await?;
        let make = move |_: Option<&str>| Ok(formats.decoder());
        Ok(Some(Box::new(Redecoding::new(make))))
    }

    async fn open(
        &self,
        connection: Option<Arc<dyn Connection>>,
        context: SourceContext,
    ) -> Result<Box<dyn Source>> {
        let connection = connection.ok_or_else(|| bug("there is no connection"))?;
        let connection = connection
            .as_any()
            .downcast_ref::<KafkaConnection>()
            .ok_or_else(|| bug("the connection is none of Kafka"))?;
        let group = self.0.group.clone();
        let group = group.unwrap_or_else(|| context.pipeline.to_string());
        let formats = self.0.messages.open(&context.directory)?;
        formats.check().await?;
        let (events, heard) = mpsc::unbounded_channel();
        let ears = Arc::new(Ears::new(events.clone()));
        let client = Arc::new(member(connection, &self.0, &context, Arc::clone(&ears))?);
        let label = Arc::clone(&connection.cluster.label);
        let doing = format!("reading from {}", connection.describe());
        let (client, heard, cluster) =
            first_words(client, heard, self.0.topics.clone(), doing).await?;

        let topics = Topics {
            client: Arc::clone(&client),
            cluster,
            is_closing: Arc::new(AtomicBool::new(false)),
        };
        let (commands, told) = mpsc::unbounded_channel();
        let (chunks, collected) = mpsc::channel(WAITING);
        let (out, decoded) = mpsc::channel(WAITING);
        let decode = Decode::new(
            collected,
            out,
            formats,
            context.budget.clone(),
            topics.clone(),
        );
        tokio::spawn(decode.run());
        let subscription = self.0.topics.subscription().iter().map(String::as_str);
        let subscribed = client.subscribe(subscription);
        subscribed.map_err(|error| source_error("subscribing to topics", error))?;
        let poller = Poller {
            client,
            ears,
            commands: told,
            chunks,
            events,
            collector: Collector::new(context.batch_rows, self.0.tombstones),
            runtime: Handle::current(),
            paused: HashSet::new(),
            postponed: Vec::new(),
            said: None,
        };
        let thread = std::thread::Builder::new()
            .name("kafka-poll".to_owned())
            .spawn(move || poller.run())
            .map_err(|error| {
                let message = "no thread could be started that reads from Kafka";
                Error::new(Kind::Other, Blame::Host, message).with_source(error)
            })?;
        Ok(Box::new(KafkaSource {
            settings: self.0.clone(),
            connection: label,
            topics,
            commands,
            events: heard,
            decoded,
            partitions: Partitions::default(),
            group,
            places: Default::default(),
            is_home: false,
            taken: Default::default(),
            ready: Default::default(),
            held: Default::default(),
            looking_up: None,
            asked: Vec::new(),
            assigning: None,
            releasing: None,
            was_assigned: false,
            has_ended: false,
            generations: 0,
            assignments: 0,
            committed: Instant::now(),
            log: Log::default(),
            thread,
        }))
    }
}

/// A client that is about to join the group.
fn member(
    connection: &KafkaConnection,
    settings: &SourceSettings,
    context: &SourceContext,
    ears: Arc<Ears>,
) -> Result<Client> {
    let group = settings.group.as_deref().unwrap_or(&context.pipeline);
    let eof = match settings.until {
        Until::Latest => "true",
        Until::Never => "false",
    };
    let mut fixed = vec![
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        // A position that the log does not have is ours to judge.
        ("auto.offset.reset", "error"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("isolation.level", "read_committed"),
        ("enable.partition.eof", eof),
    ];
    if let Some(instance) = &settings.instance {
        fixed.push(("group.instance.id", instance));
    }
    let cluster = &connection.cluster;
    let config = cluster.config(&cluster.settings.properties, &DEFAULTS, &fixed)?;
    cluster.client(config, ears, Role::Reader)
}

/// Reaches the cluster and looks whether the topics are there, before a group is joined: what is wrong
/// from the start is said at the start.
async fn first_words(
    client: Arc<Client>,
    mut heard: mpsc::UnboundedReceiver<Event>,
    topics: settings::Topics,
    doing: String,
) -> Result<(Arc<Client>, mpsc::UnboundedReceiver<Event>, Arc<str>)> {
    let asked = spawn_blocking(move || {
        let since = Instant::now();
        let mut cause: Option<NativeError> = None;
        loop {
            let error = match ask(&client, &topics) {
                Ok(cluster) => return Ok((client, heard, cluster)),
                Err(error) if !error.is_transient() => return Err(error),
                Err(error) => error,
            };
            // What it said beside the answer says more than that none came.
            client.consume(&mut Batch::with_capacity(1), 1, Duration::ZERO);
            while let Ok(event) = heard.try_recv() {
                if let Event::Error(error, _) = event
                    && cause.as_ref().is_none_or(|cause| is_transient(cause.code))
                {
                    cause = Some(error);
                }
            }
            let is_final = cause
                .as_ref()
                .is_some_and(|cause| !is_transient(cause.code));
            if is_final || since.elapsed() >= ASKING {
                return Err(cause.map_or(error, client_error));
            }
        }
    });
    let answer = asked.await.map_err(broke_off)?;
    answer.map_err(|error| error.context(doing))
}

/// The cluster's id.
fn ask(client: &Client, topics: &settings::Topics) -> Result<Arc<str>> {
    if let settings::Topics::Named(names) = topics {
        let described = client
            .describe_topics(names, ASKING_ONCE)
            .map_err(|error| source_error("asking for topics", error))?;
        for topic in described {
            topic.found.map_err(|error| {
                let doing = format!("topic `{}`", topic.name);
                source_error(&doing, error)
            })?;
        }
    }
    let cluster = client.cluster_id(ASKING_ONCE).ok_or_else(|| {
        let message = "the brokers did not say which cluster they are";
        Error::new(Kind::Unavailable, Blame::Source, message)
    })?;
    Ok(cluster.into())
}

fn bug(what: &str) -> Error {
    let message = format!("{what}; this is a bug in wasm-sink, please report it");
    Error::new(Kind::Other, Blame::Host, message)
}
