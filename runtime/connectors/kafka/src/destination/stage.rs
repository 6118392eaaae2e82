//! What one instance hands to the brokers, in a transaction that the home commits.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use wasm_sink_core::guest::tables::{Fitted, TableStage};
use wasm_sink_core::guest::wit;
use wasm_sink_core::home::Lane;
use wasm_sink_core::stage::{Purpose, Stage, Staged, TablePreview, UnitId};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Position, Result};
use wasm_sink_formats::AvroEncoder;

use super::layout::{Layout, Records};
use super::session::Session;
use super::{Destination, Way};
use crate::bindings::wasm_sink::kafka::kafka;
use crate::cluster::TopicFacts;
use crate::native::Partitioner;

/// Rows that a preview keeps.
const MAX_PREVIEW_ROWS: usize = 10_000;
/// Topics of one connection at most, since a component names them and each is kept.
const MAX_TOPICS: usize = 1_000;
/// A topic's name has so many characters at most.
const MAX_NAME: usize = 249;
/// Schemas of one topic that are kept ready.
const MAX_SCHEMAS: usize = 1_000;

/// The staging calls of one instance on one connection.
pub struct KafkaStage {
    destination: Arc<Destination>,
    purpose: Purpose,
    epoch: Option<CommitId>,
    /// That of the epoch's partitions.
    lane: Option<Lane>,
    topics: Vec<OpenTopic>,
    session: Option<Session>,
    rows: u64,
    bytes: u64,
}

/// One opened topic.
struct OpenTopic {
    name: String,
    exists: bool,
    facts: TopicFacts,
    layout: Layout,
    partitioner: Partitioner,
    /// For values in Avro, by the columns that they are made of.
    encoders: HashMap<SchemaRef, (Arc<AvroEncoder>, u32)>,
    has_rows: bool,
    /// Columns that rows lacked; said once.
    absent: BTreeSet<String>,
    preview: Vec<RecordBatch>,
}

/// What an epoch staged.
pub(super) struct KafkaStaged {
    /// The transaction that holds it; taken by whoever commits it.
    session: Mutex<Option<Session>>,
}

impl KafkaStaged {
    /// # Errors
    /// It was taken before.
    pub(super) fn take(staged: &Staged) -> Result<Session> {
        let staged = staged.payload.downcast_ref::<Self>();
        let session = staged.and_then(|staged| {
            staged
                .session
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
        });
        session.ok_or_else(gone)
    }
}

/// What should be there is not: the epoch is written again.
pub(super) fn gone() -> Error {
    Error::new(
        Kind::Unavailable,
        Blame::Destination,
        "the transaction is gone",
    )
}

/// Rows as records.
pub struct Rows {
    records: Records,
    /// For a preview.
    shown: Option<RecordBatch>,
}

impl KafkaStage {
    pub(crate) fn new(destination: Arc<Destination>, purpose: Purpose) -> Self {
        Self {
            destination,
            purpose,
            epoch: None,
            lane: None,
            topics: Vec::new(),
            session: None,
            rows: 0,
            bytes: 0,
        }
    }

    fn find(&mut self, topic: &str) -> Result<&mut OpenTopic> {
        let found = self.topics.iter_mut().find(|open| open.name == topic);
        found.ok_or_else(|| {
            let message = format!("topic `{topic}` was not opened");
            Error::new(Kind::Other, Blame::Host, message)
        })
    }

    fn check_epoch(&self) -> Result<()> {
        let outside = || Error::invalid("rows are staged in `write` and `flush` only");
        self.epoch.map(drop).ok_or_else(outside)
    }

    pub(crate) fn layout(&mut self, topic: &str) -> Result<&mut Layout> {
        Ok(&mut self.find(topic)?.layout)
    }

    pub(crate) fn encode_as(&mut self, topic: &str, encoding: kafka::Encoding) -> Result<()> {
        if encoding == kafka::Encoding::Avro && self.destination.cluster.registry.is_none() {
            return Err(Error::new(
                Kind::Denied,
                Blame::Configuration,
                format!(
                    "format = \"avro\" needs a schema registry: write schema_registry_url = \
                     \"http://localhost:8081\" under [connections.{}]",
                    self.destination.cluster.label
                ),
            ));
        }
        self.find(topic)?.layout.encoding = encoding;
        Ok(())
    }

    pub(crate) fn partition_by(
        &mut self,
        topic: &str,
        partitioner: kafka::Partitioner,
    ) -> Result<()> {
        let topic = self.find(topic)?;
        if topic.has_rows {
            return Err(Error::invalid(
                "`partition-by` comes before the rows of a topic, not after them",
            ));
        }
        topic.partitioner = match partitioner {
            kafka::Partitioner::Murmur2 => Partitioner::Murmur2,
            kafka::Partitioner::Crc32 => Partitioner::Crc32,
            kafka::Partitioner::Fnv1a => Partitioner::Fnv1a,
            kafka::Partitioner::Random => Partitioner::Random,
        };
        Ok(())
    }

    /// The epoch's transaction, begun if need be.
    async fn session(&mut self) -> Result<&mut Session> {
        self.check_epoch()?;
        let begun = match self.session.take() {
            Some(session) => session,
            None => self.begin_session().await?,
        };
        Ok(self.session.insert(begun))
    }

    async fn begin_session(&self) -> Result<Session> {
        let producers = &self.destination.producers;
        if self.purpose != Purpose::Commit {
            return Session::begin(producers).await;
        }
        match (self.destination.way()?, &self.lane) {
            (Way::Group, _) => Session::begin(producers).await,
            (Way::Lanes(lanes), Some(lane)) => Session::begin_in(&lanes, lane).await,
            (Way::Lanes(_), None) => Err(Error::new(
                Kind::Other,
                Blame::Host,
                "an epoch has rows and no partition",
            )),
        }
    }
}

/// The names of topics, as brokers take them.
pub(super) fn check_name(name: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let why = match name {
        "" => "it is empty",
        "." | ".." => "it is none",
        name if name.len() > MAX_NAME => "it has more than 249 characters",
        name if !name.chars().all(legal) => {
            "letters from a to z, digits, `.`, `_` and `-` are all that it may have"
        }
        _ => return Ok(()),
    };
    Err(Error::invalid(format!(
        "`{name}` is no name of a topic: {why}"
    )))
}

#[async_trait]
impl TableStage for KafkaStage {
    type Rows = Rows;

    const RESOURCE: &'static str = "kafka.topic";

    async fn open(&mut self, topic: &str) -> Result<()> {
        if self.find(topic).is_ok() {
            return Ok(());
        }
        check_name(topic)?;
        if self.topics.len() >= MAX_TOPICS {
            return Err(Error::invalid(format!(
                "`{topic}` would be one topic too many: a connection has at most {MAX_TOPICS} in one run"
            )));
        }
        let cluster = &self.destination.cluster;
        let found = cluster.topic(topic).await?;
        let facts = match (found, self.purpose) {
            (Some(facts), _) => facts,
            (None, Purpose::Commit) => cluster.create_topic(topic, None, &[]).await?,
            (None, Purpose::Probe | Purpose::Preview) => TopicFacts::unknown(),
        };
        self.topics.push(OpenTopic {
            name: topic.to_owned(),
            exists: found.is_some(),
            facts,
            layout: Layout::default(),
            partitioner: Partitioner::default(),
            encoders: HashMap::new(),
            has_rows: false,
            absent: BTreeSet::new(),
            preview: Vec::new(),
        });
        Ok(())
    }

    fn fields(&mut self, _topic: &str) -> Result<Option<Vec<wit::Field>>> {
        Ok(None)
    }

    async fn add_columns(&mut self, _topic: &str, _fields: &[wit::Field]) -> Result<()> {
        Ok(())
    }

    fn overwrite(&mut self, _topic: &str) -> Result<()> {
        Err(Error::invalid("a topic keeps the records that it has"))
    }

    async fn expect(&mut self, topic: &str, schema: &SchemaRef) -> Result<()> {
        let destination = Arc::clone(&self.destination);
        let purpose = self.purpose;
        if self.find(topic)?.facts.are_old()
            && let Some(facts) = destination.cluster.topic(topic).await?
        {
            self.find(topic)?.facts = facts;
        }
        let open = self.find(topic)?;
        if open.layout.encoding != kafka::Encoding::Avro {
            return Ok(());
        }
        let schema = open.layout.value_schema(schema)?;
        if open.encoders.contains_key(&schema) {
            return Ok(());
        }
        let encoder = AvroEncoder::new(&schema, &open.name)?;
        let id = match (purpose, &destination.cluster.registry) {
            (Purpose::Commit | Purpose::Probe, Some(registry)) => {
                let subject = format!("{}-value", open.name);
                registry.register(&subject, encoder.schema_json()).await?
            }
            _ => 0,
        };
        if open.encoders.len() >= MAX_SCHEMAS {
            open.encoders.clear();
        }
        open.encoders.insert(schema, (Arc::new(encoder), id));
        Ok(())
    }

    fn fit(&mut self, topic: &str, rows: &RecordBatch) -> Result<Fitted<Rows>> {
        self.check_epoch()?;
        let purpose = self.purpose;
        let queue_bytes = self.destination.queue_bytes();
        let open = self.find(topic)?;
        for name in open.layout.absent(rows) {
            if open.absent.insert(name.to_owned()) {
                tracing::warn!(
                    topic,
                    column = name,
                    "rows have no such column, so that records go without what it is for: is it misspelt?"
                );
            }
        }
        let avro = match open.layout.encoding {
            kafka::Encoding::Avro => {
                let schema = open.layout.value_schema(&rows.schema())?;
                open.encoders.get(&schema)
            }
            kafka::Encoding::Json | kafka::Encoding::Plain => None,
        };
        let avro = avro.map(|(encoder, id)| (&**encoder, *id));
        let (records, refused) = open.layout.records(rows, &open.facts, queue_bytes, avro)?;
        let shown = (purpose == Purpose::Preview).then(|| {
            let none = BooleanArray::from(vec![false; rows.num_rows()]);
            let refused = refused.as_ref().map_or(&none, |refused| &refused.rows);
            let kept = not(refused);
            kept.and_then(|kept| filter_record_batch(rows, &kept)).ok()
        });
        Ok(Fitted {
            row_count: records.len(),
            rows: Rows {
                records,
                shown: shown.flatten(),
            },
            refused,
        })
    }

    async fn prepare(&mut self, _topic: &str) -> Result<()> {
        if self.purpose != Purpose::Preview {
            self.session().await?;
        }
        Ok(())
    }

    async fn push(&mut self, topic: &str, rows: Rows) -> Result<()> {
        if rows.records.len() == 0 {
            return Ok(());
        }
        let purpose = self.purpose;
        let open = self.find(topic)?;
        if purpose == Purpose::Preview {
            let kept: usize = open.preview.iter().map(RecordBatch::num_rows).sum();
            if kept < MAX_PREVIEW_ROWS {
                open.preview.extend(rows.shown);
            }
            return Ok(());
        }
        open.has_rows = true;
        let partitioner = open.partitioner;
        self.rows += rows.records.len() as u64;
        self.bytes += rows.records.bytes as u64;
        let session = self.session().await?;
        session.send(topic, partitioner, &rows.records).await
    }
}

#[async_trait]
impl Stage for KafkaStage {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn begin(&mut self, id: CommitId) {
        self.epoch = Some(id);
        // One that was not finished is taken back when it is dropped.
        self.session = None;
        self.lane = None;
        self.rows = 0;
        self.bytes = 0;
        for topic in &mut self.topics {
            topic.preview.clear();
        }
    }

    fn admit(&mut self, key: &PartitionKey, _begin: Option<&Position>) {
        if let Ok(Way::Lanes(lanes)) = self.destination.way() {
            let lane = lanes.of(key);
            debug_assert!(self.lane.as_ref().is_none_or(|other| *other == lane));
            self.lane = Some(lane);
        }
    }

    fn units(&self) -> Vec<UnitId> {
        match self.topics.is_empty() {
            true => Vec::new(),
            false => vec![self.destination.cluster.unit.clone()],
        }
    }

    async fn finish(&mut self) -> Result<Vec<Staged>> {
        let Some(session) = &mut self.session else {
            return Ok(Vec::new());
        };
        session.flush().await?;
        Step::FileWritten.reached();
        if self.purpose == Purpose::Probe {
            self.forget().await;
            return Ok(Vec::new());
        }
        Ok(vec![Staged {
            unit: self.destination.cluster.unit.clone(),
            rows: self.rows,
            bytes: self.bytes,
            payload: Arc::new(KafkaStaged {
                session: Mutex::new(self.session.take()),
            }),
        }])
    }

    async fn forget(&mut self) {
        if let Some(session) = self.session.take() {
            session.roll_back().await;
        }
    }

    fn preview(&mut self) -> Vec<TablePreview> {
        let previews = self.topics.iter_mut().map(|topic| TablePreview {
            unit: UnitId {
                connection: Arc::clone(&self.destination.cluster.unit.connection),
                name: Arc::from(topic.name.as_str()),
            },
            exists: topic.exists,
            partition_by: Vec::new(),
            rows: std::mem::take(&mut topic.preview),
        });
        previews.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_brokers_take() {
        assert!(check_name("orders.v1_eu-west").is_ok());
        for name in ["", ".", "..", "a b", "ä", "a/b", "a\0", &"x".repeat(250)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
