//! A lake in a temporary directory, and short words for what the pipeline does with it.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use wasm_sink_core::component::Writer;
use wasm_sink_core::connection::{Connection, ConnectionContext, ConnectionSpec};
use wasm_sink_core::guest::tables::TableStage;
use wasm_sink_core::guest::wit;
use wasm_sink_core::home::{Base, Commit, CommitPurpose, EpochCommit, Home};
use wasm_sink_core::position::Move;
use wasm_sink_core::stage::{Purpose, Stage, Staged, UnitId};
use wasm_sink_core::{Account, CommitId, PartitionKey, Position, Result};

use crate::connection::DeltaSpec;
use crate::settings::Location;
use crate::stage::DeltaStage;

pub(super) struct Fixture {
    pub(super) directory: tempfile::TempDir,
    pub(super) connection: Arc<dyn Connection>,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let connection = connect(directory.path().into(), "pipeline").await;
        Self {
            directory,
            connection,
        }
    }

    /// Another process of the same pipeline.
    pub(super) async fn twin(&self) -> Arc<dyn Connection> {
        connect(self.directory.path().into(), "pipeline").await
    }

    pub(super) fn home(&self) -> Arc<dyn Home> {
        home(&*self.connection)
    }

    pub(super) fn log(&self, file: &str) -> PathBuf {
        self.directory.path().join("_delta_log").join(file)
    }

    pub(super) fn entry(&self, version: u64) -> PathBuf {
        self.log(&format!("{version:020}.json"))
    }

    /// The last entry's lines of a kind.
    pub(super) fn actions(&self, version: u64, kind: &str) -> Vec<serde_json::Value> {
        std::fs::read_to_string(self.entry(version))
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter_map(|line| line.get(kind).cloned())
            .collect()
    }

    /// A stage with the table opened, created and an epoch begun.
    pub(super) async fn stage(
        &self,
        id: u64,
        fields: &[(&str, &str)],
        partition_by: &[&str],
    ) -> Box<dyn Stage> {
        let mut stage = self.connection.stage(Purpose::Commit).unwrap();
        stage.begin(CommitId::from_random(id));
        let delta = delta(&mut stage);
        delta.open("").await.unwrap();
        let partition_by: Vec<String> =
            partition_by.iter().map(|name| (*name).to_owned()).collect();
        delta
            .create("", &columns(fields), &partition_by)
            .await
            .unwrap();
        stage
    }

    /// Stages one batch in an epoch of its own.
    pub(super) async fn staged(&self, id: u64, values: std::ops::Range<i64>) -> Vec<Staged> {
        let mut stage = self.stage(id, &[("n", "int64")], &[]).await;
        append(&mut stage, &numbers(values)).await.unwrap();
        stage.finish().await.unwrap()
    }

    /// All files of the table, by another reader of Delta. Partition columns are not in them.
    pub(super) async fn files(&self) -> Vec<RecordBatch> {
        let url = url::Url::from_directory_path(self.directory.path()).unwrap();
        let table = deltalake_core::open_table(url).await.unwrap();
        let mut files: Vec<String> = table.get_file_uris().unwrap().collect();
        files.sort();
        files
            .iter()
            .map(|file| {
                let path = match url::Url::parse(file) {
                    Ok(url) => url.to_file_path().unwrap(),
                    Err(_) => PathBuf::from(file),
                };
                let file = std::fs::File::open(&path)
                    .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
                let schema = reader.schema().clone();
                let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
                concat_batches(&schema, &batches).unwrap()
            })
            .collect()
    }

    /// The values of the column `n`, sorted.
    pub(super) async fn numbers(&self) -> Vec<i64> {
        let mut numbers: Vec<i64> = self
            .files()
            .await
            .iter()
            .flat_map(|file| {
                let column = file.column_by_name("n").unwrap();
                column.as_primitive::<Int64Type>().values().to_vec()
            })
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// Data files on disk, in the table or not.
    pub(super) fn data_files(&self) -> usize {
        fn count(directory: &std::path::Path) -> usize {
            std::fs::read_dir(directory)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| match path.is_dir() {
                    true if path.ends_with("_delta_log") => 0,
                    true => count(&path),
                    false => 1,
                })
                .sum()
        }
        count(self.directory.path())
    }
}

pub(super) async fn connect(directory: PathBuf, pipeline: &str) -> Arc<dyn Connection> {
    let context = ConnectionContext {
        label: Arc::from("lake"),
        pipeline: Arc::from(pipeline),
        directory: PathBuf::from("/"),
        max_epoch: std::time::Duration::from_secs(5),
    };
    DeltaSpec(Location::Local(directory))
        .open(context)
        .await
        .unwrap()
}

pub(super) fn home(connection: &dyn Connection) -> Arc<dyn Home> {
    let unit = UnitId {
        connection: Arc::from("lake"),
        name: Arc::from(""),
    };
    connection.home(&unit, None).unwrap().unwrap()
}

pub(super) fn delta(stage: &mut Box<dyn Stage>) -> &mut DeltaStage {
    stage.as_any().downcast_mut().unwrap()
}

pub(super) fn columns(fields: &[(&str, &str)]) -> Vec<wit::Field> {
    fields
        .iter()
        .map(|(name, data_type)| wit::Field {
            name: (*name).to_owned(),
            data_type: data_type.trim_end_matches('!').to_owned(),
            nullable: !data_type.ends_with('!'),
        })
        .collect()
}

/// Appends, and returns why rows were refused.
pub(super) async fn append(stage: &mut Box<dyn Stage>, rows: &RecordBatch) -> Result<Vec<String>> {
    let delta = delta(stage);
    let fitted = delta.fit("", rows)?;
    delta.push("", fitted.rows).await?;
    let refused = fitted.refused.map(|refused| refused.reasons);
    Ok(refused.unwrap_or_default())
}

pub(super) fn numbers(values: std::ops::Range<i64>) -> RecordBatch {
    let values = Int64Array::from_iter_values(values);
    RecordBatch::try_from_iter_with_nullable([("n", Arc::new(values) as ArrayRef, true)]).unwrap()
}

pub(super) fn key(partition: &str) -> PartitionKey {
    PartitionKey::new("source", partition)
}

pub(super) fn epoch(
    id: u64,
    partition: &str,
    moved: (Option<u64>, u64),
    staged: Vec<Staged>,
) -> EpochCommit {
    let rows = staged.iter().map(|staged| staged.rows).sum();
    EpochCommit {
        id: CommitId::from_random(id),
        moves: vec![Move {
            key: key(partition),
            begin: moved.0.map(Position::from_offset),
            end: Position::from_offset(moved.1),
        }],
        staged,
        intent: None,
        account: Account {
            taken: rows,
            staged: rows,
            ..Account::default()
        },
    }
}

pub(super) fn commit(epochs: Vec<EpochCommit>) -> Commit {
    Commit {
        epochs,
        writer: Writer {
            component: "sha256:0".to_owned(),
            configuration: "sha256:1".to_owned(),
        },
        purpose: CommitPurpose::Deliver,
    }
}

pub(super) fn offset(base: &Base, partition: &str) -> Option<i64> {
    base.positions
        .get(&key(partition))
        .map(|stored| stored.position.words()[0])
}
