//! Reading checkpoints: one file, several parts, and the second version with its sidecars.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, or};
use arrow::json::LineDelimitedWriter;
use futures::TryStreamExt;
use object_store::ObjectMeta;
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::{ParquetObjectReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::schema::types::SchemaDescriptor;
use serde::de::DeserializeOwned;
use wasm_sink_core::{Error, Result};

use super::action::{FileLine, Line, parse_lines};
use super::corrupt;
use super::listing::Checkpoint;
use crate::storage::{TableStorage, storage_error};

/// Protocol, metadata and transactions.
///
/// # Errors
/// The storage's; a checkpoint that is none.
pub(super) async fn read_state(
    storage: &TableStorage,
    checkpoint: &Checkpoint,
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for part in &checkpoint.parts {
        lines.extend(read(storage, part, &["protocol", "metaData", "txn"]).await?);
    }
    Ok(lines)
}

/// The files that stand in the table, and the sidecars that name more of them.
///
/// # Errors
/// As [`read_state`].
pub(super) async fn read_files(
    storage: &TableStorage,
    checkpoint: &Checkpoint,
) -> Result<Vec<FileLine>> {
    let mut lines: Vec<FileLine> = Vec::new();
    for part in &checkpoint.parts {
        lines.extend(read(storage, part, &["add", "sidecar"]).await?);
    }
    let mut of_sidecars = Vec::new();
    for sidecar in lines.iter().filter_map(|line| line.sidecar.as_ref()) {
        let path = format!("_delta_log/_sidecars/{}", sidecar.path);
        let path = object_store::path::Path::from(path);
        let Some(meta) = storage.head(&path).await? else {
            return Err(corrupt(
                &format!("{path} is missing"),
                "a checkpoint names it",
            ));
        };
        of_sidecars.extend(read(storage, &meta, &["add"]).await?);
    }
    lines.extend(of_sidecars);
    Ok(lines)
}

/// The actions of these kinds in one file of a checkpoint.
async fn read<L: DeserializeOwned>(
    storage: &TableStorage,
    file: &ObjectMeta,
    kinds: &[&str],
) -> Result<Vec<L>> {
    let name = file.location.as_ref();
    if name.ends_with(".json") {
        let Some((_, bytes)) = storage.read(&file.location).await? else {
            return Err(corrupt(
                &format!("{name} is missing"),
                "it was there a moment ago",
            ));
        };
        return parse_lines(&bytes, name);
    }
    let damaged = |e: ParquetError| not_read(storage, name, e);
    let reader = ParquetObjectReader::new(Arc::clone(&storage.store), file.location.clone())
        .with_file_size(file.size);
    let builder = ParquetRecordBatchStreamBuilder::new(reader)
        .await
        .map_err(damaged)?;
    let mask = project(builder.parquet_schema(), kinds);
    let mut batches = builder.with_projection(mask).build().map_err(damaged)?;
    let mut lines = Vec::new();
    while let Some(batch) = batches.try_next().await.map_err(damaged)? {
        let text = as_json(&batch)
            .map_err(|e| corrupt(&format!("the checkpoint {name} cannot be read"), e))?;
        if !text.is_empty() {
            lines.extend(parse_lines::<L>(&text, name)?);
        }
    }
    Ok(lines)
}

/// A checkpoint that is damaged, or a storage that did not give it out.
fn not_read(storage: &TableStorage, name: &str, error: ParquetError) -> Error {
    let error = match error {
        ParquetError::External(inner) => match inner.downcast::<object_store::Error>() {
            Ok(inner) => return storage_error(&format!("reading {storage}/{name}"), *inner),
            Err(inner) => ParquetError::External(inner),
        },
        other => other,
    };
    corrupt(&format!("the checkpoint {name} cannot be read"), error)
}

/// Statistics are most of a checkpoint and of no use here.
fn project(schema: &SchemaDescriptor, kinds: &[&str]) -> ProjectionMask {
    let leaves = schema.columns().iter().enumerate().filter(|(_, column)| {
        let parts = column.path().parts();
        let is_kind = parts
            .first()
            .is_some_and(|root| kinds.contains(&root.as_str()));
        let is_statistic = parts.get(1).is_some_and(|field| {
            matches!(
                field.as_str(),
                "stats" | "stats_parsed" | "partitionValues_parsed"
            )
        });
        is_kind && !is_statistic
    });
    ProjectionMask::leaves(schema, leaves.map(|(index, _)| index))
}

/// The rows that hold something, in the form of log entries.
fn as_json(batch: &RecordBatch) -> std::result::Result<Vec<u8>, arrow::error::ArrowError> {
    let mut held = BooleanArray::from(vec![false; batch.num_rows()]);
    for column in batch.columns() {
        held = or(&held, &arrow::compute::is_not_null(column.as_ref())?)?;
    }
    if held.true_count() == 0 {
        return Ok(Vec::new());
    }
    let mut text = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut text);
    writer.write(&filter_record_batch(batch, &held)?)?;
    writer.finish()?;
    debug_assert!(held.null_count() == 0);
    Ok(text)
}
