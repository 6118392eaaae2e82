//! Makes the text of our own log entries.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::Utc;
use serde::Serialize;
use serde_json::{Value, json};
use wasm_sink_core::{Blame, Error, Kind, Result, process};

use crate::log::action::{Add, CommitNote, Format, LiveFile, Metadata, Protocol, Txn};
use crate::schema::TableSchema;

/// What an entry does, in the word that the Delta protocol's histories use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateTable,
    AddColumns,
    Append,
    Overwrite,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::CreateTable => "CREATE TABLE",
            Self::AddColumns => "ADD COLUMNS",
            Self::Append | Self::Overwrite => "WRITE",
        }
    }
}

/// One entry, line by line.
pub(crate) struct EntryBody {
    lines: Vec<u8>,
}

impl EntryBody {
    /// `extra` joins our part of `commitInfo`.
    ///
    /// # Errors
    /// Only a host bug.
    pub(crate) fn new(
        operation: Operation,
        partition_by: &[String],
        note: &CommitNote,
        extra: Value,
    ) -> Result<Self> {
        let mut ours = to_value(note)?;
        if let (Value::Object(ours), Value::Object(extra)) = (&mut ours, extra) {
            ours.extend(extra);
        }
        // Readers of histories expect texts as parameters, lists included.
        let mut parameters = json!({ "partitionBy": json!(partition_by).to_string() });
        let mode = match operation {
            Operation::Append => Some("Append"),
            Operation::Overwrite => Some("Overwrite"),
            Operation::CreateTable | Operation::AddColumns => None,
        };
        if let Some(mode) = mode {
            parameters["mode"] = json!(mode);
        }
        let mut body = Self { lines: Vec::new() };
        body.action(
            "commitInfo",
            &json!({
                "timestamp": Utc::now().timestamp_millis(),
                "operation": operation.name(),
                "operationParameters": parameters,
                "isBlindAppend": operation == Operation::Append,
                "engineInfo": concat!("wasm-sink/", env!("CARGO_PKG_VERSION")),
                "wasmSink": ours,
            }),
        )?;
        Ok(body)
    }

    fn action(&mut self, name: &str, action: &impl Serialize) -> Result<()> {
        let action = to_value(action)?;
        let line = json!({ name: action });
        self.lines.extend_from_slice(line.to_string().as_bytes());
        self.lines.push(b'\n');
        Ok(())
    }

    pub(crate) fn protocol(&mut self, protocol: &Protocol) -> Result<()> {
        self.action("protocol", protocol)
    }

    pub(crate) fn metadata(&mut self, metadata: &Metadata) -> Result<()> {
        self.action("metaData", metadata)
    }

    pub(crate) fn txn(&mut self, txn: &Txn) -> Result<()> {
        self.action("txn", txn)
    }

    pub(crate) fn add(&mut self, add: &Add) -> Result<()> {
        self.action("add", add)
    }

    pub(crate) fn remove(&mut self, file: &LiveFile) -> Result<()> {
        let mut remove = json!({
            "path": file.path,
            "deletionTimestamp": Utc::now().timestamp_millis(),
            "dataChange": true,
            "extendedFileMetadata": true,
            "partitionValues": file.partition_values,
        });
        if let Some(size) = file.size {
            remove["size"] = json!(size);
        }
        if let Some(vector) = file
            .deletion_vector
            .as_ref()
            .filter(|vector| !vector.is_null())
        {
            remove["deletionVector"] = vector.clone();
        }
        self.action("remove", &remove)
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.lines.into()
    }
}

fn to_value(action: &impl Serialize) -> Result<Value> {
    serde_json::to_value(action).map_err(|e| {
        Error::new(
            Kind::Other,
            Blame::Host,
            "a log entry could not be written as JSON",
        )
        .with_source(e)
    })
}

/// The note of a commit that this process makes now.
pub(crate) fn note(pipeline: &str) -> CommitNote {
    CommitNote {
        pipeline: pipeline.to_owned(),
        commits: Vec::new(),
        first: false,
        host: process::host_name().to_owned(),
        pid: std::process::id(),
    }
}

/// The `metaData` of a table that is made now. An empty `schema` makes a table that only holds
/// positions, until a component creates its columns.
///
/// # Errors
/// Only a host bug.
pub(crate) fn new_metadata(schema: Option<&TableSchema>) -> Result<Metadata> {
    let schema_string = match schema {
        Some(schema) => schema.schema_string()?,
        None => r#"{"type":"struct","fields":[]}"#.to_owned(),
    };
    Ok(Metadata {
        id: uuid::Uuid::new_v4().to_string(),
        name: None,
        description: None,
        format: Format {
            provider: "parquet".to_owned(),
            options: BTreeMap::new(),
        },
        schema_string,
        partition_columns: schema.map(TableSchema::partition_names).unwrap_or_default(),
        configuration: BTreeMap::new(),
        created_time: Some(Utc::now().timestamp_millis()),
    })
}
