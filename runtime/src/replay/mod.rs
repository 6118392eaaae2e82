//! A recording lived again: the same instance, or one of another component, without destination or network.

mod life;
mod replies;
mod verdict;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::Serialize;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::comparison::{Comparison, Key, Lived, Report};
use crate::engine::{Engine, Loaded};
use crate::recording::{Header, Recording, list};

pub use life::{Moment, What};
pub use verdict::{Deviation, Verdict};

use life::live;

/// What is to be replayed.
#[derive(Clone, Debug)]
pub struct Request {
    /// A recording, or a folder of them.
    pub path: PathBuf,
    /// Another component than the recorded one.
    pub component: Option<PathBuf>,
    /// Which column names a record in reports.
    pub key: Key,
}

/// What came of one recording.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Replayed {
    /// Which one.
    pub recording: PathBuf,
    /// What was recorded.
    pub header: Header,
    /// Why there is no more of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Call by call, against the recording.
    pub verdict: Verdict,
    /// Value by value, against the recorded component; with another one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// Whoever wants to see what happens while it does.
pub type Watcher<'a> = &'a mut (dyn FnMut(&Header, &Moment) + Send);

/// Replays all that the request names, the oldest first, and tells of each by `done`.
///
/// # Errors
/// There is no recording, it cannot be read, or the component cannot run.
pub async fn replay(
    engine: &Engine,
    request: &Request,
    watcher: Watcher<'_>,
    done: &mut (dyn FnMut(Replayed) + Send),
) -> Result<()> {
    let other = match &request.component {
        Some(path) => Some(engine.load_file(path, None)?),
        None => None,
    };
    for path in list(&request.path)? {
        done(one(engine, &path, other.as_ref(), &request.key, watcher).await?);
    }
    Ok(())
}

async fn one(
    engine: &Engine,
    path: &Path,
    other: Option<&Loaded>,
    key: &Key,
    watcher: Watcher<'_>,
) -> Result<Replayed> {
    let recording = Recording::open(path)?;
    let header = recording.header();
    let recorded = match recording.component()? {
        Some(wasm) => Some(engine.load(&header.component.name, &wasm, None)?),
        None => None,
    };
    let other = other.filter(|other| other.hash() != header.component.hash);
    let subject = match (other, &recorded) {
        (Some(other), _) => other,
        (None, Some(recorded)) => recorded,
        (None, None) => {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Configuration,
                format!(
                    "the component that {} is of ({}) is not in its folder: name one with --component",
                    path.display(),
                    header.component.hash
                ),
            ));
        }
    };
    grantable(subject, header)?;
    let mut verdict = Verdict::default();
    let report = match (other, &recorded) {
        (Some(other), Some(recorded)) => {
            let mut lives = Vec::new();
            let mut keep = |moment: Moment| lives.push(moment);
            live(recorded, &recording, &mut keep).await?;
            let mut comparison = Comparison::new(key.clone());
            let mut before = epochs(lives).into_iter();
            let mut lives = Vec::new();
            let mut keep = |moment: Moment| {
                watcher(header, &moment);
                verdict.take(&moment);
                lives.push(moment);
            };
            live(other, &recording, &mut keep).await?;
            for (rows, new) in epochs(lives) {
                if let Some((_, old)) = before.next() {
                    comparison.epoch(rows, &old, &new);
                }
            }
            Some(comparison.report())
        }
        _ => {
            let mut see = |moment: Moment| {
                watcher(header, &moment);
                verdict.take(&moment);
            };
            live(subject, &recording, &mut see).await?;
            None
        }
    };
    Ok(Replayed {
        recording: path.to_owned(),
        header: header.clone(),
        damage: recording.damage().map(str::to_owned),
        verdict,
        report,
    })
}

/// A component that wants more than the recorded one had cannot be answered.
fn grantable(component: &Loaded, header: &Header) -> Result<()> {
    let connectors = header.connections.values().map(String::as_str).collect();
    match component.missing(&connectors).next() {
        None => Ok(()),
        Some(missing) => Err(Error::new(
            Kind::Denied,
            Blame::Component,
            format!("it cannot be replayed: {}", missing.message()),
        )),
    }
}

/// Moments by their epochs, with how many rows each of these was given. What happened in `open` is the first one's.
fn epochs(moments: Vec<Moment>) -> Vec<(u64, Lived)> {
    let mut epochs: Vec<(u64, Lived)> = vec![(0, Lived::default())];
    for moment in moments {
        let begins = matches!(moment.what, What::Began { .. });
        if begins && epochs.last().is_some_and(|(rows, _)| *rows > 0) {
            epochs.push((0, Lived::default()));
        }
        let Some((rows, lived)) = epochs.last_mut() else {
            continue;
        };
        *rows += moment.rows as u64;
        lived.calls.extend(moment.calls);
        lived.letters.extend(moment.letters);
        lived.elapsed += moment.elapsed;
        lived.fuel += moment.fuel;
        if let Some(told) = moment.now.told() {
            lived.failure.get_or_insert_with(|| told.message.clone());
        }
    }
    epochs
}
