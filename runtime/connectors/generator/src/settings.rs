//! The keys of `[source]`.

use wasm_sink_core::settings::{Problem, Table};

/// More partitions are of no use to anyone.
const MAX_PARTITIONS: u64 = 4096;
/// Rows in one batch at most; a batch counts its rows in 32 bits, and must fit into memory.
const MAX_BATCH_ROWS: u64 = 1 << 20;
const DEFAULT_BATCH_ROWS: usize = 10_000;
/// With a rate, so many batches a second at least: a slow stream is to flow, not to drip.
const BATCHES_PER_SECOND: f64 = 20.0;

/// A validated `[source]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// In all; None: endless.
    pub(crate) rows: Option<u64>,
    pub(crate) partitions: u32,
    /// Rows per second, in all, above 0; None: as fast as they are taken.
    pub(crate) rate: Option<f64>,
    pub(crate) batch_rows: usize,
    pub(crate) seed: u64,
}

impl Settings {
    pub(crate) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let mut reader = table.reader(problems);
        let rows = reader.integer("rows", 0).map(|(rows, _)| rows);
        let partitions = reader.integer_within("partitions", 1..=MAX_PARTITIONS);
        let rate = reader.positive_number("rate");
        let batch_rows = reader.integer_within("batch_rows", 1..=MAX_BATCH_ROWS);
        let seed = reader.integer("seed", 0);
        reader.finish();
        let batch_rows = batch_rows.map_or(DEFAULT_BATCH_ROWS, |(rows, _)| rows as usize);
        let settings = Self {
            rows,
            partitions: partitions.map_or(1, |(partitions, _)| partitions as u32),
            rate,
            batch_rows: match rate {
                Some(rate) => {
                    let most = rate / BATCHES_PER_SECOND;
                    batch_rows.min(most.clamp(1.0, MAX_BATCH_ROWS as f64) as usize)
                }
                None => batch_rows,
            },
            seed: seed.map_or(0, |(seed, _)| seed),
        };
        (problems.len() == before).then_some(settings)
    }

    /// Rows of one partition; None: endless. Row i goes to partition i mod partitions.
    pub(crate) fn rows_of(&self, partition: u32) -> Option<u64> {
        let before = u64::from(partition);
        Some(
            self.rows?
                .saturating_sub(before)
                .div_ceil(u64::from(self.partitions)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_sink_core::settings::{Entry, Node, Value, code};

    fn read(entries: &[(&str, i64)]) -> (Option<Settings>, Vec<Problem>) {
        read_values(
            entries
                .iter()
                .map(|(key, value)| (*key, Value::Integer(*value))),
        )
    }

    fn read_values<'a>(
        entries: impl Iterator<Item = (&'a str, Value)>,
    ) -> (Option<Settings>, Vec<Problem>) {
        let entries = entries.map(|(key, value)| Entry {
            key: key.to_owned(),
            key_span: 0..0,
            node: Node { value, span: 0..0 },
        });
        let table = Table {
            entries: entries.collect(),
            span: 0..0,
        };
        let mut problems = Vec::new();
        (Settings::read(&table, &mut problems), problems)
    }

    #[test]
    fn defaults_and_bounds() {
        let (settings, problems) = read(&[]);
        assert_eq!(problems, []);
        let settings = settings.unwrap();
        assert_eq!(
            (settings.rows, settings.partitions, settings.rate),
            (None, 1, None)
        );
        assert_eq!((settings.batch_rows, settings.seed), (10_000, 0));
        assert_eq!(settings.rows_of(0), None);

        let (slow, _) = read(&[("rate", 100)]);
        assert_eq!(slow.unwrap().batch_rows, 5);

        let (slower, _) = read_values([("rate", Value::Float(0.25))].into_iter());
        let slower = slower.unwrap();
        assert_eq!((slower.rate, slower.batch_rows), (Some(0.25), 1));
        for wrong in [0.0, -0.5, f64::INFINITY, f64::NAN] {
            let (none, problems) = read_values([("rate", Value::Float(wrong))].into_iter());
            assert_eq!((none, problems.len()), (None, 1), "{wrong}");
        }

        let (none, problems) = read(&[("partitions", 0), ("rate", -1), ("row", 5)]);
        assert_eq!(none, None);
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [code::BAD_VALUE, code::BAD_VALUE, code::UNKNOWN_KEY]);
    }

    #[test]
    fn partitions_share_all_rows() {
        for rows in 0..20 {
            for partitions in 1..7 {
                let (settings, _) = read(&[("rows", rows), ("partitions", partitions)]);
                let settings = settings.unwrap();
                let each: Vec<_> = (0..partitions as u32)
                    .filter_map(|partition| settings.rows_of(partition))
                    .collect();
                assert_eq!(each.iter().sum::<u64>(), rows as u64);
                assert!(each.is_sorted_by(|one, next| one >= next && one - next <= 1));
            }
        }
    }
}
