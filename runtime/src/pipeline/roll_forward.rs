//! Finishing intents: what a home promised on behalf of other units is applied there, from what
//! the home says and never from memory (commit protocol, rule 2).

use std::collections::BTreeSet;

use tokio::time::sleep;
use wasm_sink_core::home::{Base, Intent, IntentPart};
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Result};

use super::Destination;
use super::backoff::Backoff;
use super::entropy::Entropy;
use super::limits::Retry;
use super::observe::Observer;

/// Sees the last intent of each of `keys` applied in every unit.
pub(super) async fn roll_forward(
    base: &Base,
    keys: impl Iterator<Item = &PartitionKey>,
    destination: &Destination,
    retry: &Retry,
    entropy: &dyn Entropy,
    observer: &dyn Observer,
) -> Result<()> {
    let mut seen: BTreeSet<CommitId> = BTreeSet::new();
    for key in keys {
        let Some(intent) = base.positions.get(key).and_then(|s| s.intent.as_ref()) else {
            continue;
        };
        if !seen.insert(intent.commit) {
            continue;
        }
        for part in &intent.parts {
            apply(intent, part, destination, retry, entropy, observer)
                .await
                .map_err(|error| {
                    error.context(format!(
                        "applying commit {} to `{}`",
                        intent.commit, part.unit
                    ))
                })?;
        }
    }
    Ok(())
}

async fn apply(
    intent: &Intent,
    part: &IntentPart,
    destination: &Destination,
    retry: &Retry,
    entropy: &dyn Entropy,
    observer: &dyn Observer,
) -> Result<()> {
    let unit = destination.units.get(&part.unit).ok_or_else(|| {
        Error::new(
            Kind::Other,
            Blame::Configuration,
            "an earlier run wrote to it, and this pipeline no longer has it: add its connection \
             again, so that the commit can be finished",
        )
    })?;
    let mut backoff = Backoff::new(retry, entropy);
    loop {
        let error = match unit.read().await {
            Ok(base) => {
                let is_applied = intent.moves.iter().any(|moved| {
                    base.applied
                        .get(&moved.key)
                        .is_some_and(|end| *end >= moved.end)
                });
                if is_applied {
                    return Ok(());
                }
                match unit.apply(&base, &intent.moves, part).await {
                    // Looked at once more: only what the unit says counts.
                    Ok(()) => continue,
                    Err(error) => error.into_error(),
                }
            }
            Err(error) => error,
        };
        let (wait, error) = backoff.wait(error)?;
        observer.retrying(&error, wait);
        sleep(wait).await;
    }
}
