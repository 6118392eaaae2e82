//! Faults that the simulation plants, to see that it would find them. Only with the Cargo feature
//! `planted`; a build that ships has none of this.

/// One broken rule of the commit protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Rule 4: an epoch passes when its end is not below the stored position.
    AtLeast,
    /// Rule 7: an attempt without an answer counts as done.
    NoReadBack,
    /// Rule 7: what a lost epoch staged is deleted although it was attempted.
    DeleteAttempted,
    /// Rule 2: positions are read without finishing the last intents.
    LostIntent,
}

/// Rule 4 with `>=`: what a zombie with an epoch of another size slips through.
pub(super) fn admit_at_least(
    positions: &std::collections::BTreeMap<
        wasm_sink_core::PartitionKey,
        wasm_sink_core::home::Stored,
    >,
    epochs: &[wasm_sink_core::home::EpochCommit],
) -> Vec<wasm_sink_core::home::Admission> {
    use wasm_sink_core::home::Admission;
    wasm_sink_core::home::admit(positions, epochs)
        .into_iter()
        .zip(epochs)
        .map(|(admission, epoch)| {
            let passes = epoch.moves.iter().all(|moved| {
                positions
                    .get(&moved.key)
                    .is_none_or(|stored| moved.end >= stored.position)
            });
            match admission {
                Admission::Refused(_) if passes => Admission::Admitted,
                other => other,
            }
        })
        .collect()
}
