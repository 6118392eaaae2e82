//! What one instance hands to tables, before it is visible.

mod layout;

use std::any::Any;
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use wasm_sink_core::error::Context;
use wasm_sink_core::guest::tables::{Fitted, TableStage};
use wasm_sink_core::guest::wit;
use wasm_sink_core::stage::{Purpose, Stage, Staged, TablePreview, UnitId};
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Position, Result};

use crate::connection::Shared;
use crate::home::{DeltaStaged, append_only};
use crate::log::action::Metadata;
use crate::positions::Overwrite;
use crate::protocol;
use crate::schema::TableSchema;
use crate::table::{Begins, Table, no_table};
use crate::write::{DataFile, Encoder, EncoderSettings, remove};

use layout::Layout;
pub use layout::Prepared;

/// Leaf columns with statistics, unless the table says otherwise.
const DEFAULT_INDEXED_COLUMNS: usize = 32;
/// Rows that a preview keeps.
const MAX_PREVIEW_ROWS: usize = 10_000;

/// The staging calls of one instance on one connection.
pub struct DeltaStage {
    shared: Arc<Shared>,
    purpose: Purpose,
    epoch: Option<CommitId>,
    begins: Begins,
    /// In the order in which they were opened.
    tables: Vec<OpenTable>,
}

/// One opened table.
struct OpenTable {
    table: Arc<Table>,
    /// As committed, or as pretended; None where there is no table.
    schema: Option<Arc<TableSchema>>,
    exists: bool,
    layout: Option<Layout>,
    encoder: Option<Encoder>,
    overwrite: bool,
    preview: Vec<RecordBatch>,
}

impl DeltaStage {
    pub(crate) fn new(shared: Arc<Shared>, purpose: Purpose) -> Self {
        Self {
            shared,
            purpose,
            epoch: None,
            begins: Begins::new(),
            tables: Vec::new(),
        }
    }

    fn find(&mut self, name: &str) -> Result<&mut OpenTable> {
        let found = self
            .tables
            .iter_mut()
            .find(|stage| *stage.table.unit.name == *name);
        found.ok_or_else(|| {
            Error::new(
                Kind::Other,
                Blame::Host,
                format!("table `{name}` was not opened"),
            )
        })
    }

    pub(crate) async fn create(
        &mut self,
        name: &str,
        fields: &[wit::Field],
        partition_by: &[String],
    ) -> Result<()> {
        let wanted = TableSchema::requested(fields, partition_by)?;
        let (purpose, begins) = (self.purpose, self.begins.clone());
        let stage = self.find(name)?;
        stage.schema = Some(if purpose == Purpose::Commit {
            Arc::clone(&stage.table.create(&wanted, &begins).await?.schema)
        } else {
            match stage.schema.take() {
                Some(there) if !there.has_same_columns(&wanted) => {
                    stage.schema = Some(there);
                    return Err(Error::invalid(
                        "the table is there already, with other columns".to_owned(),
                    ));
                }
                Some(there) => there,
                None => Arc::new(wanted),
            }
        });
        Ok(())
    }
}

impl OpenTable {
    fn is_overwrite_due(&self) -> bool {
        self.table
            .log
            .last_known()
            .is_none_or(|snapshot| self.table.txns.overwrite(&snapshot.txns) == Overwrite::Due)
    }

    fn fit(&mut self, rows: &RecordBatch) -> Result<Fitted<Prepared>> {
        let Some(schema) = self.schema.clone() else {
            return Err(no_table(&self.table.log.storage));
        };
        let layout = match self.layout.take() {
            Some(layout) if layout.is_for(rows, &schema) => layout,
            _ => Layout::new(rows.schema(), schema)?,
        };
        self.layout.insert(layout).fit(rows)
    }

    async fn finish_files(&mut self) -> Result<Vec<DataFile>> {
        let Some(encoder) = self.encoder.take() else {
            return Ok(Vec::new());
        };
        let files = encoder.finish().await;
        // The encoder knows paths inside the table alone.
        files.context(|| format!("writing to {}", self.table.log.storage))
    }

    async fn finish(&mut self) -> Result<Option<Staged>> {
        let files = self.finish_files().await?;
        // What goes with rows does not go without: other tables of the epoch may have some.
        if files.is_empty() {
            return Ok(None);
        }
        let overwrite = self.overwrite && self.is_overwrite_due();
        Ok(Some(Staged {
            unit: self.table.unit.clone(),
            rows: files.iter().map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.add.size).sum(),
            payload: Arc::new(DeltaStaged {
                schema: self.schema.clone(),
                files,
                overwrite,
            }),
        }))
    }
}

fn indexed_columns(metadata: &Metadata) -> usize {
    let set = metadata
        .configuration
        .get("delta.dataSkippingNumIndexedCols");
    match set.and_then(|value| value.as_deref()?.parse::<i64>().ok()) {
        // -1 means all.
        Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        None => DEFAULT_INDEXED_COLUMNS,
    }
}

#[async_trait]
impl TableStage for DeltaStage {
    type Rows = Prepared;

    const RESOURCE: &'static str = "delta.table";

    async fn open(&mut self, name: &str) -> Result<()> {
        if self.find(name).is_ok() {
            return Ok(());
        }
        let table = self.shared.table(name)?;
        let snapshot = table.open().await?;
        let schema = snapshot
            .map(|snapshot| Arc::clone(&snapshot.schema))
            .filter(|schema| !schema.is_empty());
        self.tables.push(OpenTable {
            table,
            exists: schema.is_some(),
            schema,
            layout: None,
            encoder: None,
            overwrite: false,
            preview: Vec::new(),
        });
        Ok(())
    }

    fn fields(&mut self, name: &str) -> Result<Option<Vec<wit::Field>>> {
        let schema = self.find(name)?.schema.as_ref();
        Ok(schema.map(|schema| schema.fields()))
    }

    async fn add_columns(&mut self, name: &str, fields: &[wit::Field]) -> Result<()> {
        let (purpose, begins) = (self.purpose, self.begins.clone());
        let stage = self.find(name)?;
        let Some(schema) = &stage.schema else {
            return Err(no_table(&stage.table.log.storage));
        };
        if purpose == Purpose::Commit {
            let snapshot = stage.table.add_columns(fields, &begins).await?;
            stage.schema = Some(Arc::clone(&snapshot.schema));
        } else if let Some(grown) = schema.with_columns(fields)? {
            stage.schema = Some(Arc::new(grown));
        }
        Ok(())
    }

    fn overwrite(&mut self, name: &str) -> Result<()> {
        let stage = self.find(name)?;
        if stage.is_overwrite_due() {
            if let Some(snapshot) = stage.table.log.last_known()
                && protocol::is_append_only(&snapshot.metadata)
            {
                return Err(append_only(&stage.table));
            }
            stage.overwrite = true;
        }
        Ok(())
    }

    fn fit(&mut self, name: &str, rows: &RecordBatch) -> Result<Fitted<Prepared>> {
        if self.epoch.is_none() {
            return Err(Error::invalid(
                "rows are appended in `write` and `flush` only".to_owned(),
            ));
        }
        self.find(name)?.fit(rows)
    }

    async fn push(&mut self, name: &str, prepared: Prepared) -> Result<()> {
        let (purpose, epoch) = (self.purpose, self.epoch);
        let stage = self.find(name)?;
        if prepared.rows.num_rows() == 0 {
            return Ok(());
        }
        let commit = match (purpose, epoch) {
            (Purpose::Commit, Some(commit)) => commit,
            (Purpose::Preview, _) => {
                let kept: usize = stage.preview.iter().map(RecordBatch::num_rows).sum();
                if kept < MAX_PREVIEW_ROWS {
                    stage.preview.push(prepared.rows);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let encoder = match &mut stage.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::start(EncoderSettings {
                store: Arc::clone(&stage.table.log.storage.store),
                commit,
                nonce: uuid::Uuid::new_v4().as_fields().0,
                indexed_columns: stage
                    .table
                    .log
                    .last_known()
                    .map_or(DEFAULT_INDEXED_COLUMNS, |s| indexed_columns(&s.metadata)),
            })?),
        };
        if encoder.write(prepared.schema, prepared.rows).await.is_ok() {
            return Ok(());
        }
        stage.finish_files().await.map(drop)
    }
}

#[async_trait]
impl Stage for DeltaStage {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn begin(&mut self, id: CommitId) {
        self.epoch = Some(id);
        self.begins.clear();
        for stage in &mut self.tables {
            // An epoch that was not finished is forgotten by dropping its encoder.
            stage.encoder = None;
            stage.preview.clear();
            if self.purpose == Purpose::Commit
                && let Some(snapshot) = stage.table.log.last_known()
                && !snapshot.schema.is_empty()
            {
                stage.schema = Some(Arc::clone(&snapshot.schema));
            }
        }
    }

    fn admit(&mut self, key: &PartitionKey, begin: Option<&Position>) {
        self.begins.insert(key.clone(), begin.cloned());
    }

    fn units(&self) -> Vec<UnitId> {
        self.tables
            .iter()
            .map(|stage| stage.table.unit.clone())
            .collect()
    }

    async fn finish(&mut self) -> Result<Vec<Staged>> {
        let mut staged = Vec::new();
        let mut failure = None;
        for stage in &mut self.tables {
            match stage.finish().await {
                Ok(part) => staged.extend(part),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        let Some(error) = failure else {
            return Ok(staged);
        };
        // The other tables' files were never attempted.
        for part in staged {
            let stage = self
                .tables
                .iter()
                .find(|stage| stage.table.unit == part.unit);
            if let (Some(stage), Some(delta)) = (stage, part.payload.downcast_ref::<DeltaStaged>())
            {
                let paths = delta.files.iter().map(|file| file.path.clone()).collect();
                remove(&stage.table.log.storage.store, paths).await;
            }
        }
        Err(error)
    }

    async fn forget(&mut self) {
        for stage in &mut self.tables {
            if let Some(encoder) = stage.encoder.take() {
                encoder.forget().await;
            }
        }
    }

    fn preview(&mut self) -> Vec<TablePreview> {
        self.tables
            .iter_mut()
            .map(|stage| TablePreview {
                unit: stage.table.unit.clone(),
                exists: stage.exists,
                partition_by: stage
                    .schema
                    .as_ref()
                    .map(|schema| schema.partition_names())
                    .unwrap_or_default(),
                rows: std::mem::take(&mut stage.preview),
            })
            .collect()
    }
}
