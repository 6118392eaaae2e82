//! `wasm-sink dead-letters list`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use serde::Serialize;
use wasm_sink_core::{CommitId, Result};

use super::Place;
use crate::cli::numbers::{count, grouped};
use crate::cli::status::table::{Align, table};
use crate::cli::terminal::Terminal;
use crate::letters::retry::under_way;
use crate::letters::{Letter, LetterFile, Numbers, files};
use crate::metrics;

/// Kinds that are told apart; those that come later are counted together.
const KINDS: usize = 1000;

/// Arguments of `dead-letters list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// The pipeline.toml of the pipeline
    #[arg(value_name = "PIPELINE")]
    pub(super) pipeline: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// All letters of a pipeline.
#[derive(Debug, Default, Serialize)]
pub(super) struct Listed {
    letters: u64,
    epochs: u64,
    /// Of these: a retry has begun with them, and is not done.
    retried: u64,
    kinds: Vec<Kind>,
}

/// Letters with the same reason, but for numbers and what stands in quotes.
#[derive(Debug, Serialize)]
struct Kind {
    by: String,
    reason: String,
    letters: u64,
    epochs: u64,
    first: String,
    last: String,
    first_written: String,
    last_written: String,
    #[serde(skip)]
    commits: BTreeSet<CommitId>,
}

pub(super) fn list(args: &ListArgs, place: Place<'_>, terminal: &Terminal) -> Result<()> {
    let orders = under_way(place.folder, place.pipeline)?;
    let mut listing = Listing::default();
    for file in files(place.folder)? {
        let Some(letters) = file.open(place.pipeline)? else {
            continue;
        };
        let retried: Vec<Numbers> = orders
            .iter()
            .flat_map(|order| order.of(file.commit))
            .collect();
        for letter in letters {
            let letter = letter?;
            listing.add(&file, &letter);
            if retried.iter().any(|some| some.contains(letter.number)) {
                listing.retried += 1;
            }
        }
    }
    let listed = listing.finish();
    terminal.result(&match args.json {
        // Text and numbers alone.
        true => format!(
            "{}\n",
            serde_json::to_string_pretty(&listed).unwrap_or_default()
        ),
        false => text(&listed, &place),
    });
    Ok(())
}

#[derive(Default)]
pub(super) struct Listing {
    retried: u64,
    kinds: BTreeMap<(String, String), Kind>,
    commits: BTreeSet<CommitId>,
}

impl Listing {
    pub(super) fn add(&mut self, file: &LetterFile, letter: &Letter) {
        let mut key = (letter.by.clone(), metrics::kind(&letter.reason));
        if !self.kinds.contains_key(&key) && self.kinds.len() >= KINDS {
            key.1 = "other reasons".to_owned();
        }
        let (at, written) = (letter.origin.to_string(), utc(file.written));
        let kind = self
            .kinds
            .entry(key)
            .or_insert_with_key(|(by, reason)| Kind {
                by: by.clone(),
                reason: reason.clone(),
                letters: 0,
                epochs: 0,
                first: at.clone(),
                last: String::new(),
                first_written: written.clone(),
                last_written: String::new(),
                commits: BTreeSet::new(),
            });
        kind.letters += 1;
        kind.last = at;
        kind.last_written = written;
        kind.commits.insert(file.commit);
        self.commits.insert(file.commit);
    }

    /// The most frequent first.
    pub(super) fn finish(self) -> Listed {
        let mut kinds: Vec<Kind> = self.kinds.into_values().collect();
        for kind in &mut kinds {
            kind.epochs = kind.commits.len() as u64;
        }
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.letters));
        Listed {
            letters: kinds.iter().map(|kind| kind.letters).sum(),
            epochs: self.commits.len() as u64,
            retried: self.retried,
            kinds,
        }
    }
}

fn utc(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn text(listed: &Listed, place: &Place<'_>) -> String {
    let folder = place.folder.display();
    if listed.kinds.is_empty() {
        return format!("`{}` has no dead letters in {folder}\n", place.pipeline);
    }
    let heads = [
        ("LETTERS", Align::Right),
        ("BY", Align::Left),
        ("EPOCHS", Align::Right),
        ("FIRST", Align::Left),
        ("LAST", Align::Left),
        ("LAST WRITTEN", Align::Left),
        ("REASON", Align::Left),
    ];
    let rows = listed.kinds.iter().map(|kind| {
        vec![
            grouped(kind.letters),
            kind.by.clone(),
            grouped(kind.epochs),
            kind.first.clone(),
            kind.last.clone(),
            kind.last_written.clone(),
            kind.reason.clone(),
        ]
    });
    let mut text = format!(
        "{}\n{} of {} in {folder}\n",
        table(&heads, rows.collect()),
        count(listed.letters, "dead letter"),
        count(listed.epochs, "epoch"),
    );
    if listed.retried > 0 {
        text.push_str(&format!(
            "{} of them are being delivered again; if no retry is running, the next one goes on with them\n",
            grouped(listed.retried)
        ));
    }
    text
}
