//! Files of numbered rows, and what must have become of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::json;
use wasm_sink_tests::Case;

use crate::destination::Destination;

/// How many files: each is a partition of its own.
pub const FILES: usize = 3;
/// Every so many lines, one is no JSON. Well below `max_rejected`.
const MALFORMED_EVERY: usize = 490;
/// From this line of a file on, rows have one column more.
pub const WIDER_FROM: usize = 700;

/// What was written so far.
#[derive(Debug, Default)]
pub struct Input {
    rows: usize,
    lines: [usize; FILES],
    malformed: BTreeSet<(String, u64)>,
}

impl Input {
    /// Appends `lines` lines to each file.
    pub fn grow(&mut self, case: &Case, lines: usize) {
        let directory = case.path("input");
        std::fs::create_dir_all(&directory).expect("a folder for the input");
        for file in 0..FILES {
            let name = format!("part-{file}.jsonl");
            let mut text = String::new();
            for _ in 0..lines {
                self.lines[file] += 1;
                let line = self.lines[file];
                if line.is_multiple_of(MALFORMED_EVERY) {
                    self.malformed.insert((name.clone(), line as u64));
                    writeln!(text, "{{\"n\": {line}, oops").expect("a line of text");
                } else {
                    let n = self.rows;
                    self.rows += 1;
                    let wider = if line < WIDER_FROM {
                        ""
                    } else {
                        r#", "late": true"#
                    };
                    writeln!(
                        text,
                        r#"{{"n": {n}, "file": {file}, "text": "row {n}"{wider}}}"#
                    )
                    .expect("a line of text");
                }
            }
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(directory.join(name))
                .expect("an input file");
            file.write_all(text.as_bytes()).expect("an appended line");
        }
    }

    /// # Panics
    /// A row or a dead letter is missing, or there more than once.
    #[track_caller]
    pub fn expect_delivered_once<D: Destination>(
        &self,
        destination: &D,
        case: &Case,
        table: &str,
        pipeline: &str,
    ) {
        let delivered = destination.query_one(
            table,
            "select count(*) as rows, count(distinct n) as distinct_rows, max(n) as last from t",
        );
        let expected =
            json!({ "rows": self.rows, "distinct_rows": self.rows, "last": self.rows - 1 });
        assert_eq!(delivered, expected, "rows in the table {table}");
        self.expect_dead_letters(case, pipeline);
    }

    /// As above, where each file has a table of its own.
    ///
    /// # Panics
    /// A row or a dead letter is missing, elsewhere, or there more than once.
    #[track_caller]
    pub fn expect_each_file_delivered_once<D: Destination>(
        &self,
        destination: &D,
        case: &Case,
        tables: [&str; FILES],
        pipeline: &str,
    ) {
        for (file, table) in tables.into_iter().enumerate() {
            let sql = format!(
                "select count(*) as rows, count(distinct n) as distinct_rows,
                        count(*) filter (where file = {file}) as rows_of_the_file from t"
            );
            let rows = self.lines[file] - self.lines[file] / MALFORMED_EVERY;
            let expected = json!({
                "rows": rows, "distinct_rows": rows, "rows_of_the_file": rows,
            });
            assert_eq!(
                destination.query_one(table, &sql),
                expected,
                "rows in the table {table}"
            );
        }
        self.expect_dead_letters(case, pipeline);
    }

    #[track_caller]
    fn expect_dead_letters(&self, case: &Case, pipeline: &str) {
        let letters = case.dead_letters(pipeline);
        let places: BTreeSet<_> = letters
            .iter()
            .map(|letter| {
                let name = letter.text("name").rsplit('/').next().unwrap_or_default();
                (name.to_owned(), letter.number("line").unwrap_or_default())
            })
            .collect();
        assert_eq!(places, self.malformed, "dead letters");
        assert_eq!(
            letters.len(),
            self.malformed.len(),
            "a dead letter is there twice"
        );
        case.expect_no_pending_dead_letters(pipeline);
    }
}
