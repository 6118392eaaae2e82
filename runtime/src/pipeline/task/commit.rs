//! A sealed epoch on its way to the committer, and what its outcome means.

use std::sync::Arc;

use tokio::sync::oneshot;
use wasm_sink_core::component::Sealed;
use wasm_sink_core::home::CommitPurpose;
use wasm_sink_core::step::Step;
use wasm_sink_core::{Account, Blame, CommitId, Error, Kind, Move, Result};

use super::{Delivery, Task, gone};
use crate::pipeline::committer::{Outcome, Request};
use crate::pipeline::driver::TaskEvent;
use crate::pipeline::epoch::{Piece, ReadyEpoch};
use crate::pipeline::observe::{EpochEnd, EpochEvent};
use crate::pipeline::quota::Standing;
use crate::pipeline::state::PendingLetters;

/// What became of a sealed epoch, short of an error that stops the pipeline.
pub(super) enum Submission {
    /// It moves nothing.
    Nothing,
    /// The committer has it.
    Sent(Submitted),
    /// To be written again from memory.
    Again(Error),
}

/// An epoch that the committer has.
pub(super) struct Submitted {
    pub(super) id: CommitId,
    moves: Vec<Move>,
    account: Account,
    /// Written down, and waiting for the outcome.
    letters: Option<PendingLetters>,
    answer: oneshot::Receiver<Outcome>,
}

impl Submitted {
    /// Waits for the outcome; None where the committer is gone. Safe to cancel, not to call again
    /// once it has answered.
    pub(super) async fn outcome(&mut self) -> Option<Outcome> {
        (&mut self.answer).await.ok()
    }
}

impl Task {
    /// Hands a sealed epoch to the committer, with its dead letters written down before.
    pub(super) async fn submit(
        &mut self,
        id: CommitId,
        pieces: &[Piece],
        sealed: Sealed,
    ) -> Result<Submission> {
        let submission = self.send(id, pieces, sealed).await;
        match &submission {
            Ok(Submission::Sent(_)) => {}
            Ok(Submission::Nothing) => self.ended(id, EpochEnd::Empty),
            Ok(Submission::Again(error)) | Err(error) => self.ended(id, EpochEnd::Failed(error)),
        }
        submission
    }

    async fn send(&mut self, id: CommitId, pieces: &[Piece], sealed: Sealed) -> Result<Submission> {
        let context = Arc::clone(&self.context);
        let staged = sealed.staged.clone();
        let standing = self.running.standing();
        if standing == Standing::Failed {
            context.destination.home.discard(&staged).await;
            let why = "the component that wrote it has failed elsewhere";
            let again = Error::new(Kind::Unavailable, Blame::Component, why);
            return Ok(Submission::Again(again));
        }
        let admitted = |epoch: ReadyEpoch| {
            let first = epoch.dead_letters.first();
            let reason = first.map(|letter| letter.reason.as_str());
            let quota = &context.quota;
            quota.admit(&epoch.commit.account, standing, reason)?;
            Ok(epoch)
        };
        let epoch =
            match ReadyEpoch::new(id, pieces, sealed, &context.destination).and_then(admitted) {
                Ok(epoch) => epoch,
                Err(error) => {
                    context.destination.home.discard(&staged).await;
                    return Err(error);
                }
            };
        let account = epoch.commit.account;
        if epoch.commit.moves.is_empty() {
            if account.taken == 0 && epoch.dead_letters.is_empty() {
                return Ok(Submission::Nothing);
            }
            context.destination.home.discard(&staged).await;
            return Err(Error::new(
                Kind::Other,
                Blame::Host,
                "the source gave rows that move no position, so they could not be committed once",
            ));
        }
        let moves = epoch.commit.moves.clone();
        let letters = (!epoch.dead_letters.is_empty()).then(|| PendingLetters {
            id,
            begins: moves
                .iter()
                .map(|moved| (moved.key.clone(), moved.begin.clone()))
                .collect(),
        });
        if let Some(pending) = &letters {
            let written = context.state.write_letters(pending, &epoch.dead_letters);
            if let Err(error) = written.await {
                context.destination.home.discard(&staged).await;
                return if error.is_transient() {
                    context.quota.withdraw(&account);
                    Ok(Submission::Again(error))
                } else {
                    Err(error)
                };
            }
            Step::DeadLettersWritten.reached();
        }
        self.happened(id, EpochEvent::Submitted(&epoch.commit));
        let (outcome, answer) = oneshot::channel();
        let request = Request {
            epoch,
            writer: self.running.component().writer(),
            purpose: CommitPurpose::Deliver,
            outcome,
        };
        context.committer.send(request).map_err(|_| gone())?;
        Ok(Submission::Sent(Submitted {
            id,
            moves,
            account,
            letters,
            answer,
        }))
    }

    /// Does what the outcome asks for, its dead letters included.
    pub(super) async fn conclude(
        &mut self,
        submitted: Submitted,
        outcome: Option<Outcome>,
    ) -> Result<Delivery> {
        let id = submitted.id;
        let delivery = self.obey(submitted, outcome).await;
        let end = match &delivery {
            Ok(Delivery::Done) => EpochEnd::Committed,
            Ok(Delivery::Displaced) => EpochEnd::Displaced,
            Ok(Delivery::Again(error)) | Err(error) => EpochEnd::Failed(error),
        };
        self.ended(id, end);
        delivery
    }

    async fn obey(&mut self, submitted: Submitted, outcome: Option<Outcome>) -> Result<Delivery> {
        let context = Arc::clone(&self.context);
        let outcome = outcome.ok_or_else(gone)?;
        let was_outdated = std::mem::replace(
            &mut self.was_outdated,
            matches!(outcome, Outcome::Outdated(_)),
        );
        match outcome {
            Outcome::Committed => {
                if submitted.account.taken > 0 {
                    self.running.committed();
                }
                if submitted.letters.is_some() {
                    context.state.publish_letters(submitted.id).await?;
                    Step::DeadLettersPublished.reached();
                }
                let durable = submitted.moves.into_iter();
                let durable = durable.map(|moved| (moved.key, moved.end)).collect();
                self.tell(TaskEvent::Committed(durable));
                Ok(Delivery::Done)
            }
            Outcome::Replay(error) => {
                context.quota.withdraw(&submitted.account);
                Ok(Delivery::Again(error))
            }
            Outcome::Outdated(error) if was_outdated => {
                let error = error.context("the epoch was written again, and refused again");
                self.refused(&submitted.account, error)
            }
            Outcome::Outdated(error) => {
                context.quota.withdraw(&submitted.account);
                let (blame, message) = (error.blame(), error.to_string());
                Ok(Delivery::Again(Error::new(
                    Kind::Unavailable,
                    blame,
                    message,
                )))
            }
            Outcome::Failed(error) => self.refused(&submitted.account, error),
            Outcome::Lost {
                key,
                stored,
                winner,
            } => {
                if let Some(pending) = submitted.letters {
                    context.settle_letters(&[pending]).await?;
                }
                context.lost(&key, stored.as_ref(), &winner)?;
                Ok(Delivery::Displaced)
            }
        }
    }

    /// The destination will not take an epoch as it is. One of another component it may.
    fn refused(&mut self, account: &Account, error: Error) -> Result<Delivery> {
        let error = self.running.failed(error)?;
        self.context.quota.withdraw(account);
        let again = Error::new(Kind::Unavailable, error.blame(), error.to_string());
        Ok(Delivery::Again(again))
    }
}
