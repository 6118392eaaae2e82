//! Dead letters by their reason, as many kinds as one can look at.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use wasm_sink_core::DeadLetter;
use wasm_sink_core::dead_letter::RefusedBy;

/// Kinds that are told apart; those that come later are counted together.
const KINDS: usize = 50;
/// Characters of a reason that tell kinds apart.
const REASON_CHARS: usize = 400;

/// Counts since the pipeline was started.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    kinds: BTreeMap<(&'static str, String), Refused>,
}

/// Letters of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) by: RefusedBy,
    /// What they have in common. Numbers are left out.
    pub(super) reason: String,
    pub(super) count: u64,
    /// The latest one's own words.
    pub(super) last_reason: String,
    /// Where it stood.
    pub(super) last: String,
    pub(super) at: DateTime<Utc>,
}

impl Refusals {
    pub(super) fn add(&mut self, letters: &[DeadLetter], at: DateTime<Utc>) {
        for letter in letters {
            let mut key = (letter.by.as_str(), kind(&letter.reason));
            if !self.kinds.contains_key(&key) && self.kinds.len() >= KINDS {
                key.1 = "other reasons".to_owned();
            }
            let reason = key.1.clone();
            let kind = self.kinds.entry(key).or_insert_with(|| Refused {
                by: letter.by,
                reason,
                count: 0,
                last_reason: String::new(),
                last: String::new(),
                at,
            });
            kind.count += 1;
            kind.at = at;
        }
        // Text for the last one alone: there may be very many.
        if let Some(letter) = letters.last() {
            let key = (letter.by.as_str(), kind(&letter.reason));
            if let Some(kind) = self.kinds.get_mut(&key) {
                kind.last_reason = cut(&letter.reason);
                kind.last = letter.origin.to_string();
            }
        }
    }

    /// The most frequent first.
    pub(super) fn sorted(&self) -> Vec<Refused> {
        let mut kinds: Vec<Refused> = self.kinds.values().cloned().collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        kinds
    }
}

fn cut(text: &str) -> String {
    text.chars().take(REASON_CHARS).collect()
}

/// Words whose digits belong to them, as in `utf8`.
const TYPES: [&str; 6] = ["utf", "int", "float", "date", "time", "decimal"];

/// A reason without what differs from row to row: digits, and what stands in quotes.
pub(crate) fn kind(reason: &str) -> String {
    let mut kind = String::new();
    let mut quote = None;
    let mut is_in_type = false;
    for character in reason.chars() {
        match quote {
            Some(open) if character == open => {
                quote = None;
                kind.push('…');
                kind.push(character);
            }
            Some(_) => {}
            None if character == '"' => {
                quote = Some(character);
                kind.push(character);
            }
            None if character.is_ascii_digit() && !is_in_type => {
                if !kind.ends_with('#') {
                    kind.push('#');
                }
            }
            None => kind.push(character),
        }
        is_in_type = match character.is_ascii_digit() {
            true => is_in_type,
            false => TYPES.iter().any(|name| kind.ends_with(name)),
        };
        if kind.len() >= REASON_CHARS {
            break;
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wasm_sink_core::PartitionKey;
    use wasm_sink_core::dead_letter::{Kept, RowOrigin};

    use super::*;

    fn letter(line: u64, reason: &str) -> DeadLetter {
        DeadLetter {
            key: PartitionKey::new("s", "0"),
            origin: RowOrigin {
                name: "a.csv".to_owned(),
                line: Some(line),
                offset: None,
            },
            position: None,
            by: RefusedBy::Host,
            reason: reason.to_owned(),
            record: Bytes::new(),
            kept: Kept::Nothing,
        }
    }

    #[test]
    fn what_differs_from_row_to_row_is_one_kind() {
        let mut refusals = Refusals::default();
        let letters: Vec<_> = (0..1_000)
            .map(|row| {
                letter(
                    row,
                    &format!("column `n`: \"x{row}\" is no int64 (row {row})"),
                )
            })
            .collect();
        refusals.add(&letters, Utc::now());
        let [kind] = &refusals.sorted()[..] else {
            panic!("{:?}", refusals.sorted());
        };
        assert_eq!(kind.count, 1_000);
        assert_eq!(kind.reason, "column `n`: \"…\" is no int64 (row #)");
        assert_eq!(kind.last, "a.csv line 999");
        assert!(kind.last_reason.contains("\"x999\""));
    }

    #[test]
    fn kinds_are_bounded() {
        let mut refusals = Refusals::default();
        let letters: Vec<_> = (0..10_000_u32)
            .map(|row| letter(0, &char::from_u32(0x4e00 + row).unwrap().to_string()))
            .collect();
        refusals.add(&letters, Utc::now());
        let kinds = refusals.sorted();
        assert_eq!(kinds.len(), KINDS + 1);
        assert_eq!(kinds.iter().map(|kind| kind.count).sum::<u64>(), 10_000);
        assert_eq!(kinds[0].reason, "other reasons");
    }
}
