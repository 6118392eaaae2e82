//! Writing checkpoints, so that readers need not go through all of a log.

use std::sync::Arc;
use std::time::Duration;

use deltalake_core::DeltaTable;
use deltalake_core::logstore::{StorageConfig, default_logstore};
use deltalake_core::table::builder::DeltaTableConfig;
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::log::Snapshot;
use crate::log::action::Metadata;
use crate::storage::{TableStorage, presentable};

/// Commits between checkpoints, unless the table says otherwise.
const DEFAULT_INTERVAL: u64 = 10;
/// Beyond this the checkpoint is left to a later commit.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Whether a checkpoint is due after this version.
pub(crate) fn is_due(metadata: &Metadata, version: u64) -> bool {
    let interval = metadata
        .configuration
        .get("delta.checkpointInterval")
        .and_then(|value| value.as_deref()?.parse().ok())
        .filter(|interval| *interval > 0)
        .unwrap_or(DEFAULT_INTERVAL);
    version > 0 && version.is_multiple_of(interval)
}

/// Writes the checkpoint of a version. A log without it is as good, only longer to read, so
/// failing is a warning.
pub(crate) async fn write(storage: &TableStorage, base: &Snapshot, version: u64) {
    if base.schema.is_empty() {
        return;
    }
    Step::Checkpointing.reached();
    let outcome = match tokio::time::timeout(TIMEOUT, try_write(storage, version)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::new(
            Kind::Unavailable,
            Blame::Destination,
            format!("it was not done after {} s", TIMEOUT.as_secs()),
        )),
    };
    if let Err(error) = outcome {
        tracing::warn!(table = %storage, version, %error, "no checkpoint could be written");
    }
}

async fn try_write(storage: &TableStorage, version: u64) -> Result<()> {
    let failed = |e: deltalake_core::DeltaTableError| {
        let message = format!("the checkpoint writer failed: {}", presentable(&e));
        Error::new(Kind::Other, Blame::Destination, message)
    };
    let log_store = default_logstore(
        Arc::clone(&storage.store),
        Arc::clone(&storage.root),
        &storage.url,
        &StorageConfig::default(),
    );
    let config = DeltaTableConfig {
        require_files: false,
        ..DeltaTableConfig::default()
    };
    let mut table = DeltaTable::new(log_store, config);
    // A task of its own: what panics in a library there does not end the pipeline.
    let task = tokio::spawn(async move {
        table.load_version(version).await?;
        deltalake_core::checkpoints::create_checkpoint(&table, None).await
    });
    task.await
        .map_err(|e| {
            Error::new(Kind::Other, Blame::Host, "the checkpoint writer died").with_source(e)
        })?
        .map_err(failed)
}
