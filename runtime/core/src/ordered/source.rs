//! One partition that the pipeline takes batches from.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

use super::reading::{Read, Task};
use super::{Database, Identity, OrderedSettings, Place};
use crate::error::{Blame, Error, Kind, Result};
use crate::position::{PartitionKey, Position};
use crate::source::{Membership, Source, SourceContext, SourceEvent};

/// Rows per batch at most, where nobody asked for fewer or more.
const DEFAULT_BATCH_ROWS: usize = 10_000;

/// An open source.
pub struct OrderedSource<D> {
    task: Task,
    database: Arc<dyn Fn() -> D + Send + Sync>,
    reading: Option<Reading>,
    is_paused: bool,
    is_assigned: bool,
    has_ended: bool,
}

struct Reading {
    batches: Receiver<Read>,
    task: JoinHandle<()>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<D> std::fmt::Debug for OrderedSource<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrderedSource")
            .field("key", &self.task.key)
            .finish_non_exhaustive()
    }
}

impl<D: Database> OrderedSource<D> {
    /// `database` gives one that nobody uses, each time that reading begins anew.
    pub fn new(
        settings: &OrderedSettings,
        identity: Identity,
        context: &SourceContext,
        database: impl Fn() -> D + Send + Sync + 'static,
    ) -> Self {
        let order_by: Vec<_> = settings
            .order_by
            .iter()
            .map(|name| name.as_str().to_owned())
            .collect();
        let partition = format!("{} by {}", identity.rows, order_by.join(", "));
        let asked = settings.batch_rows.unwrap_or(context.batch_rows);
        Self {
            task: Task {
                key: PartitionKey::new(identity.database, partition),
                rows_of: identity.rows.into(),
                order_by,
                batch_rows: match asked {
                    0 => DEFAULT_BATCH_ROWS,
                    rows => rows,
                },
                poll: settings.poll,
                budget: context.budget.clone(),
            },
            database: Arc::new(database),
            reading: None,
            is_paused: true,
            is_assigned: false,
            has_ended: false,
        }
    }

    fn columns(&self) -> usize {
        self.task.order_by.len()
    }
}

#[async_trait]
impl<D: Database> Source for OrderedSource<D> {
    fn membership(&self) -> Membership {
        Membership::Alone
    }

    fn topic(&self, _key: &PartitionKey) -> Option<Arc<str>> {
        Some(Arc::clone(&self.task.rows_of))
    }

    async fn next(&mut self) -> Result<SourceEvent> {
        if !self.is_assigned {
            self.is_assigned = true;
            return Ok(SourceEvent::Assigned(vec![self.task.key.clone()]));
        }
        let Some(reading) = self.reading.as_mut().filter(|_| !self.is_paused) else {
            // Only `seek` and `resume` change that.
            return pending().await;
        };
        if self.has_ended {
            return pending().await;
        }
        match reading.batches.recv().await {
            Some(Read::Batch(batch)) => Ok(SourceEvent::Batch(*batch)),
            Some(Read::End) => {
                self.has_ended = true;
                Ok(SourceEvent::End)
            }
            Some(Read::Failed(error)) => Err(error),
            None => Err(Error::new(
                Kind::Other,
                Blame::Host,
                "reading stopped half way; this is a bug in wasm-sink, please report it",
            )),
        }
    }

    /// Before every place that a row can have.
    fn beginning(&self, _key: &PartitionKey) -> Position {
        let words = vec![0; self.columns() * 2];
        Position::new(words).unwrap_or_else(|| Position::from_offset(0))
    }

    async fn seek(&mut self, key: &PartitionKey, to: Option<&Position>) -> Result<()> {
        let after = match to {
            Some(to) if *to != self.beginning(key) => {
                Some(Place::of(to, self.columns()).ok_or_else(|| {
                    Error::new(
                        Kind::Invalid,
                        Blame::Configuration,
                        format!(
                            "the position {to} of {key} is none of rows in this order: for each column \
                             of `order_by` it has 1 and the number (0 for one below zero), joined by \
                             dots"
                        ),
                    )
                })?)
            }
            _ => None,
        };
        // The one at work goes first, so that it is not in the way.
        self.reading = None;
        let (out, batches) = channel(1);
        let (task, database, begin) = (self.task.clone(), (self.database)(), to.cloned());
        self.reading = Some(Reading {
            batches,
            task: tokio::spawn(task.run(database, begin, after, out)),
        });
        self.is_paused = false;
        self.has_ended = false;
        Ok(())
    }

    fn pause(&mut self, _key: &PartitionKey) {
        self.is_paused = true;
    }

    fn resume(&mut self, _key: &PartitionKey) {
        self.is_paused = false;
    }

    async fn acknowledge(&mut self, _durable: &[(PartitionKey, Position)]) -> Result<()> {
        Ok(())
    }

    async fn release(&mut self, _keys: &[PartitionKey]) -> Result<()> {
        Ok(())
    }
}
