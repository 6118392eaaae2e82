//! Two components on the same rows: what would differ in the destination, by table and column, and for which records.

mod columns;
mod matching;
mod report;
mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use wasm_sink_core::guest::calls::{Call, Target};
use wasm_sink_core::{DeadLetter, Rows};

pub use report::{
    Calls, ColumnDifference, Columns, Differing, Ended, Example, Pair, RejectedRow, Report, Table,
};

use columns::Differences;
use matching::{Matched, matched};

/// Examples that are kept of each difference.
const EXAMPLES: usize = 10;
/// What calls say that is no output: their lines are for people.
const UNCOMPARED: [&str; 2] = ["log.write", "epoch.commit-within"];
/// Calls whose rows are compared one by one.
const APPEND: &str = ".append";
/// A question, which changes nothing.
const FIELDS: &str = ".fields";

/// What one component did with an epoch.
#[derive(Debug, Default)]
pub struct Lived {
    /// What it asked for.
    pub calls: Vec<Call>,
    /// Rows that it, or the host for it, rejected.
    pub letters: Vec<DeadLetter>,
    /// How it failed, if it did.
    pub failure: Option<String>,
    /// How long its calls took.
    pub elapsed: Duration,
    /// Fuel that they took; 0 where it was not counted.
    pub fuel: u64,
}

/// Which column names a record for people, beside its place in the source.
#[derive(Clone, Debug, Default)]
pub struct Key(pub Option<String>);

/// Adds up what differs.
#[derive(Debug)]
pub struct Comparison {
    key: Key,
    report: Report,
    tables: BTreeMap<Target, Differences>,
}

impl Comparison {
    /// Of nothing yet.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            report: Report::default(),
            tables: BTreeMap::new(),
        }
    }

    /// Adds an epoch of so many rows.
    pub fn epoch(&mut self, rows: u64, old: &Lived, new: &Lived) {
        let report = &mut self.report;
        report.epochs += 1;
        report.rows += rows;
        report.elapsed_us.old += micros(old.elapsed);
        report.elapsed_us.new += micros(new.elapsed);
        // One that is counted has taken some.
        if old.fuel > 0 && new.fuel > 0 {
            let fuel = report.fuel.get_or_insert_default();
            fuel.old += old.fuel;
            fuel.new += new.fuel;
        }
        if old.failure.is_some() || new.failure.is_some() {
            report.failed.old += u64::from(old.failure.is_some());
            report.failed.new += u64::from(new.failure.is_some());
            if report.failures.len() < EXAMPLES {
                report.failures.push(Ended {
                    epoch: report.epochs,
                    old: old.failure.clone(),
                    new: new.failure.clone(),
                });
            }
        }
        self.letters(&old.letters, &new.letters);
        self.other_calls(old, new);
        // Half an epoch is not to be held against a whole one.
        if old.failure.is_none() && new.failure.is_none() {
            self.rows(old, new);
        }
    }

    /// What was found.
    pub fn report(self) -> Report {
        let tables = self.tables.into_iter();
        Report {
            tables: tables.map(|(target, found)| found.table(target)).collect(),
            ..self.report
        }
    }

    fn letters(&mut self, old: &[DeadLetter], new: &[DeadLetter]) {
        let report = &mut self.report;
        report.rejected.old += old.len() as u64;
        report.rejected.new += new.len() as u64;
        let by_identity = |letters: &[DeadLetter]| -> BTreeMap<String, (String, String)> {
            let row = |letter: &DeadLetter| (letter.origin.to_string(), letter.reason.clone());
            let letters = letters.iter();
            letters
                .map(|letter| (letter.identity(), row(letter)))
                .collect()
        };
        let (old, new) = (by_identity(old), by_identity(new));
        let identities: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for identity in identities {
            let (before, now) = (old.get(identity), new.get(identity));
            if before == now {
                continue;
            }
            report.rejected_otherwise += 1;
            if report.rejections.len() < EXAMPLES
                && let Some((record, _)) = before.or(now)
            {
                report.rejections.push(RejectedRow {
                    record: record.clone(),
                    old: before.map(|(_, reason)| reason.clone()),
                    new: now.map(|(_, reason)| reason.clone()),
                });
            }
        }
    }

    /// What else changes a destination, and what leaves rows out.
    fn other_calls(&mut self, old: &Lived, new: &Lived) {
        let mut counts: BTreeMap<(String, Option<Target>, String), Pair> = BTreeMap::new();
        let mut count = |calls: &[Call], pick: fn(&mut Pair) -> &mut u64| {
            for call in calls {
                let function = call.asked.function.as_str();
                let is_compared = !UNCOMPARED.contains(&function)
                    && !function.ends_with(APPEND)
                    && !function.ends_with(FIELDS);
                if function == "epoch.skip" || is_compared {
                    let (arguments, times) = match (function, call.asked.arguments.get(1)) {
                        // So many rows for one reason.
                        ("epoch.skip", Some(reason)) => (
                            reason.to_string(),
                            call.asked.arguments[0].as_u64().unwrap_or(0),
                        ),
                        _ => (shown(&call.asked.arguments), 1),
                    };
                    let target = call.asked.target.clone();
                    let counted = counts.entry((function.to_owned(), target, arguments));
                    *pick(counted.or_default()) += times;
                }
            }
        };
        count(&old.calls, |pair| &mut pair.old);
        count(&new.calls, |pair| &mut pair.new);
        for ((function, target, arguments), times) in counts {
            if times.old == times.new {
                continue;
            }
            let known = self.report.calls.iter_mut().find(|known| {
                known.function == function && known.target == target && known.arguments == arguments
            });
            match known {
                Some(known) => {
                    known.times.old += times.old;
                    known.times.new += times.new;
                }
                None => self.report.calls.push(Calls {
                    function,
                    target,
                    arguments,
                    times,
                }),
            }
        }
    }

    fn rows(&mut self, old: &Lived, new: &Lived) {
        let (old, new) = (appended(&old.calls), appended(&new.calls));
        let targets: BTreeSet<&Target> = old.keys().chain(new.keys()).copied().collect();
        for target in targets {
            let none = Vec::new();
            let old = old.get(target).unwrap_or(&none);
            let new = new.get(target).unwrap_or(&none);
            let found = self.tables.entry(target.clone()).or_default();
            let Matched {
                pairs,
                only_old,
                only_new,
            } = matched(old, new);
            found.appended(old, new);
            found.unmatched(old, &only_old, new, &only_new, &self.key);
            found.values(old, new, &pairs, &self.key);
        }
    }
}

fn micros(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

fn shown(arguments: &Value) -> String {
    match arguments {
        Value::Null => String::new(),
        arguments => arguments.to_string(),
    }
}

/// The rows of each table that were accepted, in order.
fn appended(calls: &[Call]) -> BTreeMap<&Target, Vec<&Rows>> {
    let mut appended: BTreeMap<&Target, Vec<&Rows>> = BTreeMap::new();
    for call in calls {
        if let (Some(target), Some(rows), Ok(_)) = (&call.asked.target, &call.rows, &call.answer)
            && call.asked.function.ends_with(APPEND)
        {
            appended.entry(target).or_default().push(rows);
        }
    }
    appended
}
