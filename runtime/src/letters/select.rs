//! Which letters are meant.

use wasm_sink_core::CommitId;
use wasm_sink_core::dead_letter::RefusedBy;

use super::{Letter, LetterFile};

/// All letters that fit each of these that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// A part of the reason.
    pub reason: Option<String>,
    /// Who refused them.
    pub by: Option<RefusedBy>,
    /// The epoch that they are of.
    pub commit: Option<CommitId>,
}

impl Selection {
    /// Whether letters of the file may be among them.
    pub fn takes_from(&self, file: &LetterFile) -> bool {
        self.commit.is_none_or(|commit| commit == file.commit)
    }

    /// Whether the letter is among them, if its file is.
    pub fn takes(&self, letter: &Letter) -> bool {
        self.by.is_none_or(|by| by.as_str() == letter.by)
            && self
                .reason
                .as_ref()
                .is_none_or(|reason| letter.reason.contains(reason))
    }
}
