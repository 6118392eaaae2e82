//! Dead letters as records of a topic: the row's bytes as the value, and what went wrong as headers.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use wasm_sink_core::dead_letter::DeadLetterTarget;
use wasm_sink_core::{CommitId, DeadLetter, Result};

use super::headers::Headers;
use super::producers::{OpenProducer, Producers, QUEUE_BYTES};
use super::stage::check_name;
use crate::cluster::{TopicFacts, broke_off};
use crate::error::destination_error;
use crate::native::{Partitioner, Record, Unsent};

/// How the headers' names begin.
const PREFIX: &str = "wasm_sink.errors.";
/// The letters of an epoch are in their topic within this.
const FLUSH: Duration = Duration::from_secs(60);
const FULL: Duration = Duration::from_millis(5);
/// What a record has beside its value, at most; a reason is cut to fit.
const ROOM_BYTES: usize = 16 << 10;
const MAX_REASON_BYTES: usize = 4 << 10;

/// A topic for dead letters.
pub(super) struct LetterTopic {
    producers: Arc<Producers>,
    topic: String,
    /// One epoch's letters at a time: what became of them is heard together.
    opened: Mutex<Option<(Arc<OpenProducer>, TopicFacts)>>,
}

impl LetterTopic {
    /// # Errors
    /// `invalid`: no topic can be called so.
    pub(super) fn new(producers: Arc<Producers>, topic: &str) -> Result<Self> {
        check_name(topic)?;
        Ok(Self {
            producers,
            topic: topic.to_owned(),
            opened: Mutex::default(),
        })
    }

    async fn open(&self) -> Result<(Arc<OpenProducer>, TopicFacts)> {
        let cluster = &self.producers.cluster;
        let facts = match cluster.topic(&self.topic).await? {
            Some(facts) => facts,
            None => cluster.create_topic(&self.topic, None, &[]).await?,
        };
        Ok((self.producers.plain()?, facts))
    }
}

#[async_trait]
impl DeadLetterTarget for LetterTopic {
    fn describe(&self) -> String {
        format!(
            "topic `{}` of {}",
            self.topic,
            self.producers.cluster.describe()
        )
    }

    async fn send(&self, commit: CommitId, letters: &[DeadLetter]) -> Result<()> {
        let mut opened = self.opened.lock().await;
        // After a failure another one: what is left in its queue would come late.
        let (producer, facts) = match opened.take() {
            Some(opened) => opened,
            None => self.open().await?,
        };
        let room = facts.max_bytes.unwrap_or(QUEUE_BYTES).min(QUEUE_BYTES);
        let doing = format!("sending dead letters to topic `{}`", self.topic);
        let _ = producer.heard.take_failure();
        for letter in letters {
            let (value, is_cut) = cut(&letter.record, room);
            let headers = headers(&self.producers.cluster.pipeline, commit, letter, is_cut);
            let identity = letter.identity();
            let record = Record {
                value: Some(value),
                // All that is said of a row stays in order.
                key: Some(identity.as_bytes()),
                headers: &headers,
                ..Record::default()
            };
            loop {
                let to = producer.native.topic(&self.topic, Partitioner::default());
                let to = to.map_err(|error| destination_error(&doing, error))?;
                match to.send(&record) {
                    Ok(()) => break,
                    Err(Unsent::Full) => {}
                    Err(Unsent::Refused(error)) => return Err(destination_error(&doing, error)),
                }
                producer.native.client().serve();
                tokio::time::sleep(FULL).await;
            }
        }
        let flushing = Arc::clone(&producer);
        let flushed = spawn_blocking(move || flushing.flush(FLUSH));
        let flushed = flushed.await.map_err(|error| broke_off(&doing, error))?;
        flushed.map_err(|error| error.context(doing))?;
        *opened = Some((producer, facts));
        Ok(())
    }
}

/// As much of a row as the topic takes.
fn cut(record: &[u8], max_bytes: usize) -> (&[u8], bool) {
    match record.get(..max_bytes.saturating_sub(ROOM_BYTES)) {
        Some(part) if part.len() < record.len() => (part, true),
        _ => (record, false),
    }
}

fn headers(pipeline: &str, commit: CommitId, letter: &DeadLetter, is_cut: bool) -> Headers {
    let mut headers = Headers::new();
    let mut add = |name: &str, value: Option<String>| {
        if let (Ok(name), Some(value)) = (CString::new(format!("{PREFIX}{name}")), value) {
            headers.push((name, Some(value.into_bytes())));
        }
    };
    let mut reason = letter.reason.clone();
    let end = (0..=MAX_REASON_BYTES.min(reason.len()))
        .rev()
        .find(|at| reason.is_char_boundary(*at));
    reason.truncate(end.unwrap_or_default());
    add("id", Some(letter.identity()));
    add("pipeline", Some(pipeline.to_owned()));
    add("commit", Some(commit.to_string()));
    add("topic", Some(letter.origin.name.clone()));
    add("source", Some(letter.key.source().to_owned()));
    add("partition", Some(letter.key.partition().to_owned()));
    add("offset", letter.origin.offset.map(|it| it.to_string()));
    add("line", letter.origin.line.map(|it| it.to_string()));
    add(
        "position",
        letter.position.as_ref().map(ToString::to_string),
    );
    add("by", Some(letter.by.as_str().to_owned()));
    add("reason", Some(reason));
    add("truncated", is_cut.then(|| "true".to_owned()));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_cut_and_says_so() {
        let row = vec![b'x'; 40 << 10];
        assert_eq!(cut(&row, 1 << 20), (&row[..], false));
        let (part, is_cut) = cut(&row, 20 << 10);
        assert_eq!((part.len(), is_cut), (4 << 10, true));
    }
}
