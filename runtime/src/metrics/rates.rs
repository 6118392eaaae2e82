//! How much per second, lately.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Rates are over so long.
const WINDOW: Duration = Duration::from_secs(10);
/// What happens within this is one entry.
const GRAIN: Duration = Duration::from_millis(500);

/// What has come in the last seconds.
#[derive(Debug)]
pub(super) struct Rates {
    since: Instant,
    entries: VecDeque<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Instant,
    amounts: Amounts,
}

/// Rows and bytes from the source, and rows that became visible.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amounts {
    pub(super) read_rows: f64,
    pub(super) read_bytes: f64,
    pub(super) written_rows: f64,
}

impl Rates {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            entries: VecDeque::new(),
        }
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |entry: &Entry| now.saturating_duration_since(entry.at) > WINDOW;
        while self.entries.front().is_some_and(is_old) {
            self.entries.pop_front();
        }
    }

    pub(super) fn add(&mut self, amounts: Amounts, now: Instant) {
        self.forget(now);
        let last = self.entries.back_mut();
        match last.filter(|entry| now.saturating_duration_since(entry.at) < GRAIN) {
            Some(entry) => {
                entry.amounts.read_rows += amounts.read_rows;
                entry.amounts.read_bytes += amounts.read_bytes;
                entry.amounts.written_rows += amounts.written_rows;
            }
            None => self.entries.push_back(Entry { at: now, amounts }),
        }
    }

    /// Per second; of a younger pipeline over its age.
    pub(super) fn per_second(&mut self, now: Instant) -> Amounts {
        self.forget(now);
        let age = now.saturating_duration_since(self.since);
        let seconds = age.clamp(GRAIN, WINDOW).as_secs_f64();
        let sum = |of: fn(&Amounts) -> f64| {
            let all = self.entries.iter().map(|entry| of(&entry.amounts));
            all.sum::<f64>() / seconds
        };
        Amounts {
            read_rows: sum(|amounts| amounts.read_rows),
            read_bytes: sum(|amounts| amounts.read_bytes),
            written_rows: sum(|amounts| amounts.written_rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let start = Instant::now();
        let mut rates = Rates::new(start);
        let rows = |read_rows: f64| Amounts {
            read_rows,
            ..Amounts::default()
        };
        rates.add(rows(1_000_000.0), start);
        for tenths in 1..=300 {
            rates.add(rows(10.0), start + Duration::from_millis(100) * tenths);
        }
        let now = start + Duration::from_secs(30);
        let found = rates.per_second(now).read_rows;
        assert!((95.0..=105.0).contains(&found), "{found}");
        assert!(rates.entries.len() <= 22, "{}", rates.entries.len());
        let later = now + WINDOW * 2;
        assert_eq!(rates.per_second(later), Amounts::default());
    }
}
