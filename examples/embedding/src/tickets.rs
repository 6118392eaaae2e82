//! The source: what the help desk writes down, one ticket after the other.
//!
//! A position is the number of tickets before it. Tickets stay, so that what was read and not committed can be read
//! again: a source that cannot do that delivers at least nothing twice, and not all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use serde_json::json;
use tokio::sync::Notify;
use wasm_sink::Connector;
use wasm_sink_core::connection::Connection;
use wasm_sink_core::dead_letter::RowOrigin;
use wasm_sink_core::source::{Membership, Source, SourceContext, SourceEvent, SourceSpec};
use wasm_sink_core::{
    Blame, Error, Kind, Lineage, MetadataKey, PartitionKey, Position, Result, SourceBatch,
};

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// In a few words.
    pub subject: String,
    /// 1: one day; 5: now.
    pub urgency: i64,
}

/// All tickets, shared by who writes them down and who reads them.
#[derive(Clone, Debug, Default)]
pub struct Tickets(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Log {
    tickets: Vec<Ticket>,
    is_closed: bool,
}

impl Tickets {
    /// `type = "tickets"` in `[source]`. It has no further keys.
    pub fn connector(&self) -> Connector {
        let tickets = self.clone();
        Connector::named("tickets").with_source(move |settings, problems| {
            settings.reader(problems).finish();
            Some(Box::new(tickets.clone()))
        })
    }

    /// Writes one down.
    pub fn add(&self, ticket: Ticket) {
        self.log().tickets.push(ticket);
        self.0.changed.notify_one();
    }

    /// No more will come: what reads them ends.
    pub fn close(&self) {
        self.log().is_closed = true;
        self.0.changed.notify_one();
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SourceSpec for Tickets {
    async fn open(
        &self,
        _connection: Option<Arc<dyn Connection>>,
        context: SourceContext,
    ) -> Result<Box<dyn Source>> {
        Ok(Box::new(Reader {
            tickets: self.clone(),
            key: PartitionKey::new("tickets", "all"),
            context,
            is_assigned: false,
            is_flowing: false,
            begin: None,
            next: 0,
        }))
    }
}

/// Reads tickets from a position on.
struct Reader {
    tickets: Tickets,
    /// The only partition. Its first half says which tickets these are, among all that there may ever be.
    key: PartitionKey,
    context: SourceContext,
    is_assigned: bool,
    is_flowing: bool,
    /// Where the next batch begins, as the pipeline knows it: None where nothing was ever read.
    begin: Option<Position>,
    next: usize,
}

impl Reader {
    /// The next tickets; None where nothing further will come.
    async fn read(&self) -> Option<Vec<Ticket>> {
        loop {
            // Asked for before looking, so that nothing between the two is missed.
            let changed = self.tickets.0.changed.notified();
            {
                let log = self.tickets.log();
                let end = log.tickets.len().min(self.next + self.context.batch_rows);
                let new = log.tickets.get(self.next..end).unwrap_or_default();
                if !new.is_empty() {
                    return Some(new.to_vec());
                }
                if log.is_closed {
                    return None;
                }
            }
            changed.await;
        }
    }
}

#[async_trait]
impl Source for Reader {
    fn membership(&self) -> Membership {
        Membership::Alone
    }

    fn topic(&self, _key: &PartitionKey) -> Option<Arc<str>> {
        None
    }

    async fn next(&mut self) -> Result<SourceEvent> {
        if !self.is_assigned {
            self.is_assigned = true;
            return Ok(SourceEvent::Assigned(vec![self.key.clone()]));
        }
        if !self.is_flowing {
            // Until `seek` or `resume`.
            return std::future::pending().await;
        }
        let Some(tickets) = self.read().await else {
            return Ok(SourceEvent::End);
        };
        let rows = rows(&tickets)?;
        let bytes = rows.get_array_memory_size();
        // Waits while others hold too much. Nothing has changed so far: whoever drops this loses nothing.
        let reservation = self.context.budget.reserve(bytes).await;
        let first = self.next;
        self.next += tickets.len();
        let end = position(self.next);
        Ok(SourceEvent::Batch(SourceBatch {
            key: self.key.clone(),
            begin: self.begin.replace(end.clone()),
            end,
            rows,
            lineage: Arc::new(Numbered { first, tickets }),
            undecodable: Vec::new(),
            at: Utc::now(),
            bytes,
            reservation: Some(reservation),
        }))
    }

    fn beginning(&self, _key: &PartitionKey) -> Position {
        position(0)
    }

    async fn seek(&mut self, key: &PartitionKey, to: Option<&Position>) -> Result<()> {
        let next = match to.map(Position::words) {
            None => 0,
            Some([number]) => usize::try_from(*number).unwrap_or(usize::MAX),
            Some(_) => usize::MAX,
        };
        let known = self.tickets.log().tickets.len();
        if next > known {
            let message = format!("{key} was delivered further than the {known} tickets there are");
            return Err(Error::new(Kind::Invalid, Blame::Source, message));
        }
        (self.next, self.begin, self.is_flowing) = (next, to.cloned(), true);
        Ok(())
    }

    fn pause(&mut self, _key: &PartitionKey) {
        self.is_flowing = false;
    }

    fn resume(&mut self, _key: &PartitionKey) {
        self.is_flowing = true;
    }

    /// Tickets before these positions are committed, and could be thrown away here.
    async fn acknowledge(&mut self, _durable: &[(PartitionKey, Position)]) -> Result<()> {
        Ok(())
    }

    async fn release(&mut self, _keys: &[PartitionKey]) -> Result<()> {
        Ok(())
    }
}

fn position(number: usize) -> Position {
    Position::from_offset(number as u64)
}

fn rows(tickets: &[Ticket]) -> Result<RecordBatch> {
    let subjects: StringArray = tickets
        .iter()
        .map(|ticket| Some(ticket.subject.as_str()))
        .collect();
    let urgencies: Int64Array = tickets.iter().map(|ticket| Some(ticket.urgency)).collect();
    let columns: [(&str, ArrayRef); 2] = [
        ("subject", Arc::new(subjects)),
        ("urgency", Arc::new(urgencies)),
    ];
    RecordBatch::try_from_iter(columns).map_err(|error| {
        Error::new(Kind::Other, Blame::Source, "tickets make no rows").with_source(error)
    })
}

/// Which tickets the rows of a batch are.
#[derive(Debug)]
struct Numbered {
    first: usize,
    tickets: Vec<Ticket>,
}

impl Lineage for Numbered {
    fn position_after(&self, row: u32) -> Option<Position> {
        Some(position(self.first + row as usize + 1))
    }

    fn origin(&self, row: u32) -> RowOrigin {
        RowOrigin {
            name: "tickets".to_owned(),
            line: None,
            offset: Some((self.first + row as usize) as u64),
        }
    }

    /// For dead letters.
    fn raw(&self, row: u32) -> Option<Bytes> {
        let Ticket { subject, urgency } = self.tickets.get(row as usize)?;
        let text = json!({ "subject": subject, "urgency": urgency }).to_string();
        Some(text.into())
    }

    fn metadata(&self, _key: MetadataKey, _rows: &UInt32Array) -> Option<ArrayRef> {
        None
    }
}
