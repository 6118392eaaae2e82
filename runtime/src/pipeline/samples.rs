//! Epochs as they pass, for whoever wants to see what another component would make of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use wasm_sink_core::{Result, Rows};

use super::epoch::Piece;

type Waiting = Option<oneshot::Sender<Vec<Rows>>>;

/// One epoch at a time is given out, and nothing is kept for who does not wait: the pipeline goes on whatever becomes
/// of them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Samples(Arc<Mutex<Waiting>>);

impl Samples {
    /// The rows of the next epoch that is written, as they were given to the component. Who asks last is answered.
    pub async fn next(&self) -> Vec<Rows> {
        loop {
            let (sender, epoch) = oneshot::channel();
            *self.waiting() = Some(sender);
            if let Ok(rows) = epoch.await {
                return rows;
            }
        }
    }

    pub(super) fn offer(&self, pieces: &[Piece]) {
        let has_rows = pieces.iter().any(|piece| piece.len() > 0);
        let Some(waiting) = has_rows.then(|| self.waiting().take()).flatten() else {
            return;
        };
        let rows = pieces.iter().map(Piece::rows);
        if let Ok(rows) = rows.collect::<Result<Vec<Option<Rows>>>>() {
            // Who asked may have gone.
            let _ = waiting.send(rows.into_iter().flatten().collect());
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
