//! An epoch that failed before it was committed: written again from memory, as one or as smaller
//! ones (commit protocol, rules 6 and 10).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasm_sink_core::component::{Component, Failure, FailureCause, Sealed};
use wasm_sink_core::home::Staging;
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, Error, Kind, Move, Result};

use super::commit::Submission;
use super::{Delivery, Task, pause};
use crate::pipeline::backoff::Backoff;
use crate::pipeline::context::Context;
use crate::pipeline::driver::TaskEvent;
use crate::pipeline::epoch::{Begun, Group, Isolation, Piece, moves};
use crate::pipeline::observe::EpochEnd;
use crate::pipeline::poison::{Remedy, exclude, isolate};
use crate::pipeline::quota::Standing;

/// An epoch that failed while it was written: how, and at which piece (None: in `flush`).
pub(super) struct Broken {
    pub(super) failure: Failure,
    pub(super) at: Option<usize>,
}

impl Task {
    /// Writes groups of pieces again after a failure of the destination's, each an epoch.
    pub(super) async fn write_again(
        &mut self,
        groups: VecDeque<Group>,
        error: Error,
    ) -> Result<()> {
        self.drop_instance().await;
        let failure = Failure {
            cause: FailureCause::Answer,
            error,
        };
        let broken = Broken { failure, at: None };
        self.recover(groups, Some(broken)).await
    }

    /// Writes groups of pieces, each an epoch, until they are committed: as one epoch, or as
    /// smaller ones around the rows that the component cannot take. `broken`: how the first failed.
    pub(super) async fn recover(
        &mut self,
        mut groups: VecDeque<Group>,
        mut broken: Option<Broken>,
    ) -> Result<()> {
        let context = Arc::clone(&self.context);
        let mut backoff = Backoff::new(&context.retry, &*context.entropy);
        if let Some(mut in_flight) = self.in_flight.take() {
            let outcome = in_flight.submitted.outcome().await;
            let id = Some(in_flight.submitted.id);
            let pieces = in_flight.pieces;
            match self.conclude(in_flight.submitted, outcome).await? {
                Delivery::Done => {}
                Delivery::Displaced => {
                    return self.displaced(pieces.iter().chain(all(&groups)));
                }
                Delivery::Again(error) => {
                    groups.push_front(Group { id, pieces });
                    // The one that broke shows again how, if it does.
                    broken = None;
                    pause(&context, &mut backoff, error).await?;
                }
            }
        }
        while let Some(mut group) = groups.pop_front() {
            if self.running.standing() == Standing::Failed {
                self.running.turn(&self.next, Duration::ZERO);
            }
            let result = match broken.take() {
                Some(broken) => Err(broken),
                None => match self.write_group(&mut group).await {
                    Ok(result) => result,
                    Err(error) => {
                        self.running.failed(error)?;
                        groups.push_front(group);
                        continue;
                    }
                },
            };
            let broken = match result {
                Ok(Delivery::Done) => {
                    backoff = Backoff::new(&context.retry, &*context.entropy);
                    continue;
                }
                Ok(Delivery::Displaced) => {
                    // What follows of these partitions begins where this would have ended.
                    return self.displaced(group.pieces.iter().chain(all(&groups)));
                }
                Ok(Delivery::Again(error)) => {
                    groups.push_front(group);
                    pause(&context, &mut backoff, error).await?;
                    continue;
                }
                Err(broken) => broken,
            };
            if self.has_landed(&group).await? {
                continue;
            }
            let failure = self
                .keep_evidence(broken.failure, &group.pieces, broken.at)
                .await;
            match Remedy::of(failure) {
                Remedy::Stop(error) => {
                    self.running.failed(error)?;
                    groups.push_front(group);
                }
                Remedy::Retry(error)
                    if error.kind() == Kind::Conflict
                        && is_displaced(&context, &group.pieces).await? =>
                {
                    return self.displaced(group.pieces.iter().chain(all(&groups)));
                }
                Remedy::Retry(error) => {
                    groups.push_front(group);
                    let error = match error.blame() {
                        Blame::Component => match self.running.failed(error) {
                            Ok(_) => continue,
                            Err(error) => error,
                        },
                        _ => error,
                    };
                    pause(&context, &mut backoff, error).await?;
                }
                Remedy::Isolate(Failure { cause, error }) => {
                    let failure = match self.running.failed(error) {
                        Ok(_) => {
                            groups.push_front(group);
                            continue;
                        }
                        Err(error) => Failure { cause, error },
                    };
                    tracing::warn!(
                        error = %failure.error,
                        "rows were refused; looking for those that are to blame"
                    );
                    let smaller = narrow(
                        &context,
                        &**self.running.component(),
                        group.pieces,
                        broken.at,
                        failure,
                    )
                    .await?;
                    for pieces in smaller.into_iter().rev() {
                        groups.push_front(pieces.into());
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether an attempt at this group that was not answered has landed since. What fails then (its
    /// own rows are in its way, say) says nothing about it.
    async fn has_landed(&mut self, group: &Group) -> Result<bool> {
        let Some(id) = group.id else {
            return Ok(false);
        };
        let context = Arc::clone(&self.context);
        let base = context.read_home().await?;
        let moves = moves(&group.pieces)?;
        let is_stored = |moved: &Move| {
            let stored = base.positions.get(&moved.key);
            stored.is_some_and(|stored| stored.commit == id && stored.position == moved.end)
        };
        if !moves.iter().any(is_stored) {
            return Ok(false);
        }
        let mut letters = context.state.pending_letters().await?;
        letters.retain(|pending| pending.id == id);
        context.settle_letters(&letters).await?;
        let durable = moves.into_iter().map(|moved| (moved.key, moved.end));
        self.tell(TaskEvent::Committed(durable.collect()));
        Ok(true)
    }

    /// One epoch from memory, on a fresh instance. Where staged data goes with its session, an
    /// attempt that was not answered may land while this is written: it is the same epoch then, and
    /// must have the same name. (Files that outlive an attempt are named by it, and are not mixed.)
    async fn write_group(&mut self, group: &mut Group) -> Result<Result<Delivery, Broken>> {
        self.drop_instance().await;
        let is_durable = self.context.destination.home.staging() == Staging::Durable;
        let before = group.id.filter(|_| !is_durable);
        let id = before.unwrap_or_else(|| self.context.new_commit_id());
        self.begins_epoch(id);
        let begun: Begun = group.pieces.iter().collect();
        let mut is_begun = false;
        for (index, piece) in group.pieces.iter().enumerate() {
            let Some(rows) = piece.rows()? else { continue };
            let instance = match self.instance().await {
                Ok(instance) => instance,
                Err(error) => {
                    self.ended(id, EpochEnd::Failed(&error));
                    return Err(error);
                }
            };
            if !is_begun {
                instance.begin(id);
                is_begun = true;
            }
            let key = &piece.batch.key;
            instance.admit(key, begun.at(key));
            let started = Instant::now();
            let written = instance.write(rows).await;
            self.wrote(id, piece, started);
            if let Err(failure) = written {
                self.ended(id, EpochEnd::Failed(&failure.error));
                let at = Some(index);
                self.drop_instance().await;
                return Ok(Err(Broken { failure, at }));
            }
        }
        let sealed = if is_begun {
            let started = Instant::now();
            let flushed = self.instance().await?.flush().await;
            self.flushed(id, started);
            match flushed {
                Ok(sealed) => sealed,
                Err(failure) => {
                    self.ended(id, EpochEnd::Failed(&failure.error));
                    self.drop_instance().await;
                    return Ok(Err(Broken { failure, at: None }));
                }
            }
        } else {
            Sealed::default()
        };
        Step::Staged.reached();
        group.id = Some(id);
        Ok(Ok(match self.submit(id, &group.pieces, sealed).await? {
            Submission::Nothing => Delivery::Done,
            Submission::Again(error) => Delivery::Again(error),
            Submission::Sent(mut submitted) => {
                let outcome = submitted.outcome().await;
                self.conclude(submitted, outcome).await?
            }
        }))
    }
}

fn all(groups: &VecDeque<Group>) -> impl Iterator<Item = &Piece> {
    groups.iter().flat_map(|group| &group.pieces)
}

/// The smaller epochs that take the place of one that failed.
async fn narrow(
    context: &Context,
    component: &dyn Component,
    mut group: Vec<Piece>,
    at: Option<usize>,
    failure: Failure,
) -> Result<Vec<Vec<Piece>>> {
    match (at, group.len()) {
        (_, 0) => Ok(Vec::new()),
        // The epoch closes before the bad batch.
        (Some(index), _) if index > 0 => {
            let rest = group.split_off(index);
            Ok(vec![group, rest])
        }
        (_, 1) => {
            let piece = group.remove(0);
            match &piece.isolation {
                Isolation::Fresh => Ok(vec![vec![isolate(context, component, &piece).await?]]),
                // What was committed since it was probed may be in its way: a key that is there.
                Isolation::Alone => Ok(vec![vec![isolate(context, component, &piece).await?]]),
                Isolation::Joint(ranges) if ranges.len() > 1 => Ok(piece
                    .cut(ranges)
                    .into_iter()
                    .map(|piece| vec![piece])
                    .collect()),
                Isolation::Joint(ranges) if matches!(&ranges[..], [only] if only.len() == 1) => {
                    let isolation = Isolation::Refused;
                    Ok(vec![vec![Piece { isolation, ..piece }]])
                }
                Isolation::Joint(_) => Err(failure
                    .error
                    .context("these rows pass when they are probed and fail when they are staged")),
                Isolation::Refused => Ok(vec![vec![exclude(context, &piece, failure)?]]),
            }
        }
        _ => Ok(group.into_iter().map(|piece| vec![piece]).collect()),
    }
}

/// Whether a conflict means that these partitions are no longer ours, so that waiting is of no use.
async fn is_displaced(context: &Context, group: &[Piece]) -> Result<bool> {
    let base = context.read_home().await?;
    for moved in moves(group)? {
        let stored = base.positions.get(&moved.key);
        if stored.map(|stored| &stored.position) != moved.begin.as_ref() {
            let winner = context.destination.home.winner(&base, &moved.key).await;
            context.lost(&moved.key, stored, &winner)?;
            return Ok(true);
        }
    }
    Ok(false)
}
