//! The task that asks the database, ahead of what the pipeline takes.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use chrono::Utc;
use tokio::sync::mpsc::Sender;

use super::lineage::Placed;
use super::{Database, Page, Place};
use crate::batch::{Lineage, SourceBatch, as_json};
use crate::budget::Budget;
use crate::dead_letter::{DeadLetter, Kept, RefusedBy};
use crate::error::{Blame, Error, Kind, Result};
use crate::position::{PartitionKey, Position};

/// The first wait before a database that is away is asked again, and the longest.
const RETRY_AFTER: Duration = Duration::from_millis(100);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);
/// Rows at one place that are kept together at most.
const MAX_TIED_ROWS: usize = 1 << 20;
const MAX_TIED_BYTES: usize = 64 << 20;

/// What the task has to say.
pub(super) enum Read {
    Batch(Box<SourceBatch>),
    /// All that there is; no more is looked for.
    End,
    Failed(Error),
}

/// What the task needs to know.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) key: PartitionKey,
    pub(super) rows_of: Arc<str>,
    pub(super) order_by: Vec<String>,
    pub(super) batch_rows: usize,
    /// None: what there is, once.
    pub(super) poll: Option<Duration>,
    pub(super) budget: Budget,
}

/// Nobody listens any more.
struct Gone;

enum Stop {
    Gone,
    Failed(Error),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Task {
    /// Reads what stands behind `begin` until nobody listens.
    pub(super) async fn run(
        self,
        mut database: impl Database,
        begin: Option<Position>,
        after: Option<Place>,
        out: Sender<Read>,
    ) {
        let mut way = Way {
            task: self,
            begin,
            after,
            was_warned: false,
            out,
        };
        let mut wait = RETRY_AFTER;
        loop {
            let before = way.after.clone();
            let said = match way.look(&mut database).await {
                Ok(()) => match way.task.poll {
                    Some(poll) => {
                        wait = RETRY_AFTER;
                        tokio::time::sleep(poll).await;
                        continue;
                    }
                    None => Read::End,
                },
                Err(Stop::Gone) => return,
                Err(Stop::Failed(error)) if error.is_transient() => {
                    if way.after != before {
                        wait = RETRY_AFTER;
                    }
                    tracing::warn!(%error, "reading {}: trying again", way.task.rows_of);
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(MAX_RETRY_AFTER);
                    continue;
                }
                Err(Stop::Failed(error)) => Read::Failed(error),
            };
            // Nobody listens: nobody is to be told.
            let _ = way.out.send(said).await;
            return;
        }
    }
}

/// As [`SourceBatch::undecodable`].
type Letters = Vec<(u32, DeadLetter)>;

/// How far the task has come.
struct Way {
    task: Task,
    /// Where the next batch begins.
    begin: Option<Position>,
    after: Option<Place>,
    /// Whether it was told that the position is beyond all rows.
    was_warned: bool,
    out: Sender<Read>,
}

impl Way {
    /// Hands out all rows that there are by now.
    async fn look(&mut self, database: &mut impl Database) -> Result<(), Stop> {
        let Some(to) = database.newest().await? else {
            return Ok(());
        };
        if let Some(after) = self.after.as_ref().filter(|after| **after >= to) {
            if *after > to && !std::mem::replace(&mut self.was_warned, true) {
                tracing::warn!(
                    "the last row of {} stands before the position that was reached: rows were removed, or \
                     another table is there by now, and what stands before that position is not read",
                    self.task.rows_of
                );
            }
            return Ok(());
        }
        let mut pages = database.rows(self.after.as_ref(), &to).await?;
        // Its last rows may have others at their place to come.
        let mut held: Option<Page> = None;
        while let Some(page) = pages.next(self.task.batch_rows).await? {
            if page.rows.num_rows() == 0 {
                continue;
            }
            held = Some(match held.take() {
                Some(earlier) => {
                    let (whole, rest) = self.apart(earlier, page)?;
                    self.send(whole).await?;
                    rest
                }
                None => page,
            });
        }
        match held {
            Some(held) => self.send(held).await,
            None => Ok(()),
        }
    }

    /// Pages cut between two places.
    fn apart(&self, one: Page, other: Page) -> Result<(Page, Page)> {
        let (before, behind) = (self.placed(&one)?, self.placed(&other)?);
        let last = one.rows.num_rows() - 1;
        if before.place(last) != behind.place(0) {
            return Ok((one, other));
        }
        let mut rows = (1..=last).rev();
        let cut = rows.find(|row| !before.are_tied(row - 1, *row));
        let (whole, rest) = split(one, cut.unwrap_or(0));
        if rest.rows.num_rows() > MAX_TIED_ROWS || own_bytes(&rest.rows) > MAX_TIED_BYTES {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                format!(
                    "{} has more than {MAX_TIED_ROWS} rows, or 64 MiB, with the same {}: name a further column in \
                     `order_by` that tells them apart",
                    self.task.rows_of,
                    self.task.order_by.join(", ")
                ),
            ));
        }
        Ok((whole, joined(rest, other)?))
    }

    fn placed(&self, page: &Page) -> Result<Placed> {
        Placed::new(&self.task.rows_of, &self.task.order_by, &page.rows)
    }

    async fn send(&mut self, page: Page) -> Result<(), Stop> {
        let rows = page.rows.num_rows();
        let placed = self.placed(&page)?;
        let Some(last) = rows.checked_sub(1).and_then(|last| placed.place(last)) else {
            return Ok(());
        };
        if last.is_first() {
            return Err(Stop::Failed(Error::new(
                Kind::Invalid,
                Blame::Source,
                format!(
                    "{} has a row with the least values that there are in `order_by`, which stand for \
                     no row at all here: leave it out with a `query`",
                    self.task.rows_of
                ),
            )));
        }
        let end = last.position().ok_or_else(nowhere)?;
        let (rows, lineage, undecodable) = self.without_misfits(page, placed)?;
        let bytes = rows.get_array_memory_size();
        let batch = SourceBatch {
            key: self.task.key.clone(),
            begin: self.begin.replace(end.clone()),
            end,
            at: lineage.begin().unwrap_or_else(Utc::now),
            lineage: Arc::new(lineage),
            undecodable,
            bytes,
            reservation: Some(self.task.budget.reserve(bytes).await),
            rows,
        };
        self.after = Some(last);
        let sent = self.out.send(Read::Batch(Box::new(batch))).await;
        sent.map_err(|_| Gone.into())
    }

    /// The rows that can be told, and letters for the others.
    fn without_misfits(
        &self,
        page: Page,
        placed: Placed,
    ) -> Result<(RecordBatch, Placed, Letters)> {
        if page.misfits.is_empty() {
            return Ok((page.rows, placed, Vec::new()));
        }
        let mut keep = vec![true; page.rows.num_rows()];
        let mut letters = Letters::new();
        for (row, reason) in page.misfits {
            let Some(kept) = keep.get_mut(row as usize) else {
                return Err(host("a row that is not there"));
            };
            if let (false, Some((_, letter))) = (*kept, letters.last_mut()) {
                letter.reason = format!("{}; {reason}", letter.reason);
                continue;
            }
            *kept = false;
            let before = row - letters.len() as u32;
            let letter = DeadLetter {
                key: self.task.key.clone(),
                origin: placed.origin(row),
                position: placed.position_after(row),
                by: RefusedBy::Decoder,
                reason,
                record: as_json(&page.rows.slice(row as usize, 1)),
                kept: Kept::Nothing,
            };
            letters.push((before, letter));
        }
        let rows = filter_record_batch(&page.rows, &BooleanArray::from(keep.clone()))
            .map_err(|error| host("rows could not be picked").with_source(error))?;
        let placed = placed.kept(&rows, &self.task.order_by, &keep)?;
        Ok((rows, placed, letters))
    }
}

/// What the rows take by themselves, where they are a slice of others.
fn own_bytes(rows: &RecordBatch) -> usize {
    let columns = rows.columns().iter();
    let own = columns.map(|column| column.to_data().get_slice_memory_size());
    own.map(|bytes| bytes.unwrap_or(MAX_TIED_BYTES)).sum()
}

fn nowhere() -> Error {
    host("a row without a place")
}

fn host(message: &str) -> Error {
    Error::new(Kind::Other, Blame::Host, message)
}

fn joined(mut one: Page, other: Page) -> Result<Page> {
    let offset = one.rows.num_rows() as u32;
    let later = other.misfits.into_iter();
    one.misfits
        .extend(later.map(|(row, reason)| (row + offset, reason)));
    let rows = concat_batches(&other.rows.schema(), [&one.rows, &other.rows])
        .map_err(|error| host("rows could not be joined").with_source(error))?;
    Ok(Page {
        rows,
        misfits: one.misfits,
    })
}

fn split(mut page: Page, at: usize) -> (Page, Page) {
    let later = page
        .misfits
        .partition_point(|(row, _)| (*row as usize) < at);
    let misfits = page.misfits.split_off(later);
    let rest = Page {
        rows: page.rows.slice(at, page.rows.num_rows() - at),
        misfits: misfits
            .into_iter()
            .map(|(row, reason)| (row - at as u32, reason))
            .collect(),
    };
    page.rows = page.rows.slice(0, at);
    (page, rest)
}
