//! A report as a person reads it.

use std::fmt::Write as _;

use wasm_sink_core::guest::calls::Target;

use super::report::{Differing, Pair, Report, Table};

impl Report {
    /// As lines. `old` and `new` are what the two components are called.
    pub fn text(&self, old: &str, new: &str) -> String {
        let mut out = String::new();
        let _ = self.write(&mut out, old, new);
        out
    }

    fn write(&self, out: &mut String, old: &str, new: &str) -> std::fmt::Result {
        writeln!(
            out,
            "{} in {}, by {old} (-) and {new} (+)",
            counted(self.rows, "row"),
            counted(self.epochs, "epoch")
        )?;
        if self.is_same() {
            writeln!(out, "the destination would be the same")?;
        }
        if self.failed.old + self.failed.new > 0 {
            writeln!(out, "failed epochs: {}", pair(self.failed))?;
        }
        for failure in &self.failures {
            writeln!(out, "  epoch {}", failure.epoch)?;
            sides(
                out,
                "    ",
                failure.old.as_deref(),
                failure.new.as_deref(),
                "ok",
            )?;
        }
        if self.rejected_otherwise > 0 {
            writeln!(
                out,
                "dead letters: {}; {}",
                pair(self.rejected),
                differing(self.rejected_otherwise)
            )?;
        }
        for row in &self.rejections {
            writeln!(out, "  {}", visible(&row.record))?;
            let (old, new) = (row.old.as_deref(), row.new.as_deref());
            sides(out, "    ", old, new, "not rejected")?;
        }
        for calls in &self.calls {
            let target = calls.target.as_ref().map(named).unwrap_or_default();
            writeln!(
                out,
                "{} {target}{}: {}",
                calls.function,
                visible(&calls.arguments),
                pair(calls.times)
            )?;
        }
        for table in &self.tables {
            table.write(out)?;
        }
        if let Some(fuel) = self.fuel_per_row() {
            let ratio = fuel.new as f64 / fuel.old.max(1) as f64;
            writeln!(out, "fuel per row: {} ({ratio:.2} of it)", pair(fuel))?;
        }
        let (old, new) = (self.elapsed_us.old, self.elapsed_us.new);
        let ratio = new as f64 / old.max(1) as f64;
        writeln!(
            out,
            "time in the component: {:.1} ms, then {:.1} ms ({ratio:.2} of it)",
            old as f64 / 1e3,
            new as f64 / 1e3
        )
    }
}

impl Table {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let same = match self.is_same() {
            true => ", all the same",
            false => "",
        };
        writeln!(
            out,
            "table {}: rows {}, in batches {}{same}",
            named(&self.table).trim_end(),
            pair(self.rows),
            pair(self.batches)
        )?;
        for (name, data_type) in &self.columns.only_old {
            writeln!(out, "  - column {} {data_type}", visible(name))?;
        }
        for (name, data_type) in &self.columns.only_new {
            writeln!(out, "  + column {} {data_type}", visible(name))?;
        }
        for (name, old, new) in &self.columns.retyped {
            writeln!(out, "  column {}: {old}, then {new}", visible(name))?;
        }
        for (sign, differing) in [("-", &self.only_old), ("+", &self.only_new)] {
            differing.write(out, sign)?;
        }
        for column in &self.values {
            writeln!(
                out,
                "  column {}: {}",
                visible(&column.column),
                differing(column.rows)
            )?;
            for example in &column.examples {
                let record = visible(&example.record);
                let (old, new) = (visible(&example.old), visible(&example.new));
                writeln!(out, "    {record}: {old}, then {new}")?;
            }
            more(out, column.rows, column.examples.len())?;
        }
        Ok(())
    }
}

impl Differing {
    fn write(&self, out: &mut String, sign: &str) -> std::fmt::Result {
        if self.rows == 0 {
            return Ok(());
        }
        writeln!(
            out,
            "  {sign} {} that the other has not",
            counted(self.rows, "row")
        )?;
        for record in &self.examples {
            writeln!(out, "    {}", visible(record))?;
        }
        more(out, self.rows, self.examples.len())
    }
}

fn more(out: &mut String, rows: u64, shown: usize) -> std::fmt::Result {
    match rows.saturating_sub(shown as u64) {
        0 => Ok(()),
        more => writeln!(out, "    and {more} more"),
    }
}

fn sides(
    out: &mut String,
    indent: &str,
    old: Option<&str>,
    new: Option<&str>,
    otherwise: &str,
) -> std::fmt::Result {
    writeln!(out, "{indent}- {}", visible(old.unwrap_or(otherwise)))?;
    writeln!(out, "{indent}+ {}", visible(new.unwrap_or(otherwise)))
}

fn counted(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

/// "1 row differs", "2 rows differ".
fn differing(rows: u64) -> String {
    match rows {
        1 => "1 row differs".to_owned(),
        rows => format!("{rows} rows differ"),
    }
}

fn pair(pair: Pair) -> String {
    match pair.old == pair.new {
        true => pair.old.to_string(),
        false => format!("{}, then {}", pair.old, pair.new),
    }
}

fn named(target: &Target) -> String {
    format!("{}/{} ", target.connection, target.name)
}

/// Values come from outside: no control character may reach a terminal.
fn visible(text: &str) -> String {
    let shown = |c: char| match c.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.chars().map(shown).collect()
}
