//! What people see of their mistakes, and what a right file becomes.

mod mistakes;
mod pipelines;
mod secrets;
mod sink_config;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use wasm_sink_core::connection::{Connection, ConnectionContext, ConnectionSpec};
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::{Source, SourceContext, SourceSpec};
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::{Diagnostics, Pipeline, Registry};
use crate::connectors::Connector;

/// Connectors of every kind: `lake` is written to, `broker` both, `log` is read only, `files` needs
/// no connection, `warehouse` is not in this build, `mute` refuses without a word.
fn connectors() -> Vec<Connector> {
    let named = Connector::named;
    vec![
        named("lake")
            .with_connection(connection)
            .with_capability("", |_| Ok(())),
        named("broker")
            .with_connection(connection)
            .with_source(source)
            .with_capability("", |_| Ok(()))
            .with_dead_letters(),
        named("log").with_connection(connection).with_source(source),
        named("files").with_source(source),
        named("mute").with_source(|_, _| None),
    ]
}

struct Spec;

fn connection(table: &Table, problems: &mut Vec<Problem>) -> Option<Box<dyn ConnectionSpec>> {
    let before = problems.len();
    let mut reader = table.reader(problems);
    reader.required_string("path", "path = \"./table\"");
    reader.string("endpoint");
    reader.secret("secret_access_key");
    reader.boolean("allow_http");
    reader.finish();
    (problems.len() == before).then(|| Box::new(Spec) as _)
}

fn source(table: &Table, problems: &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> {
    let before = problems.len();
    let mut reader = table.reader(problems);
    reader.string("path");
    reader.strings("topics");
    reader.integer("batch_rows", 1);
    reader.choice("format", &[("json", ()), ("csv", ()), ("parquet", ())]);
    reader.finish();
    (problems.len() == before).then(|| Box::new(Spec) as _)
}

fn unused() -> Error {
    Error::new(Kind::Other, Blame::Host, "never opened here")
}

#[async_trait]
impl ConnectionSpec for Spec {
    async fn open(&self, _context: ConnectionContext) -> Result<Arc<dyn Connection>> {
        Err(unused())
    }
}

#[async_trait]
impl SourceSpec for Spec {
    async fn open(
        &self,
        _connection: Option<Arc<dyn Connection>>,
        _context: SourceContext,
    ) -> Result<Box<dyn Source>> {
        Err(unused())
    }
}

fn environment(name: &str) -> Option<OsString> {
    match name {
        "LAKE_SECRET" => Some("hunter2hunter2".into()),
        "LONG_SECRET" => Some("hunter2hunter2hunter2".into()),
        "SHORT_SECRET" => Some("pw".into()),
        "STAGE" => Some("test".into()),
        "HOME" => Some("/home/ada".into()),
        "ROWS" => Some("1000".into()),
        "EMPTY" => Some("".into()),
        _ => None,
    }
}

fn read(text: &str) -> std::result::Result<Pipeline, Diagnostics> {
    let registry = Registry {
        known_connectors: vec!["lake", "broker", "log", "files", "mute", "warehouse"],
        connectors: connectors(),
        components: vec!["delta", "discard"],
    };
    super::read(
        "pipeline.toml".to_owned(),
        text.to_owned(),
        PathBuf::from("here"),
        &registry,
        &environment,
    )
}
