//! What a component was given when it failed, kept for whoever looks for the reason.

use std::time::Duration;

use tokio::time::Instant;
use wasm_sink_core::component::{Failure, FailureCause};
use wasm_sink_core::{Blame, Kind, Rows};

use super::{Piece, Task};
use crate::pipeline::quota::Standing;

/// Keeping takes at most this part of the time.
const SHARE: u32 = 10;
/// And is not done more often than this.
const PAUSE: Duration = Duration::from_secs(1);

impl Task {
    /// Has the component fail once more at these pieces (up to the one that it failed at), in a recording, and says in
    /// its error where that is.
    pub(super) async fn keep_evidence(
        &mut self,
        failure: Failure,
        pieces: &[Piece],
        at: Option<usize>,
    ) -> Failure {
        let is_due = self.evidence_due.is_none_or(|due| due <= Instant::now());
        let is_decisive = stops(&failure) || self.running.standing() == Standing::OnTrial;
        if !is_its_own(&failure) || !(is_due || is_decisive) {
            return failure;
        }
        let given = at.map_or(pieces.len(), |at| at + 1);
        let rows = pieces.iter().take(given).map(Piece::rows);
        let Ok(rows) = rows.collect::<Result<Vec<Option<Rows>>, _>>() else {
            return failure;
        };
        let begun = Instant::now();
        let id = self.context.new_commit_id();
        let component = self.running.component();
        let kept = component.keep_failure(id, rows.into_iter().flatten().collect());
        let kept = kept.await;
        self.evidence_due = Some(Instant::now() + (begun.elapsed() * SHARE).max(PAUSE));
        let Some(path) = kept else {
            return failure;
        };
        let path = path.display();
        let Failure { cause, error } = failure;
        let advice = format!("recorded: `wasm-sink replay {path} --debug` shows what happened");
        Failure {
            cause,
            error: error.advise(advice),
        }
    }
}

/// Whether a destination has nothing to do with it.
fn is_its_own(failure: &Failure) -> bool {
    match failure.cause {
        FailureCause::Trap | FailureCause::Deadline => true,
        FailureCause::Answer => failure.error.blame() == Blame::Component,
    }
}

/// Whether it is the end of the pipeline.
fn stops(failure: &Failure) -> bool {
    let is_answer = failure.cause == FailureCause::Answer;
    is_answer && failure.error.kind() != Kind::Rejected && !failure.error.is_transient()
}
