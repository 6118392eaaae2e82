//! `wasm-sink-kafka-copy SERVERS GROUP FROM TO`: what one writes by hand to pass a topic's records on, with
//! the rdkafka crate: no transactions, no decoding, at least once. Ends at the end of the topic.

use std::collections::HashSet;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// Records between two commits of offsets.
const RECORDS_PER_COMMIT: u64 = 500_000;
const WAIT: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, group, from, to] = &arguments[..] else {
        return fail("SERVERS GROUP FROM TO");
    };
    match copy(servers, group, from, to) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

#[allow(clippy::print_stderr, reason = "a command's own words")]
fn fail(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

fn copy(servers: &str, group: &str, from: &str, to: &str) -> Result<(), Box<dyn Error>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("queue.buffering.max.messages", "1000000")
        .set("delivery.report.only.error", "true")
        .create()?;
    let partitions = consumer.fetch_metadata(Some(from), LIMIT)?;
    let partitions = partitions
        .topics()
        .iter()
        .map(|topic| topic.partitions().len());
    let partitions: usize = partitions.sum();
    consumer.subscribe(&[from])?;
    let mut ended = HashSet::new();
    let mut since = 0;
    while ended.len() < partitions {
        match consumer.poll(WAIT) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.insert(partition);
            }
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(message)) => {
                send(&producer, to, message.key(), message.payload())?;
                since += 1;
                if since >= RECORDS_PER_COMMIT {
                    producer.flush(LIMIT)?;
                    consumer.commit_consumer_state(CommitMode::Sync)?;
                    since = 0;
                }
            }
        }
    }
    producer.flush(LIMIT)?;
    if since > 0 {
        consumer.commit_consumer_state(CommitMode::Sync)?;
    }
    Ok(())
}

fn send(
    producer: &BaseProducer,
    to: &str,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<(), KafkaError> {
    loop {
        let mut record = BaseRecord::<[u8], [u8]>::to(to);
        record.key = key;
        record.payload = value;
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => return Err(error),
        }
    }
}
