//! What a component does, and what has to come of it.

use std::borrow::Cow;

use wasm_sink_core::error::{Blame, Error, Kind};

use super::guest::Guest;

/// One line of the corpus.
pub struct Case {
    /// Short and unique.
    pub name: String,
    /// What is loaded.
    pub component: Bytes,
    /// What has to come of it.
    pub expected: Expected,
    /// Linear memory that it may have, where that is not little.
    pub memory_bytes: Option<usize>,
    /// How often it lives.
    pub times: Times,
}

/// How often a component lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// In every round.
    EachRound,
    /// It takes a second.
    Once,
}

/// What is loaded.
pub enum Bytes {
    /// A guest of the contract.
    Guest(Box<Guest>),
    /// Whatever stands there.
    Raw(Vec<u8>),
}

/// What has to come of a component.
pub enum Expected {
    /// It ends well: what it tried is of no use to it.
    Harmless,
    /// An error like this.
    Refused {
        /// What happens next.
        kind: Kind,
        /// Whose fault it is.
        blame: Blame,
        /// What the message has to hold.
        says: &'static [&'static str],
    },
}

/// A component that fails by its own fault.
pub fn fails(name: &str, guest: Guest, says: &'static [&'static str]) -> Case {
    refused(name, guest, Kind::Other, says)
}

/// The same with another kind of error.
pub fn refused(name: &str, guest: Guest, kind: Kind, says: &'static [&'static str]) -> Case {
    let blame = Blame::Component;
    Case {
        name: name.to_owned(),
        component: Bytes::Guest(Box::new(guest)),
        expected: Expected::Refused { kind, blame, says },
        memory_bytes: None,
        times: Times::EachRound,
    }
}

/// A component whose attempt comes to nothing.
pub fn harmless(name: &str, guest: Guest) -> Case {
    Case {
        name: name.to_owned(),
        component: Bytes::Guest(Box::new(guest)),
        expected: Expected::Harmless,
        memory_bytes: None,
        times: Times::EachRound,
    }
}

/// Bytes that do not load.
pub fn unloadable(name: &str, wasm: Vec<u8>, blame: Blame, says: &'static [&'static str]) -> Case {
    let kind = Kind::Invalid;
    Case {
        name: name.to_owned(),
        component: Bytes::Raw(wasm),
        expected: Expected::Refused { kind, blame, says },
        memory_bytes: None,
        times: Times::EachRound,
    }
}

impl Case {
    /// The same, once, with so much memory.
    pub fn once_with(self, memory_bytes: usize) -> Self {
        Self {
            memory_bytes: Some(memory_bytes),
            times: Times::Once,
            ..self
        }
    }

    /// The bytes of the component.
    pub fn wasm(&self) -> Cow<'_, [u8]> {
        match &self.component {
            Bytes::Guest(guest) => guest.build().into(),
            Bytes::Raw(wasm) => wasm.into(),
        }
    }

    /// Whether it is something else than the deadline that ends it.
    pub fn ends_by_itself(&self) -> bool {
        match self.expected {
            Expected::Harmless => true,
            Expected::Refused { says, .. } => {
                !says.iter().any(|word| word.contains("call_deadline_ms"))
            }
        }
    }

    /// What is wrong with an outcome.
    pub fn judge(&self, outcome: Result<(), Error>) -> Result<(), String> {
        let name = &self.name;
        match (&self.expected, outcome) {
            (Expected::Harmless, Ok(())) => Ok(()),
            (Expected::Harmless, Err(error)) => Err(format!("{name}: should do no harm: {error}")),
            (Expected::Refused { .. }, Ok(())) => Err(format!("{name}: went well")),
            (Expected::Refused { kind, blame, says }, Err(error)) => {
                let text = error.to_string();
                let missing: Vec<_> = says.iter().filter(|word| !text.contains(**word)).collect();
                if (error.kind(), error.blame()) == (*kind, *blame) && missing.is_empty() {
                    return Ok(());
                }
                Err(format!(
                    "{name}: {:?} by {:?}, expected {kind:?} by {blame:?}; without {missing:?}: {text}",
                    error.kind(),
                    error.blame()
                ))
            }
        }
    }
}
