//! Shows what the quick start delivered. The table is read with delta-rs and Parquet alone, as any
//! other reader would: nothing of wasm-sink is used here.
//!
//! `quickstart EXAMPLE-FOLDER`

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::json::LineDelimitedWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use buoyant_kernel_derive as _;
use deltalake_core::DeltaTable;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use url::Url;

/// Rows that are read back and shown.
const SHOWN_ROWS: usize = 3;
/// Characters of a dead letter's record that are shown.
const SHOWN_CHARACTERS: usize = 72;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("usage: quickstart EXAMPLE-FOLDER")?;
    let folder = std::fs::canonicalize(folder)?;
    let out = &mut std::io::stdout().lock();
    table(out, &folder.join("lake/orders")).await?;
    dead_letters(out, &folder.join(".wasm-sink/quickstart/dead-letters"))
}

/// Place, size and first rows of the table.
async fn table(out: &mut impl Write, place: &Path) -> Result<(), Box<dyn Error>> {
    let url = Url::from_directory_path(place).map_err(|()| "a path that is no URL")?;
    let table = deltalake_core::open_table(url).await?;
    let files = files(&table)?;
    let rows: i64 = files.iter().map(|file| file.rows).sum();
    let partitions: BTreeSet<_> = files.iter().map(|file| &file.partition).collect();
    let commits = table
        .history(None)
        .await?
        .filter(|commit| commit.operation.as_deref() == Some("WRITE"))
        .count();

    writeln!(out, "\ntable        {}", place.display())?;
    writeln!(out, "rows         {rows}")?;
    writeln!(
        out,
        "partitions   {} days, {} files",
        partitions.len(),
        files.len()
    )?;
    writeln!(out, "commits      {commits}")?;
    if let Some(first) = files
        .iter()
        .min_by_key(|file| (&file.partition, &file.path))
    {
        writeln!(out, "first rows of {}:", first.partition)?;
        let file = File::open(place.join(&first.path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?
            .with_limit(SHOWN_ROWS)
            .build()?;
        for batch in reader {
            let mut lines = LineDelimitedWriter::new(&mut *out);
            lines.write(&batch?)?;
            lines.finish()?;
        }
    }
    Ok(())
}

/// A data file that the table's newest version references.
struct DataFile {
    /// Below the table's place.
    path: String,
    rows: i64,
    /// As "day=2026-03-02".
    partition: String,
}

fn files(table: &DeltaTable) -> Result<Vec<DataFile>, Box<dyn Error>> {
    let adds = table.snapshot()?.add_actions_table(true)?;
    let column = |name: &str| adds.column_by_name(name).ok_or(format!("no column {name}"));
    let paths = arrow::compute::cast(column("path")?, &DataType::Utf8)?;
    let rows = arrow::compute::cast(column("num_records")?, &DataType::Int64)?;
    (0..adds.num_rows())
        .map(|row| {
            Ok(DataFile {
                path: paths.as_string::<i32>().value(row).to_owned(),
                rows: rows.as_primitive::<Int64Type>().value(row),
                partition: partition(&adds, row)?,
            })
        })
        .collect()
}

fn partition(adds: &RecordBatch, row: usize) -> Result<String, Box<dyn Error>> {
    let options = FormatOptions::default();
    let mut parts = Vec::new();
    for (field, values) in adds.schema().fields().iter().zip(adds.columns()) {
        if let Some(name) = field.name().strip_prefix("partition.") {
            let value = ArrayFormatter::try_new(values, &options)?
                .value(row)
                .to_string();
            parts.push(format!("{name}={value}"));
        }
    }
    Ok(parts.join("/"))
}

/// The lines that did not become rows, with where they stand and why.
fn dead_letters(out: &mut impl Write, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut letters = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_none_or(|extension| extension != "jsonl")
            {
                continue;
            }
            let text = std::fs::read_to_string(path)?;
            // The first line tells which commit the file belongs to.
            for line in text.lines().skip(1) {
                letters.push(serde_json::from_str::<Value>(line)?);
            }
        }
    }
    letters.sort_by_key(|letter| letter["line"].as_u64());
    writeln!(
        out,
        "dead letters {} in {}",
        letters.len(),
        folder.display()
    )?;
    for letter in &letters {
        let text = |key: &str| letter[key].as_str().unwrap_or_default();
        writeln!(
            out,
            "  {} line {}: {}",
            text("name"),
            letter["line"],
            text("reason")
        )?;
        let record: String = text("record").chars().take(SHOWN_CHARACTERS).collect();
        writeln!(out, "    {record}")?;
    }
    Ok(())
}
