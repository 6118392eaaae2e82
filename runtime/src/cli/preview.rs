//! What `run --dry-run` shows.

use std::fmt::Write as _;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use wasm_sink_core::{Blame, Error, Kind, Result, data_type};

use super::numbers::count;
use crate::launch::Preview;

/// The longest value that is shown whole, in characters.
const MAX_VALUE_CHARS: usize = 40;

/// The preview as text.
///
/// # Errors
/// Rows that do not have one schema, which is a fault of the connector.
pub(super) fn render(preview: &Preview) -> Result<String> {
    render_text(preview).map_err(|error| {
        Error::new(Kind::Other, Blame::Host, "cannot show these rows").with_source(error)
    })
}

/// Why something cannot be shown.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

fn render_text(preview: &Preview) -> std::result::Result<String, Failure> {
    let mut out = String::from("The source gives:\n");
    fields(&mut out, &preview.source_schema)?;
    for table in &preview.tables {
        let verb = match table.exists {
            true => "is there already",
            false => "would be created",
        };
        writeln!(out, "\nTable {} {verb}", table.unit)?;
        if !table.partition_by.is_empty() {
            writeln!(out, "  partitioned by {}", table.partition_by.join(", "))?;
        }
        if let Some(first) = table.rows.first() {
            let schema = first.schema();
            fields(&mut out, &schema)?;
            let rows = concat_batches(&schema, &table.rows)?;
            writeln!(
                out,
                "  {} of the first:",
                count(rows.num_rows() as u64, "row")
            )?;
            grid(&mut out, &rows)?;
        }
    }
    if !preview.dead_letters.is_empty() {
        let letters = count(preview.dead_letters.len() as u64, "dead letter");
        writeln!(out, "\n{letters}:")?;
        for reason in &preview.dead_letters {
            writeln!(out, "  {}", visible(reason))?;
        }
    }
    writeln!(out, "\nNothing was written.")?;
    Ok(out)
}

fn fields(out: &mut String, schema: &Schema) -> std::fmt::Result {
    let names: Vec<_> = schema.fields().iter().map(|f| visible(f.name())).collect();
    let width = names.iter().map(|name| name.chars().count()).max();
    for (field, name) in schema.fields().iter().zip(&names) {
        let null = match field.is_nullable() {
            true => "",
            false => " not null",
        };
        let text = data_type::name(field.data_type());
        writeln!(
            out,
            "  {name:width$}  {text}{null}",
            width = width.unwrap_or(0)
        )?;
    }
    Ok(())
}

/// Columns side by side.
pub(super) fn grid(out: &mut String, rows: &RecordBatch) -> std::result::Result<(), Failure> {
    let options = FormatOptions::new().with_null("null");
    let schema = rows.schema();
    let mut columns = Vec::with_capacity(rows.num_columns());
    for (field, values) in schema.fields().iter().zip(rows.columns()) {
        let formatter = ArrayFormatter::try_new(values, &options)?;
        let mut cells = vec![visible(field.name())];
        for row in 0..rows.num_rows() {
            cells.push(cut(&visible(&formatter.value(row).try_to_string()?)));
        }
        columns.push(cells);
    }
    for row in 0..=rows.num_rows() {
        let cells: Vec<_> = columns
            .iter()
            .map(|cells| {
                let width = cells.iter().map(|cell| cell.chars().count()).max();
                format!("{:width$}", cells[row], width = width.unwrap_or(0))
            })
            .collect();
        writeln!(out, "    {}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// Values come from outside: no control character may reach the terminal.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c.is_control() {
            true => char::REPLACEMENT_CHARACTER,
            false => c,
        })
        .collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
