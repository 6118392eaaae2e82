//! A folder with files, and the source that reads them.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::concat_batches;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use wasm_sink_core::budget::Budget;
use wasm_sink_core::settings::{Entry, Node, Problem, Table, Value};
use wasm_sink_core::source::{Source, SourceContext, SourceEvent};
use wasm_sink_core::{DeadLetter, Error, PartitionKey, Position, Result, SourceBatch};

pub struct Folder(TempDir);

/// What stands in `[source]` beside the path.
pub struct Read<'a> {
    folder: &'a Folder,
    settings: Vec<(String, Setting)>,
}

#[derive(Clone)]
pub struct Setting(Value);

impl From<i64> for Setting {
    fn from(value: i64) -> Self {
        Self(Value::Integer(value))
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Self(Value::String {
            text: text.to_owned(),
            from_environment: false,
        })
    }
}

fn table(entries: Vec<(String, Setting)>) -> Table {
    let entries = entries.into_iter().map(|(key, Setting(value))| Entry {
        key,
        key_span: 0..0,
        node: Node { value, span: 0..0 },
    });
    Table {
        entries: entries.collect(),
        span: 0..0,
    }
}

pub struct Opened {
    pub source: Box<dyn Source>,
    pub budget: Budget,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn append(&self, name: &str, content: &str) {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(content.as_bytes()).unwrap();
    }

    pub fn with(&self, settings: &[(&str, Setting)]) -> Read<'_> {
        let owned = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()));
        Read {
            folder: self,
            settings: owned.collect(),
        }
    }

    pub async fn open(&self, path: &str) -> Result<Opened> {
        self.with(&[]).open(path).await
    }
}

impl Read<'_> {
    pub fn schema(columns: &[(&str, &str)]) -> Setting {
        let columns = columns.iter().map(|(name, data_type)| Node {
            value: Value::Table(table(vec![
                ("name".to_owned(), (*name).into()),
                ("data_type".to_owned(), (*data_type).into()),
            ])),
            span: 0..0,
        });
        Setting(Value::List(columns.collect()))
    }

    fn table(&self, path: &str) -> Table {
        let mut entries = self.settings.clone();
        entries.push(("path".to_owned(), path.into()));
        table(entries)
    }

    pub fn problems(&self, path: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let spec = wasm_sink_files::source(&self.table(path), &mut problems);
        assert_eq!(spec.is_some(), problems.is_empty());
        problems
    }

    pub async fn open(&self, path: &str) -> Result<Opened> {
        let mut problems = Vec::new();
        let spec = wasm_sink_files::source(&self.table(path), &mut problems).unwrap();
        assert_eq!(problems, []);
        let budget = Budget::new(64 << 20);
        let context = SourceContext {
            pipeline: "test".into(),
            budget: budget.clone(),
            directory: self.folder.0.path().to_owned(),
            batch_rows: 1000,
        };
        let source = spec.open(None, context).await?;
        Ok(Opened { source, budget })
    }
}

impl Opened {
    pub async fn assigned(&mut self) -> Vec<PartitionKey> {
        match self.source.next().await.unwrap() {
            SourceEvent::Assigned(keys) => keys,
            other => panic!("{other:?}"),
        }
    }

    pub async fn until_end(&mut self) -> Result<Vec<SourceBatch>> {
        let mut batches = Vec::new();
        loop {
            match self.source.next().await? {
                SourceEvent::Batch(batch) => batches.push(batch),
                SourceEvent::End => return Ok(batches),
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn read_from(&mut self, position: Option<&Position>) -> Result<Vec<SourceBatch>> {
        for key in self.assigned().await {
            self.source.seek(&key, position).await?;
        }
        self.until_end().await
    }

    pub async fn read_all(&mut self) -> Result<Vec<SourceBatch>> {
        self.read_from(None).await
    }

    pub async fn read_to_error(
        &mut self,
        position: Option<&Position>,
    ) -> (Vec<SourceBatch>, Error) {
        for key in self.assigned().await {
            self.source.seek(&key, position).await.unwrap();
        }
        let mut batches = Vec::new();
        loop {
            match self.source.next().await {
                Ok(SourceEvent::Batch(batch)) => batches.push(batch),
                Ok(other) => panic!("{other:?}"),
                Err(error) => return (batches, error),
            }
        }
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// All rows as one batch of the last schema; columns that came later are null before.
pub fn rows_of(batches: &[SourceBatch]) -> RecordBatch {
    let schema = batches.last().unwrap().rows.schema();
    let padded = batches.iter().map(|batch| {
        let columns: Vec<ArrayRef> = schema
            .fields()
            .iter()
            .map(|field| match batch.rows.column_by_name(field.name()) {
                Some(column) => column.clone(),
                None => new_null_array(field.data_type(), batch.rows.num_rows()),
            })
            .collect();
        RecordBatch::try_new(schema.clone(), columns).unwrap()
    });
    concat_batches(&schema, &padded.collect::<Vec<_>>()).unwrap()
}

pub fn letters(batches: &[SourceBatch]) -> Vec<DeadLetter> {
    let letters = batches.iter().flat_map(|batch| &batch.undecodable);
    letters.map(|(_, letter)| letter.clone()).collect()
}
