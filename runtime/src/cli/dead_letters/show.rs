//! `wasm-sink dead-letters show`.

use std::path::PathBuf;

use annotate_snippets::normalize_untrusted_str;
use clap::Args;
use wasm_sink_core::{CommitId, Result};

use super::{Chosen, Place};
use crate::cli::numbers::grouped;
use crate::cli::terminal::Terminal;
use crate::letters::{Letter, files};

/// Letters that are shown where nobody says how many.
const LETTERS: u64 = 20;
/// Characters of a record that are shown.
const RECORD_CHARS: usize = 200;

/// Arguments of `dead-letters show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The pipeline.toml of the pipeline
    #[arg(value_name = "PIPELINE")]
    pub(super) pipeline: PathBuf,
    #[command(flatten)]
    chosen: Chosen,
    /// How many at most; without it 20, and all with --json
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Whole, as JSON, one a line
    #[arg(long)]
    json: bool,
}

pub(super) fn show(args: &ShowArgs, place: Place<'_>, terminal: &Terminal) -> Result<()> {
    let selection = args.chosen.selection();
    let limit = args.limit.unwrap_or(match args.json {
        true => u64::MAX,
        false => LETTERS,
    });
    let mut found = 0;
    for file in files(place.folder)? {
        if !selection.takes_from(&file) {
            continue;
        }
        let Some(letters) = file.open(place.pipeline)? else {
            continue;
        };
        for letter in letters {
            let letter = letter?;
            if !selection.takes(&letter) {
                continue;
            }
            found += 1;
            if found <= limit {
                terminal.result(&match args.json {
                    true => line(file.commit, &letter),
                    false => text(file.commit, &letter),
                });
            } else if args.json {
                return Ok(());
            }
        }
    }
    if found == 0 {
        terminal.note(&format!(
            "`{}` has no such dead letters in {}\n",
            place.pipeline,
            place.folder.display()
        ));
    } else if found > limit {
        terminal.note(&format!(
            "and {} more: see them with --limit or --json\n",
            grouped(found - limit)
        ));
    }
    Ok(())
}

/// The line as it stands, with its epoch before everything.
pub(super) fn line(commit: CommitId, letter: &Letter) -> String {
    let rest = letter.text.trim_start().strip_prefix('{');
    format!("{{\"commit\":\"{commit}\",{}\n", rest.unwrap_or_default())
}

pub(super) fn text(commit: CommitId, letter: &Letter) -> String {
    let one_line = |text: &str| normalize_untrusted_str(text).replace('\n', " ");
    let whole = letter.record.shown();
    let mut record: String = whole.chars().take(RECORD_CHARS).collect();
    if record.len() < whole.len() {
        record.push('…');
    }
    format!(
        "{}\n  refused by {}: {}\n  epoch {commit}\n  {}\n",
        one_line(&letter.origin.to_string()),
        one_line(&letter.by),
        one_line(&letter.reason),
        one_line(&record)
    )
}
