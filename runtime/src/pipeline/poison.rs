//! Finding the rows that a component or its destination cannot take: slices are probed on fresh
//! instances whose capabilities check everything and keep nothing (commit protocol, rule 10).

use std::ops::Range;

use tokio::time::sleep;
use wasm_sink_core::component::{Component, Failure, FailureCause};
use wasm_sink_core::dead_letter::RefusedBy;
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result, Rows};

use super::backoff::Backoff;
use super::context::Context;
use super::epoch::{Excluded, Isolation, Piece};

/// What to do about a failure.
#[derive(Debug)]
pub(super) enum Remedy {
    /// The same again later.
    Retry(Error),
    /// Rows may be to blame.
    Isolate(Failure),
    /// Nothing helps.
    Stop(Error),
}

impl Remedy {
    pub(super) fn of(failure: Failure) -> Self {
        match failure.cause {
            FailureCause::Trap | FailureCause::Deadline => Self::Isolate(failure),
            FailureCause::Answer if failure.error.kind() == Kind::Rejected => {
                Self::Isolate(failure)
            }
            FailureCause::Answer if failure.error.is_transient() => Self::Retry(failure.error),
            FailureCause::Answer => Self::Stop(failure.error),
        }
    }
}

/// Splits a piece that failed into the ranges that pass and the rows that fail alone, twice.
pub(super) async fn isolate(
    context: &Context,
    component: &dyn Component,
    piece: &Piece,
) -> Result<Piece> {
    let mut passes: Vec<Range<u32>> = Vec::new();
    let mut excluded: Vec<Excluded> = Vec::new();
    let mut ranges = halves(&piece.range);
    ranges.reverse();
    while let Some(range) = ranges.pop() {
        let Some(failure) = probe(context, component, piece, &range).await? else {
            passes.push(range);
            continue;
        };
        if range.len() > 1 {
            ranges.extend(halves(&range).into_iter().rev());
            continue;
        }
        let Some(failure) = probe(context, component, piece, &range)
            .await?
            .map(|_| failure)
        else {
            passes.push(range);
            continue;
        };
        let newest = verdict(piece, range.start, failure)?;
        admit(context, piece, &excluded, &newest)?;
        excluded.push(newest);
    }
    Ok(Piece {
        excluded,
        isolation: Isolation::Joint(passes),
        ..piece.clone()
    })
}

/// A piece of which one row is left, without that: it has failed alone, twice, when it was staged.
pub(super) fn exclude(context: &Context, piece: &Piece, failure: Failure) -> Result<Piece> {
    let mut excluded = piece.excluded.clone();
    let is_left = |row: &u32| excluded.iter().all(|known| known.row != *row);
    let Some(row) = piece.range.clone().find(is_left) else {
        return Err(failure.error);
    };
    let newest = verdict(piece, row, failure)?;
    admit(context, piece, &excluded, &newest)?;
    excluded.push(newest);
    excluded.sort_by_key(|excluded| excluded.row);
    Ok(Piece {
        excluded,
        isolation: Isolation::Joint(Vec::new()),
        ..piece.clone()
    })
}

/// What is told of a row that fails alone.
fn verdict(piece: &Piece, row: u32, failure: Failure) -> Result<Excluded> {
    if failure.cause == FailureCause::Deadline {
        return Err(failure.error.context(format!(
            "{} alone takes the component longer than its deadline; time makes no dead letters",
            piece.batch.lineage.origin(row)
        )));
    }
    Ok(Excluded {
        row,
        by: refused_by(&failure),
        reason: failure.error.to_string(),
    })
}

/// Whether so many may be left out. If not, the newest of them is told.
fn admit(context: &Context, piece: &Piece, excluded: &[Excluded], newest: &Excluded) -> Result<()> {
    let rejected = excluded.len() as u64 + 1;
    let admitted = context.quota.would_admit(rejected, piece.len());
    admitted.map_err(|error| {
        let origin = piece.batch.lineage.origin(newest.row);
        error.context(format!("{origin}: {}", newest.reason))
    })
}

fn refused_by(failure: &Failure) -> RefusedBy {
    match (failure.cause, failure.error.blame()) {
        (FailureCause::Trap | FailureCause::Deadline, _) => RefusedBy::Trap,
        (FailureCause::Answer, Blame::Destination) => RefusedBy::Destination,
        (FailureCause::Answer, _) => RefusedBy::Component,
    }
}

/// One row stays one; it is tried like any other.
fn halves(range: &Range<u32>) -> Vec<Range<u32>> {
    let middle = range.start + (range.end - range.start) / 2;
    [range.start..middle, middle..range.end]
        .into_iter()
        .filter(|half| !half.is_empty())
        .collect()
}

/// None where a fresh instance takes these rows by themselves.
async fn probe(
    context: &Context,
    component: &dyn Component,
    piece: &Piece,
    range: &Range<u32>,
) -> Result<Option<Failure>> {
    let mut backoff = Backoff::new(&context.retry, &*context.entropy);
    loop {
        let rows = Rows::range(piece.batch.clone(), range.clone());
        let error = match attempt(context, component, rows).await {
            Ok(None) => return Ok(None),
            Ok(Some(failure)) => match Remedy::of(failure) {
                Remedy::Isolate(failure) => return Ok(Some(failure)),
                Remedy::Retry(error) => error,
                Remedy::Stop(error) => return Err(error),
            },
            Err(error) => error,
        };
        let (wait, error) = backoff.wait(error)?;
        context.observer.retrying(&error, wait);
        sleep(wait).await;
    }
}

async fn attempt(
    context: &Context,
    component: &dyn Component,
    rows: Rows,
) -> Result<Option<Failure>> {
    let mut instance = component.start(Purpose::Probe).await?;
    instance.begin(CommitId::from_random(context.entropy.next()));
    let result = match instance.write(rows).await {
        Ok(()) => instance.flush().await.map(drop),
        Err(failure) => Err(failure),
    };
    instance.forget().await;
    Ok(result.err())
}
