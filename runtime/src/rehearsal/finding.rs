//! What was looked at, and what was seen.

use serde::Serialize;

/// What is looked at, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// `open` goes well.
    Opens,
    /// The sample goes through.
    Delivers,
    /// Each row is staged, rejected or left out.
    AccountsForRows,
    /// The same rows come to the same.
    Repeats,
    /// A fresh instance does the same with later rows.
    ForgetsNothing,
    /// What a call answers is passed on.
    PassesErrorsOn,
    /// After an error a fresh instance does the same as if there had been none.
    StartsOver,
    /// Batches without rows, and epochs without batches.
    TakesNothing,
    /// Many rows.
    TakesMany,
    /// Columns of nulls.
    TakesNulls,
    /// Columns that come, go and change their types.
    TakesOtherColumns,
}

impl Check {
    /// What has to be so.
    pub fn requirement(self) -> &'static str {
        match self {
            Self::Opens => "it opens with its configuration",
            Self::Delivers => "the sample goes through",
            Self::AccountsForRows => "each row is written, rejected or skipped",
            Self::Repeats => "the same rows give the same output",
            Self::ForgetsNothing => "another instance can take over between two epochs",
            Self::PassesErrorsOn => "errors of its calls are passed on",
            Self::StartsOver => "an epoch that failed is written again by a fresh instance",
            Self::TakesNothing => "batches without rows do no harm",
            Self::TakesMany => "many rows at once go through",
            Self::TakesNulls => "nulls do no harm",
            Self::TakesOtherColumns => "columns that come, go or change their type do no harm",
        }
    }
}

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should.
    Right,
    /// It has to be changed.
    Wrong,
    /// It could not be looked at, since something else is wrong.
    Unknown,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub check: Check,
    /// How it looks.
    pub verdict: Verdict,
    /// What was tried, and what came of it; empty where it is right.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub seen: String,
    /// What to change; empty where it is right.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
}

impl Finding {
    pub(super) fn right(check: Check) -> Self {
        Self {
            check,
            verdict: Verdict::Right,
            seen: String::new(),
            help: String::new(),
        }
    }

    pub(super) fn wrong(check: Check, seen: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Wrong,
            seen: seen.into(),
            help: help.into(),
        }
    }

    pub(super) fn unknown(check: Check) -> Self {
        Self {
            check,
            verdict: Verdict::Unknown,
            seen: "not looked at, since something above is wrong".to_owned(),
            help: String::new(),
        }
    }
}
