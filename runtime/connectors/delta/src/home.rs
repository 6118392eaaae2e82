//! A table as the home of a pipeline's positions: `txn` actions in the commit that adds the data.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use serde_json::json;
use tokio::time::Instant;
use wasm_sink_core::home::{
    Admission, AttemptError, Base, Commit, CommitPurpose, History, Home, Staging, Winner, admit,
};
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::{Account, Blame, CommitId, Error, Kind, PartitionKey, Result};

use crate::checkpoint;
use crate::entry::{self, EntryBody, Operation};
use crate::log::action::Metadata;
use crate::log::{Found, Snapshot};
use crate::positions::Overwrite;
use crate::protocol;
use crate::schema::TableSchema;
use crate::table::{PutError, Table};
use crate::write::{DataFile, remove};

/// How long readers of a table may rely on files that are no longer, or not yet, part of it.
const DEFAULT_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// A table that keeps removed files for no time at all must still be written to.
const MIN_STAGED_AGE: Duration = Duration::from_secs(600);
/// A version that was read longer ago is not built upon: its successor may have been cleaned up
/// since, and would then seem to be free.
const MAX_BASE_AGE: Duration = Duration::from_secs(300);

/// What one epoch staged for one table.
#[derive(Debug)]
pub(crate) struct DeltaStaged {
    /// The columns that the files were written with.
    pub(crate) schema: Option<Arc<TableSchema>>,
    pub(crate) files: Vec<DataFile>,
    /// Whether the component wishes that what stood here before goes.
    pub(crate) overwrite: bool,
}

/// The token of a [`Base`].
struct DeltaBase {
    snapshot: Option<Arc<Snapshot>>,
    read_at: Instant,
}

/// A table that takes positions.
pub(crate) struct DeltaHome {
    table: Arc<Table>,
}

impl DeltaHome {
    pub(crate) fn new(table: Arc<Table>) -> Self {
        Self { table }
    }

    fn refused(&self, commit: &Commit, base: &Base) -> Option<Error> {
        let admissions = admit(&base.positions, &commit.epochs);
        let epochs = commit.epochs.iter().zip(admissions);
        epochs.into_iter().find_map(|(epoch, admission)| {
            let why = match admission {
                Admission::Admitted => return None,
                Admission::Done => "is in already".to_owned(),
                Admission::Refused(key) => {
                    format!("begins elsewhere than where partition {key} stands")
                }
            };
            Some(Error::new(
                Kind::Conflict,
                Blame::Destination,
                format!("epoch {} {why} in {}", epoch.id, self.table.log.storage),
            ))
        })
    }

    /// Why what was staged does not fit the base.
    fn outdated(&self, parts: &[&DeltaStaged], snapshot: Option<&Snapshot>) -> Option<Error> {
        let changed = |what: String| {
            Error::new(
                Kind::Conflict,
                Blame::Destination,
                format!(
                    "{} changed while rows were staged: {what}",
                    self.table.log.storage
                ),
            )
        };
        let Some(snapshot) = snapshot else {
            let has_files = parts.iter().any(|part| !part.files.is_empty());
            return has_files.then(|| changed("the table is gone".to_owned()));
        };
        parts
            .iter()
            .filter(|part| !part.files.is_empty())
            .filter_map(|part| part.schema.as_ref())
            .find_map(|schema| schema.obstacle(&snapshot.schema))
            .map(changed)
    }

    /// The text of the entry that makes all of this visible.
    async fn body(
        &self,
        commit: &Commit,
        base: &Base,
        snapshot: Option<&Snapshot>,
        parts: &[&DeltaStaged],
    ) -> Result<Bytes> {
        let txns = &self.table.txns;
        let marked = snapshot.map_or(Overwrite::Due, |snapshot| txns.overwrite(&snapshot.txns));
        let overwrites = marked == Overwrite::Due && parts.iter().any(|part| part.overwrite);
        let operation = if overwrites {
            Operation::Overwrite
        } else {
            Operation::Append
        };
        let names = snapshot
            .map(|snapshot| snapshot.schema.partition_names())
            .unwrap_or_default();

        let mut note = entry::note(&self.table.pipeline);
        note.commits = commit
            .epochs
            .iter()
            .map(|epoch| epoch.id.to_string())
            .collect();
        note.first = base.positions.is_empty();
        let mut rows = Account::default();
        let mut ends = BTreeMap::new();
        for epoch in &commit.epochs {
            rows.add(&epoch.account);
            ends.extend(
                epoch
                    .moves
                    .iter()
                    .map(|own| (&own.key, (&own.end, epoch.id))),
            );
        }
        let positions: BTreeMap<String, String> = ends
            .iter()
            .map(|(key, (end, _))| (key.to_string(), end.to_string()))
            .collect();
        let extra = json!({
            "component": commit.writer.component,
            "configuration": commit.writer.configuration,
            "rowsIn": rows.taken,
            "rowsStaged": rows.staged,
            "rowsRejected": rows.rejected,
            "rowsSkipped": rows.skipped,
            "positions": positions,
        });
        let mut body = EntryBody::new(operation, &names, &note, extra)?;
        match snapshot {
            None => {
                let timestamps = protocol::Timestamps::Zoned;
                body.protocol(&protocol::for_new_table(timestamps))?;
                body.metadata(&entry::new_metadata(None)?)?;
            }
            Some(snapshot) if overwrites => {
                if protocol::is_append_only(&snapshot.metadata) {
                    return Err(append_only(&self.table));
                }
                for file in self.table.log.live_files(snapshot.version).await? {
                    body.remove(&file)?;
                }
            }
            Some(_) => {}
        }
        for (key, (end, id)) in ends {
            for txn in txns.store(key, end, id) {
                body.txn(&txn)?;
            }
        }
        let adds = parts.iter().any(|part| !part.files.is_empty());
        if overwrites || (adds && marked == Overwrite::Due) {
            // What this pipeline has appended is not what stood here before it.
            body.txn(&txns.mark(Overwrite::Done))?;
        } else if commit.purpose == CommitPurpose::Restart && marked == Overwrite::Done {
            body.txn(&txns.mark(Overwrite::Due))?;
        }
        for file in parts.iter().flat_map(|part| &part.files) {
            body.add(&file.add)?;
        }
        Ok(body.into_bytes())
    }
}

#[async_trait]
impl Home for DeltaHome {
    fn describe(&self) -> String {
        format!("Delta table {}", self.table.log.storage)
    }

    fn unit(&self) -> Option<&UnitId> {
        Some(&self.table.unit)
    }

    fn staging(&self) -> Staging {
        Staging::Durable
    }

    /// `version` counts the entries of the log: 0 where there is no table.
    async fn read(&self) -> Result<Base> {
        let read_at = Instant::now();
        let snapshot = self.table.open().await?;
        let positions = match &snapshot {
            Some(snapshot) => self.table.txns.read(&snapshot.txns)?,
            None => BTreeMap::new(),
        };
        Ok(Base {
            version: snapshot.as_ref().map_or(0, |snapshot| snapshot.version + 1),
            positions,
            token: Box::new(DeltaBase { snapshot, read_at }),
        })
    }

    async fn attempt(&self, base: &Base, commit: &Commit) -> Result<(), AttemptError> {
        let Some(token) = base.token.downcast_ref::<DeltaBase>() else {
            return Err(AttemptError::Failed(host_bug("the base is another home's")));
        };
        if token.read_at.elapsed() > MAX_BASE_AGE {
            return Err(AttemptError::Conflict(Error::new(
                Kind::Conflict,
                Blame::Destination,
                format!(
                    "{} was read too long ago to build upon",
                    self.table.log.storage
                ),
            )));
        }
        if let Some(error) = self.refused(commit, base) {
            return Err(AttemptError::Conflict(error));
        }
        if commit.epochs.iter().any(|epoch| epoch.intent.is_some()) {
            return Err(AttemptError::Failed(host_bug(
                "a Delta table takes no intents, since it is the only table of its pipeline",
            )));
        }
        let parts = staged_parts(&self.table.unit, commit).map_err(AttemptError::Failed)?;
        let snapshot = token.snapshot.as_deref();
        if let Some(snapshot) = snapshot {
            protocol::ensure_writable(snapshot).map_err(AttemptError::Failed)?;
        }
        if let Some(error) = self.outdated(&parts, snapshot) {
            return Err(AttemptError::Outdated(error));
        }
        // Nothing is sent before the body is whole, so a failure here has no effect.
        let body = self
            .body(commit, base, snapshot, &parts)
            .await
            .map_err(|error| {
                if error.is_transient() {
                    AttemptError::Conflict(error)
                } else {
                    AttemptError::Failed(error)
                }
            })?;
        let version = snapshot.map_or(0, |snapshot| snapshot.version + 1);
        match self.table.put_entry(version, body).await {
            Ok(()) => {}
            Err(PutError::Exists(error)) => return Err(AttemptError::Conflict(error)),
            Err(PutError::Unknown(error)) => return Err(AttemptError::Unknown(error)),
        }
        if let Some(snapshot) = snapshot
            && checkpoint::is_due(&snapshot.metadata, version)
        {
            checkpoint::write(&self.table.log.storage, snapshot, version).await;
        }
        Ok(())
    }

    async fn history(&self, commit: CommitId) -> Result<History> {
        Ok(
            match self
                .table
                .log
                .find_commit(&self.table.pipeline, commit)
                .await?
            {
                Found::At(_) => History::Holds,
                Found::Nowhere => History::Lacks,
                Found::BeyondHistory => History::Forgotten,
            },
        )
    }

    async fn winner(&self, base: &Base, key: &PartitionKey) -> Winner {
        let Some(stored) = base.positions.get(key) else {
            return Winner::default();
        };
        let found = self
            .table
            .log
            .find_commit(&self.table.pipeline, stored.commit)
            .await;
        let Ok(Found::At(noted)) = found else {
            return Winner {
                version: None,
                description: format!("commit {}, which the log no longer shows", stored.commit),
            };
        };
        let (host, pid) = noted
            .note
            .as_ref()
            .map_or(("unknown host", 0), |note| (note.host.as_str(), note.pid));
        let time = noted
            .timestamp
            .and_then(DateTime::from_timestamp_millis)
            .map_or_else(|| "an unknown time".to_owned(), |time| time.to_rfc3339());
        Winner {
            version: Some(noted.version),
            description: format!(
                "commit {} (version {}) by process {pid} on {host} at {time}",
                stored.commit, noted.version
            ),
        }
    }

    async fn discard(&self, staged: &[Staged]) {
        let ours = staged
            .iter()
            .filter(|staged| staged.unit == self.table.unit);
        let paths = ours
            .filter_map(|staged| staged.payload.downcast_ref::<DeltaStaged>())
            .flat_map(|part| part.files.iter().map(|file| file.path.clone()));
        remove(&self.table.log.storage.store, paths.collect()).await;
    }

    fn max_staged_age(&self) -> Option<Duration> {
        let retention = self
            .table
            .log
            .last_known()
            .and_then(|snapshot| deleted_file_retention(&snapshot.metadata))
            .unwrap_or(DEFAULT_RETENTION);
        Some((retention / 2).max(MIN_STAGED_AGE))
    }
}

fn staged_parts<'a>(unit: &UnitId, commit: &'a Commit) -> Result<Vec<&'a DeltaStaged>> {
    commit
        .epochs
        .iter()
        .flat_map(|epoch| &epoch.staged)
        .map(|staged| {
            if staged.unit != *unit {
                return Err(host_bug("something staged for another table"));
            }
            let payload = staged.payload.downcast_ref::<DeltaStaged>();
            payload.ok_or_else(|| host_bug("something staged by another connector"))
        })
        .collect()
}

/// `delta.deletedFileRetentionDuration`, in the form "interval 7 days".
fn deleted_file_retention(metadata: &Metadata) -> Option<Duration> {
    let text = metadata
        .configuration
        .get("delta.deletedFileRetentionDuration")?
        .as_deref()?;
    let mut words = text
        .split_whitespace()
        .skip_while(|word| word.eq_ignore_ascii_case("interval"));
    let count: u64 = words.next()?.parse().ok()?;
    let seconds = match words.next()?.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 24 * 3600,
        "week" => 7 * 24 * 3600,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}

pub(crate) fn append_only(table: &Table) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Configuration,
        format!(
            "{} has `delta.appendOnly` set, so it cannot be overwritten; switch that off, or write \
             with write_mode = \"append\"",
            table.log.storage
        ),
    )
}

fn host_bug(what: &str) -> Error {
    Error::new(Kind::Other, Blame::Host, what)
}
