//! One table: its log, and the host's own commits to it (commit.md, 13).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;
use wasm_sink_core::guest::wit;
use wasm_sink_core::stage::UnitId;
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, Error, Kind, PartitionKey, Position, Result};

use crate::entry::{self, EntryBody, Operation};
use crate::log::{Snapshot, TableLog, entry_path};
use crate::positions::PipelineTxns;
use crate::protocol;
use crate::schema::TableSchema;
use crate::storage::{TableStorage, storage_error};
use crate::types;

/// Attempts at a schema change before its epoch is given up for a replay.
const MAX_SCHEMA_ATTEMPTS: u32 = 10;
/// Between looks at whether the epoch before ours is in.
const STANDING_POLL: Duration = Duration::from_millis(20);
/// Longer, and the epoch before may have failed, which its task can only hear of when ours does.
const STANDING_WAIT: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 5_000 });

/// Where an epoch's partitions begin.
pub(crate) type Begins = BTreeMap<PartitionKey, Option<Position>>;

/// A table as seen by one pipeline. Shared by its home and all stages of the process.
pub(crate) struct Table {
    pub(crate) unit: UnitId,
    pub(crate) log: TableLog,
    pub(crate) pipeline: Arc<str>,
    pub(crate) txns: PipelineTxns,
}

/// Why a log entry was not created.
pub(crate) enum PutError {
    /// There is one of that version. It may be ours.
    Exists(Error),
    /// It may be there, or come later.
    Unknown(Error),
}

/// What became of a commit of the host's own.
enum Put {
    Ours,
    /// Somebody else's came first.
    TooLate,
    Unanswered(Error),
}

/// Where an epoch's partitions stand, seen from the epoch.
enum Standing {
    AtBegin,
    /// The epoch before is not in yet.
    NotYet,
    Elsewhere(PartitionKey),
}

impl Table {
    pub(crate) fn new(unit: UnitId, storage: TableStorage, pipeline: Arc<str>) -> Self {
        Self {
            unit,
            txns: PipelineTxns::new(&pipeline),
            log: TableLog::new(storage),
            pipeline,
        }
    }

    /// The newest version, if it is one that we may write to.
    ///
    /// # Errors
    /// The storage's, a damaged log, and tables that ask for what we cannot do.
    pub(crate) async fn open(&self) -> Result<Option<Arc<Snapshot>>> {
        let snapshot = self.log.refresh().await?;
        if let Some(snapshot) = &snapshot {
            protocol::ensure_writable(snapshot)
                .map_err(|e| e.context(format!("opening {}", self.log.storage)))?;
        }
        Ok(snapshot)
    }

    /// Creates an entry only if there is none of that version.
    pub(crate) async fn put_entry(&self, version: u64, body: Bytes) -> Result<(), PutError> {
        let storage = &self.log.storage;
        // Whoever removed the log would otherwise find one entry of it come back.
        if version > 0 && !storage.has_log_directory() {
            return Err(PutError::Exists(Error::new(
                Kind::Conflict,
                Blame::Destination,
                format!("{storage} was removed while it was written to"),
            )));
        }
        match storage.create_once(&entry_path(version), body).await {
            Ok(()) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let message = format!("version {version} of {storage} is there already");
                let error = Error::new(Kind::Conflict, Blame::Destination, message);
                Err(PutError::Exists(error))
            }
            Err(e) => {
                let doing = format!("committing version {version} of {storage}");
                Err(PutError::Unknown(storage_error(&doing, e)))
            }
        }
    }

    /// Creates the table, if it is not there with the same columns.
    ///
    /// # Errors
    /// `invalid`: it is there with other columns. `conflict`: the epoch's partitions moved.
    pub(crate) async fn create(
        &self,
        wanted: &TableSchema,
        begins: &Begins,
    ) -> Result<Arc<Snapshot>> {
        let deadline = Instant::now() + STANDING_WAIT;
        let mut unanswered = None;
        for _ in 0..MAX_SCHEMA_ATTEMPTS {
            let snapshot = self.at_begin(begins, deadline).await?;
            let existing = snapshot
                .as_ref()
                .filter(|snapshot| !snapshot.schema.is_empty());
            if let Some(existing) = existing {
                if !existing.schema.has_same_columns(wanted) {
                    return Err(Error::invalid(format!(
                        "{} is there already, with other columns or partitions; add what is missing \
                         to it, or write to another table",
                        self.log.storage
                    )));
                }
                return Ok(Arc::clone(existing));
            }
            let body = self.creation(wanted, snapshot.as_deref())?;
            let version = snapshot.map_or(0, |snapshot| snapshot.version + 1);
            match self.put_own(version, body, Step::TableCreated).await? {
                Put::Ours => tracing::info!(table = %self.log.storage, version, "table created"),
                Put::TooLate => unanswered = None,
                Put::Unanswered(error) => unanswered = Some(error),
            }
        }
        Err(unanswered.unwrap_or_else(|| self.too_many_conflicts()))
    }

    fn creation(&self, wanted: &TableSchema, base: Option<&Snapshot>) -> Result<Bytes> {
        let names = wanted.partition_names();
        let note = entry::note(&self.pipeline);
        let mut body = EntryBody::new(Operation::CreateTable, &names, &note, json!({}))?;
        let mut metadata = entry::new_metadata(Some(wanted))?;
        let timestamps = types::timestamps(wanted.types());
        match base {
            None => body.protocol(&protocol::for_new_table(timestamps))?,
            // Made before only to hold positions.
            Some(base) => {
                metadata = crate::log::action::Metadata {
                    schema_string: metadata.schema_string,
                    partition_columns: metadata.partition_columns,
                    ..(*base.metadata).clone()
                };
                if let Some(protocol) = protocol::upgraded(&base.protocol, timestamps) {
                    body.protocol(&protocol)?;
                }
            }
        }
        body.metadata(&metadata)?;
        Ok(body.into_bytes())
    }

    /// Adds the columns that are not there.
    ///
    /// # Errors
    /// `invalid`: a column is there with another type. `conflict`: the epoch's partitions moved.
    pub(crate) async fn add_columns(
        &self,
        fields: &[wit::Field],
        begins: &Begins,
    ) -> Result<Arc<Snapshot>> {
        let deadline = Instant::now() + STANDING_WAIT;
        let mut unanswered = None;
        for _ in 0..MAX_SCHEMA_ATTEMPTS {
            let snapshot = self.at_begin(begins, deadline).await?;
            let Some(base) = snapshot.filter(|snapshot| !snapshot.schema.is_empty()) else {
                return Err(no_table(&self.log.storage));
            };
            let Some(grown) = base.schema.with_columns(fields)? else {
                return Ok(base);
            };
            protocol::ensure_writable(&base)?;
            let body = self.growth(&base, &grown)?;
            let version = base.version + 1;
            match self.put_own(version, body, Step::ColumnsAdded).await? {
                Put::Ours => tracing::info!(table = %self.log.storage, version, "columns added"),
                Put::TooLate => unanswered = None,
                Put::Unanswered(error) => unanswered = Some(error),
            }
        }
        Err(unanswered.unwrap_or_else(|| self.too_many_conflicts()))
    }

    fn growth(&self, base: &Snapshot, grown: &TableSchema) -> Result<Bytes> {
        let note = entry::note(&self.pipeline);
        let names = grown.partition_names();
        let mut body = EntryBody::new(Operation::AddColumns, &names, &note, json!({}))?;
        let timestamps = types::timestamps(grown.types());
        if let Some(protocol) = protocol::upgraded(&base.protocol, timestamps) {
            body.protocol(&protocol)?;
        }
        let mut metadata = (*base.metadata).clone();
        metadata.schema_string = grown.schema_string()?;
        body.metadata(&metadata)?;
        Ok(body.into_bytes())
    }

    /// Puts a commit of the host's own; whether it was ours that got in, the next look will tell.
    async fn put_own(&self, version: u64, body: Bytes, step: Step) -> Result<Put> {
        match self.put_entry(version, body).await {
            Ok(()) => {
                step.reached();
                Ok(Put::Ours)
            }
            Err(PutError::Exists(_)) => {
                // Others are at it as well: let one of them be first.
                let pause = 1 + u64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 4;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                Ok(Put::TooLate)
            }
            Err(PutError::Unknown(error)) => {
                if error.is_transient() {
                    // A change of the schema is idempotent, so looking again settles it.
                    tracing::debug!(%error, "a schema change was not answered");
                    return Ok(Put::Unanswered(error));
                }
                Err(error)
            }
        }
    }

    /// The newest version, on which the epoch's partitions stand where it begins.
    async fn at_begin(&self, begins: &Begins, deadline: Instant) -> Result<Option<Arc<Snapshot>>> {
        loop {
            let snapshot = self.log.refresh().await?;
            match self.standing(snapshot.as_deref(), begins)? {
                Standing::AtBegin => return Ok(snapshot),
                Standing::NotYet if Instant::now() < deadline => {
                    tokio::time::sleep(STANDING_POLL).await;
                }
                Standing::NotYet => {
                    return Err(Error::new(
                        Kind::Conflict,
                        Blame::Destination,
                        format!(
                            "the columns of {} cannot change yet: the epoch before is not committed",
                            self.log.storage
                        ),
                    ));
                }
                Standing::Elsewhere(key) => {
                    return Err(Error::new(
                        Kind::Conflict,
                        Blame::Destination,
                        format!(
                            "another process moved partition {key} on in {}",
                            self.log.storage
                        ),
                    ));
                }
            }
        }
    }

    fn standing(&self, snapshot: Option<&Snapshot>, begins: &Begins) -> Result<Standing> {
        if begins.is_empty() {
            return Ok(Standing::AtBegin);
        }
        let stored = match snapshot {
            Some(snapshot) => self.txns.read(&snapshot.txns)?,
            None => BTreeMap::new(),
        };
        let mut standing = Standing::AtBegin;
        for (key, begin) in begins {
            let stored = stored.get(key).map(|stored| &stored.position);
            if stored == begin.as_ref() {
                continue;
            }
            if stored > begin.as_ref() {
                return Ok(Standing::Elsewhere(key.clone()));
            }
            standing = Standing::NotYet;
        }
        Ok(standing)
    }

    fn too_many_conflicts(&self) -> Error {
        Error::new(
            Kind::Conflict,
            Blame::Destination,
            format!(
                "{MAX_SCHEMA_ATTEMPTS} attempts to change the columns of {} met with other writers",
                self.log.storage
            ),
        )
    }
}

pub(crate) fn no_table(storage: &TableStorage) -> Error {
    Error::invalid(format!(
        "there is no table at {storage} yet; create it first"
    ))
}
