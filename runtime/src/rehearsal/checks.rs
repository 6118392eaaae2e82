//! What is looked at, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use wasm_sink_core::guest::calls::{Call, Word};
use wasm_sink_core::{Result, Rows, SourceBatch};

use super::destination::{Destination, Refusal};
use super::finding::{Check, Finding, Verdict};
use super::life::{Failed, How, Life, live};
use super::rows::{Sample, Variation};
use super::{Rehearsed, Subject};
use crate::comparison::{Comparison, Key, Report};
use crate::stand_in::function;

/// What a destination may answer to any call.
const KINDS: [Word; 5] = [
    Word::Unavailable,
    Word::Throttled,
    Word::Conflict,
    Word::OutcomeUnknown,
    Word::Denied,
];
/// Calls of one kind that are refused.
const REFUSED_CALLS: usize = 3;

/// All of them.
pub(super) async fn all(subject: &Subject, sample: SourceBatch) -> Result<Rehearsed> {
    let begun = Instant::now();
    let sample = Sample::new(sample);
    let batches = sample.batches();
    let destination = Destination::new(subject.connections.keys().cloned());
    let life = live(subject, &destination, &[&batches]).await;
    let mut done = Rehearsed {
        findings: Vec::new(),
        rows: sample.len() as u64,
        written: written(&life),
        rejected: 0,
        skipped: 0,
        fuel_per_row: 0,
        took: begun.elapsed(),
    };
    done.findings.extend(delivers(&life));
    if !done.is_well() {
        done.findings.extend(REST.map(Finding::unknown));
        done.took = begun.elapsed();
        return Ok(done);
    }
    let fuel: u64 = life.epochs.iter().map(|epoch| epoch.fuel).sum();
    done.fuel_per_row = fuel / done.rows.max(1);
    for account in life.epochs.iter().filter_map(|epoch| epoch.account) {
        done.rejected += account.rejected;
        done.skipped += account.skipped;
        done.findings.push(accounts(account));
    }
    let stage = Stage {
        subject,
        sample: &sample,
        batches: &batches,
        life: &life,
        // After the first epoch.
        destination: &destination,
    };
    let repeats = stage.repeats().await;
    // What is another thing each time cannot be held against itself.
    let is_comparable = repeats.verdict == Verdict::Right;
    done.findings.push(repeats);
    done.findings.push(match is_comparable {
        true => stage.forgets_nothing().await,
        false => Finding::unknown(Check::ForgetsNothing),
    });
    done.findings.push(stage.passes_errors_on().await);
    done.findings.push(match is_comparable {
        true => stage.starts_over().await,
        false => Finding::unknown(Check::StartsOver),
    });
    done.findings.push(stage.takes_nothing().await);
    done.findings.push(stage.takes_many().await?);
    done.findings
        .push(stage.takes(Check::TakesNulls, sample.with_nulls()?).await);
    let others = sample.with_other_columns()?;
    done.findings
        .push(stage.takes(Check::TakesOtherColumns, others).await);
    done.took = begun.elapsed();
    Ok(done)
}

/// What is looked at once the sample goes through.
const REST: [Check; 9] = [
    Check::AccountsForRows,
    Check::Repeats,
    Check::ForgetsNothing,
    Check::PassesErrorsOn,
    Check::StartsOver,
    Check::TakesNothing,
    Check::TakesMany,
    Check::TakesNulls,
    Check::TakesOtherColumns,
];

/// Rows that were appended, by table, or sent to a service, which takes all of a rehearsal.
fn written(life: &Life) -> BTreeMap<String, u64> {
    let mut written = BTreeMap::new();
    for call in life.calls().filter(|call| call.answer.is_ok()) {
        if let (Some(target), Some(rows), "append" | "send") =
            (&call.asked.target, &call.rows, function(&call.asked))
        {
            *written.entry(target.name.clone()).or_insert(0) += rows.len() as u64;
        }
    }
    written
}

/// What to do about a failure of any kind.
fn remedy(failed: &Failed) -> &'static str {
    match failed.how {
        How::Answered => {
            "mend what the message names: in the component, its configuration or the sample"
        }
        How::Swallowed => SWALLOWED_HELP,
        How::Trapped => {
            "answer with an error instead of panicking: an error says what to do, a trap costs the instance, and rows \
             that trap alone become dead letters"
        }
        How::Late => {
            "do less in one call, or raise [limits] call_deadline_ms; a component must not wait for anything. It may be a \
             loop that does not end, or work that grows with the square of the rows: lines that it prints show how far \
             it comes"
        }
    }
}

const AS_IT_IS: &str = "take tables as they are: they, and their columns, may have been made by an earlier epoch, or by an \
                        attempt at this one that failed later";
const SWALLOWED_HELP: &str =
    "return the error of the call, or one of your own: answering ok would lose the rows";

fn delivers(life: &Life) -> Vec<Finding> {
    match &life.failure {
        Some(failed) if life.epochs.is_empty() => vec![
            Finding::wrong(Check::Opens, &failed.message, remedy(failed)),
            Finding::unknown(Check::Delivers),
        ],
        Some(failed) => vec![
            Finding::right(Check::Opens),
            Finding::wrong(Check::Delivers, &failed.message, remedy(failed)),
        ],
        None => vec![
            Finding::right(Check::Opens),
            Finding::right(Check::Delivers),
        ],
    }
}

fn accounts(account: wasm_sink_core::Account) -> Finding {
    let told = account.staged + account.rejected + account.skipped;
    if told >= account.taken {
        return Finding::right(Check::AccountsForRows);
    }
    let lost = account.taken - told;
    let rest = match (account.staged, account.rejected, account.skipped) {
        (staged, 0, 0) => format!("{staged} were written"),
        (staged, rejected, 0) => format!("{staged} were written, {rejected} rejected"),
        (staged, rejected, skipped) => {
            format!("{staged} were written, {rejected} rejected, {skipped} skipped")
        }
    };
    Finding::wrong(
        Check::AccountsForRows,
        format!(
            "of {} rows {rest}, and of {lost} nothing was said when `flush` had returned: they would be lost unseen",
            account.taken
        ),
        "write what is held in `flush`; reject rows that cannot be delivered, and say `epoch.skip` of those that are left \
         out on purpose",
    )
}

/// What all checks of a component that works have in common.
struct Stage<'a> {
    subject: &'a Subject,
    sample: &'a Sample,
    batches: &'a [Rows],
    /// Of the first epoch.
    life: &'a Life,
    /// As the first epoch left it.
    destination: &'a Destination,
}

impl Stage<'_> {
    fn empty(&self) -> Destination {
        Destination::new(self.subject.connections.keys().cloned())
    }

    /// A fresh instance with this destination, and the sample.
    async fn again(&self, to: &Destination) -> Life {
        live(self.subject, to, &[self.batches]).await
    }

    async fn repeats(&self) -> Finding {
        let later = self.sample.later().batches();
        let (one, other) = (
            self.again(&self.empty()).await,
            live(self.subject, &self.empty(), &[&later]).await,
        );
        let help = "leave chance, the clock and the number of the instance out of what is written: an epoch that fails is \
                    written again, and must come to the same";
        match difference(one, other, self.sample.len()) {
            None => Finding::right(Check::Repeats),
            Some(seen) => {
                let seen = format!("two instances made something else of the same rows: {seen}");
                Finding::wrong(Check::Repeats, seen, help)
            }
        }
    }

    async fn forgets_nothing(&self) -> Finding {
        let both = live(self.subject, &self.empty(), &[self.batches, self.batches]).await;
        let help = "keep nothing in memory from one epoch to the next that rows depend on, and leave a clock and chance out \
                    of them: an instance is replaced between any two epochs, by a swap, a restart or another process. Rows \
                    that were given before `flush` are gone after it";
        if let Some(failed) = &both.failure {
            let seen = format!("a second epoch failed: {}", failed.message);
            return Finding::wrong(Check::ForgetsNothing, seen, help);
        }
        let fresh = self.again(&self.destination.copy()).await;
        if let Some(failed) = &fresh.failure {
            let seen = format!(
                "a fresh instance fails in the second epoch: {}",
                failed.message
            );
            return Finding::wrong(Check::ForgetsNothing, seen, AS_IT_IS);
        }
        match difference(both, fresh, self.sample.len()) {
            None => Finding::right(Check::ForgetsNothing),
            Some(seen) => {
                let seen = format!(
                    "the second epoch is another one when a fresh instance writes it: {seen}"
                );
                Finding::wrong(Check::ForgetsNothing, seen, help)
            }
        }
    }

    /// Calls to capabilities, as they are counted: the first ones of each function.
    fn refusable(&self) -> Vec<(usize, &Call)> {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let calls = self.life.calls().filter(|call| call.asked.target.is_some());
        calls
            .enumerate()
            .filter(|(_, call)| {
                let times = seen.entry(call.asked.function.as_str()).or_default();
                *times += 1;
                *times <= REFUSED_CALLS
            })
            .collect()
    }

    async fn passes_errors_on(&self) -> Finding {
        for (call, asked) in self.refusable() {
            let function = &asked.asked.function;
            for kind in KINDS {
                let refusing = self.empty().refusing(Refusal { call, kind });
                let life = self.again(&refusing).await;
                let what = format!("`{function}` answered `{}`", word(kind));
                let Some(failed) = &life.failure else {
                    let seen = format!("{what}, and the epoch went well all the same");
                    return Finding::wrong(Check::PassesErrorsOn, seen, SWALLOWED_HELP);
                };
                match failed.how {
                    How::Answered => {}
                    How::Swallowed => {
                        let seen = format!("{what}, and it answered ok");
                        return Finding::wrong(Check::PassesErrorsOn, seen, SWALLOWED_HELP);
                    }
                    How::Trapped | How::Late => {
                        let seen = format!("{what}, and then: {}", failed.message);
                        return Finding::wrong(Check::PassesErrorsOn, seen, remedy(failed));
                    }
                }
            }
        }
        Finding::right(Check::PassesErrorsOn)
    }

    async fn starts_over(&self) -> Finding {
        for (call, asked) in self.refusable() {
            let kind = Word::Unavailable;
            let destination = self.empty().refusing(Refusal { call, kind });
            // What it had done to tables stays.
            self.again(&destination).await;
            let after = self.again(&destination.copy()).await;
            let before = self.again(&self.empty()).await;
            let function = &asked.asked.function;
            let seen = match &after.failure {
                Some(failed) => format!(
                    "after `{function}` had failed once, a fresh instance fails: {}",
                    failed.message
                ),
                None => match difference(before, after, self.sample.len()) {
                    None => continue,
                    Some(seen) => {
                        format!(
                            "after `{function}` had failed once, the epoch came to something else: {seen}"
                        )
                    }
                },
            };
            return Finding::wrong(Check::StartsOver, seen, AS_IT_IS);
        }
        Finding::right(Check::StartsOver)
    }

    async fn takes_nothing(&self) -> Finding {
        let none = [self.sample.none()];
        let mut between = self.batches.to_vec();
        between.insert(0, self.sample.none());
        between.push(self.sample.none());
        let tries: [(&str, &[Rows]); 3] = [
            ("an epoch of one batch without rows", &none),
            ("an epoch without batches", &[]),
            ("batches without rows between others", &between),
        ];
        for (what, batches) in tries {
            let life = live(self.subject, &self.destination.copy(), &[batches]).await;
            if let Some(failed) = &life.failure {
                let seen = format!("{what}: {}", failed.message);
                return Finding::wrong(Check::TakesNothing, seen, remedy(failed));
            }
        }
        Finding::right(Check::TakesNothing)
    }

    async fn takes_many(&self) -> Result<Finding> {
        let many = [self.sample.many()?];
        let life = live(self.subject, &self.empty(), &[&many]).await;
        Ok(match &life.failure {
            None => Finding::right(Check::TakesMany),
            Some(failed) => {
                let seen = format!("{} rows in one batch: {}", many[0].len(), failed.message);
                Finding::wrong(Check::TakesMany, seen, remedy(failed))
            }
        })
    }

    /// It may refuse them, in words.
    async fn takes(&self, check: Check, variations: Vec<Variation>) -> Finding {
        for Variation { what, rows } in variations {
            for to in [self.empty(), self.destination.copy()] {
                let life = live(self.subject, &to, &[std::slice::from_ref(&rows)]).await;
                let Some(failed) = life.failure.filter(|failed| failed.how != How::Answered) else {
                    continue;
                };
                let seen = format!("{what}: {}", failed.message);
                return Finding::wrong(check, seen, remedy(&failed));
            }
        }
        Finding::right(check)
    }
}

fn word(kind: Word) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// What differs between the last epochs of two lives.
fn difference(one: Life, other: Life, rows: usize) -> Option<String> {
    if let Some(table) = one.to.differing(&other.to).first() {
        return Some(format!("other columns in the table `{table}`"));
    }
    let mut comparison = Comparison::new(Key::default());
    comparison.epoch(rows as u64, &one.into_last(), &other.into_last());
    let report = comparison.report();
    (!report.is_same()).then(|| described(&report))
}

/// The first thing that differs.
fn described(report: &Report) -> String {
    if let Some(failure) = report.failures.first() {
        let of = |why: &Option<String>| why.clone().unwrap_or_else(|| "it went well".to_owned());
        return format!("{}, and then {}", of(&failure.old), of(&failure.new));
    }
    for table in &report.tables {
        let name = &table.table.name;
        let columns: BTreeSet<&str> = table
            .values
            .iter()
            .map(|column| column.column.as_str())
            .collect();
        if !columns.is_empty() {
            let columns: Vec<_> = columns
                .into_iter()
                .map(|column| format!("`{column}`"))
                .collect();
            return format!(
                "other values in {} of the table `{name}`",
                columns.join(", ")
            );
        }
        if table.rows.old != table.rows.new {
            return format!(
                "{} rows in the table `{name}`, and then {}",
                table.rows.old, table.rows.new
            );
        }
        if table.columns != crate::comparison::Columns::default() {
            return format!("other columns in the table `{name}`");
        }
    }
    if report.rejected_otherwise > 0 {
        return format!("{} rows rejected otherwise", report.rejected_otherwise);
    }
    match report.calls.first() {
        Some(calls) => format!(
            "`{}` {} times, and then {}",
            calls.function, calls.times.old, calls.times.new
        ),
        None => "rows of other records".to_owned(),
    }
}
