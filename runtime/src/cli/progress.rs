//! The line on a terminal that says how a run goes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::numbers::{bytes, count, duration, grouped};
use super::terminal::Terminal;
use crate::metrics::{Metrics, Phase, Snapshot};

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(200);
/// Rates are over so many of the latest ticks.
const WINDOW_TICKS: usize = 15;

/// Draws the line until it is dropped.
#[derive(Debug)]
pub struct Progress {
    task: JoinHandle<()>,
    terminal: Terminal,
}

impl Progress {
    /// Begins to draw; must be called within a Tokio runtime. None where nobody would see it.
    pub fn start(pipelines: Vec<Arc<Metrics>>, terminal: &Terminal) -> Option<Self> {
        if !terminal.is_interactive {
            return None;
        }
        let shown = terminal.clone();
        let task = tokio::spawn(async move {
            let mut rates = Rates::default();
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let snapshots: Vec<_> = pipelines
                    .iter()
                    .map(|metrics| (metrics.pipeline(), metrics.snapshot()))
                    .collect();
                let all = together(&snapshots);
                rates.add(&all);
                let text = line(&all, &rates);
                shown.set_status(&match &snapshots[..] {
                    [_] => text,
                    several => format!("{} | {text}", how_many(several)),
                });
            }
        });
        Some(Self {
            task,
            terminal: terminal.clone(),
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        self.terminal.set_status("");
    }
}

/// Several pipelines as one: their rows, the latest commit, and of what fails the first.
fn together(snapshots: &[(&str, Snapshot)]) -> Snapshot {
    let sum = |of: fn(&Snapshot) -> u64| snapshots.iter().map(|(_, one)| of(one)).sum();
    let failing = snapshots.iter().find(|(_, one)| one.phase.is_failing());
    Snapshot {
        phase: failing.map_or(Phase::Running, |(_, one)| one.phase),
        records_read: sum(|one| one.records_read),
        bytes_read: sum(|one| one.bytes_read),
        records_written: sum(|one| one.records_written),
        bytes_written: sum(|one| one.bytes_written),
        commits: sum(|one| one.commits),
        dead_letters: sum(|one| one.dead_letters),
        retries: sum(|one| one.retries),
        elapsed: snapshots
            .iter()
            .map(|(_, one)| one.elapsed)
            .max()
            .unwrap_or_default(),
        since_commit: snapshots
            .iter()
            .filter_map(|(_, one)| one.since_commit)
            .min(),
        last_error: failing.and_then(|(name, one)| {
            let error = one.last_error.as_ref()?;
            Some(match snapshots.len() {
                1 => error.clone(),
                _ => format!("{name}: {error}"),
            })
        }),
    }
}

/// "3 pipelines, 1 failed".
fn how_many(snapshots: &[(&str, Snapshot)]) -> String {
    let mut parts = vec![count(snapshots.len() as u64, "pipeline")];
    for phase in [Phase::Failed, Phase::Retrying, Phase::Finished] {
        let of = snapshots.iter().filter(|(_, one)| one.phase == phase);
        match of.count() {
            0 => {}
            number => parts.push(format!("{number} {}", phase.as_str())),
        }
    }
    parts.join(", ")
}

/// Rows and bytes read per second, lately.
#[derive(Debug, Default)]
struct Rates {
    window: VecDeque<(Duration, u64, u64)>,
}

impl Rates {
    fn add(&mut self, snapshot: &Snapshot) {
        self.window
            .push_back((snapshot.elapsed, snapshot.records_read, snapshot.bytes_read));
        if self.window.len() > WINDOW_TICKS {
            self.window.pop_front();
        }
    }

    /// None before the second tick.
    fn per_second(&self) -> Option<(f64, f64)> {
        let (first, last) = (self.window.front()?, self.window.back()?);
        let seconds = (last.0.checked_sub(first.0)?).as_secs_f64();
        (seconds > 0.0).then(|| {
            (
                last.1.saturating_sub(first.1) as f64 / seconds,
                last.2.saturating_sub(first.2) as f64 / seconds,
            )
        })
    }
}

fn line(snapshot: &Snapshot, rates: &Rates) -> String {
    let mut parts = vec![format!(
        "{} committed",
        count(snapshot.records_written, "row")
    )];
    if let Some((rows, read)) = rates.per_second() {
        parts.push(format!("{} rows/s", grouped(rows.round() as u64)));
        parts.push(format!("{}/s", bytes(read)));
    }
    parts.push(match snapshot.since_commit {
        Some(since) => format!("last commit {} ago", duration(since)),
        None => "no commit so far".to_owned(),
    });
    if snapshot.dead_letters > 0 {
        parts.push(count(snapshot.dead_letters, "dead letter"));
    }
    if let (Phase::Retrying, Some(error)) = (snapshot.phase, &snapshot.last_error) {
        let first = error.lines().next().unwrap_or_default();
        parts.push(format!("trying again: {first}"));
    }
    parts.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(seconds: u64, rows: u64) -> Snapshot {
        Snapshot {
            phase: Phase::Running,
            records_read: rows,
            bytes_read: rows * 150,
            records_written: rows / 2,
            bytes_written: 0,
            commits: 1,
            dead_letters: 0,
            retries: 0,
            elapsed: Duration::from_secs(seconds),
            since_commit: None,
            last_error: None,
        }
    }

    #[test]
    fn the_line_says_how_it_goes() {
        let mut rates = Rates::default();
        let first = snapshot(0, 0);
        rates.add(&first);
        assert_eq!(line(&first, &rates), "0 rows committed | no commit so far");
        let mut second = snapshot(2, 824_000);
        second.since_commit = Some(Duration::from_millis(800));
        second.dead_letters = 3;
        rates.add(&second);
        assert_eq!(
            line(&second, &rates),
            "412,000 rows committed | 412,000 rows/s | 61.8 MB/s | last commit 0.8 s ago | \
             3 dead letters"
        );
        second.phase = Phase::Retrying;
        second.last_error = Some("the lake is away\nreally".to_owned());
        assert!(line(&second, &rates).ends_with("trying again: the lake is away"));
    }

    #[test]
    fn several_pipelines_have_one_line() {
        let mut bad = snapshot(2, 10);
        bad.phase = Phase::Failed;
        bad.last_error = Some("no such table".to_owned());
        let all = [("good", snapshot(2, 100)), ("bad", bad)];
        assert_eq!(how_many(&all), "2 pipelines, 1 failed");
        let one = together(&all);
        assert_eq!((one.records_read, one.phase), (110, Phase::Failed));
        assert_eq!(one.last_error.as_deref(), Some("bad: no such table"));
        let mut alone = snapshot(1, 1);
        alone.phase = Phase::Retrying;
        alone.last_error = Some("away".to_owned());
        assert_eq!(
            together(&[("p", alone)]).last_error.as_deref(),
            Some("away")
        );
    }

    #[test]
    fn rates_forget_what_is_long_ago() {
        let mut rates = Rates::default();
        rates.add(&snapshot(0, 1_000_000));
        for second in 1..=WINDOW_TICKS as u64 {
            rates.add(&snapshot(second, 1_000_000 + second));
        }
        assert_eq!(rates.per_second().map(|(rows, _)| rows), Some(1.0));
    }
}
