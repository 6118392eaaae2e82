//! The tables of pipeline.toml, one function each.

mod admin;
mod connections;
mod dead_letters;
mod numbers;
mod sink;
mod source;
mod telemetry;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasm_sink_core::settings::{Entry, Node, Problem, Reader, Table, Value};

use super::changes::Written;
use super::codes::Code;
use super::diagnostics::SourceText;
use super::names::{Label, PipelineName};
use super::registry::Registry;
use super::{Admin, Connection, DeadLetters, Pipeline, Sink, Source, Telemetry};
use crate::pipeline::limits::{EpochLimits, Limits, Retry};

/// The tables that a pipeline can have.
const TABLES: [&str; 9] = [
    "connections",
    "source",
    "sink",
    "epoch",
    "limits",
    "retry",
    "dead_letters",
    "admin",
    "telemetry",
];

/// Everything that the file says.
pub(super) struct Parts {
    name: PipelineName,
    state_dir: PathBuf,
    connections: BTreeMap<Label, Connection>,
    source: Source,
    sink: Sink,
    epoch: EpochLimits,
    limits: Limits,
    retry: Retry,
    dead_letters: DeadLetters,
    admin: Option<Admin>,
    telemetry: Option<Telemetry>,
}

impl Parts {
    pub(super) fn into_pipeline(
        self,
        directory: PathBuf,
        written: Written,
        file: Arc<SourceText>,
        warnings: Vec<Problem>,
    ) -> Pipeline {
        Pipeline {
            name: self.name,
            directory,
            state_dir: self.state_dir,
            connections: self.connections,
            source: self.source,
            sink: self.sink,
            epoch: self.epoch,
            limits: self.limits,
            retry: self.retry,
            dead_letters: self.dead_letters,
            admin: self.admin,
            telemetry: self.telemetry,
            written,
            file,
            warnings,
        }
    }
}

/// Reads all tables; None only where problems were reported.
pub(super) fn read(
    document: &Table,
    directory: &Path,
    registry: &Registry,
    problems: &mut Vec<Problem>,
) -> Option<Parts> {
    let mut root = document.reader(problems);
    let name = name(&mut root);
    let state_dir = root
        .string("state_dir")
        .map(|(path, _)| directory.join(path));
    for key in TABLES {
        // Reported here where it is something else; `inner` leaves it out then.
        root.table(key);
    }
    if document.get("source").is_none() {
        root.missing(
            "[source]",
            "records come from somewhere: [source] type = \"files\"",
        );
    }
    if document.get("sink").is_none() {
        root.missing(
            "[sink]",
            "records go somewhere: [sink] component = \"delta\"",
        );
    }
    let routes = routes(document, &mut root);
    root.finish();

    let inner = |key| inner(document, key);
    let (source_table, sink_table) = (inner("source"), inner("sink"));
    let connections = connections::read(inner("connections"), registry, problems);
    let source =
        source_table.and_then(|table| source::read(table, &connections, registry, problems));
    let sink = sink_table
        .and_then(|table| sink::read(table, routes, directory, &connections, registry, problems));
    let epoch = inner("epoch").map_or_else(EpochLimits::default, |table| {
        numbers::epoch(table, problems)
    });
    let limits =
        inner("limits").map_or_else(Limits::default, |table| numbers::limits(table, problems));
    let retry = inner("retry").map_or_else(Retry::default, |table| numbers::retry(table, problems));
    let letters_table = inner("dead_letters");
    let dead_letters = letters_table
        .and_then(|table| dead_letters::read(table, directory, &connections, registry, problems));
    let admin = inner("admin").and_then(|table| admin::read(table, problems));
    let telemetry = inner("telemetry").and_then(|table| telemetry::read(table, problems));
    connections.report_unused([source_table, sink_table, letters_table], problems);

    let name = name?;
    let state_dir = state_dir.unwrap_or_else(|| directory.join(".wasm-sink").join(name.as_str()));
    let dead_letters =
        dead_letters.unwrap_or_else(|| DeadLetters::Directory(state_dir.join("dead-letters")));
    Some(Parts {
        name,
        state_dir,
        connections: connections.into_opened(),
        source: source?,
        sink: sink?,
        epoch,
        limits,
        retry,
        dead_letters,
        admin,
        telemetry,
    })
}

/// The table of a key.
fn inner<'a>(document: &'a Table, key: &str) -> Option<&'a Table> {
    match &document.get(key)?.node.value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

fn name(root: &mut Reader<'_>) -> Option<PipelineName> {
    let (text, span) = root.required_string(
        "name",
        "positions are kept under it in the destination: name = \"payments\"",
    )?;
    match PipelineName::try_from(text) {
        Ok(name) => Some(name),
        Err(error) => {
            root.problem(Problem {
                code: Code::BadName.as_str(),
                message: format!("`name` cannot be \"{text}\": {error}"),
                span,
                help: Some(NAME_HELP.to_owned()),
            });
            None
        }
    }
}

/// The rule of [`PipelineName`], [`Label`] and `Role`.
const NAME_HELP: &str =
    "letters, digits, `-`, `_` and `.`, beginning with a letter or a digit; at most 128";

/// `[[routes]]`, which the component reads.
fn routes<'a>(document: &'a Table, root: &mut Reader<'_>) -> Option<&'a Entry> {
    root.take("routes");
    let routes = document.get("routes")?;
    let is_table = |node: &Node| matches!(node.value, Value::Table(_));
    match &routes.node.value {
        Value::List(nodes) if nodes.iter().all(is_table) => Some(routes),
        other => {
            let found = match other {
                Value::List(_) => "a list of other things",
                other => other.type_name(),
            };
            root.problem(Problem {
                code: Code::WrongType.as_str(),
                message: format!("`routes` takes a list of tables, and this is {found}"),
                span: routes.key_span.clone(),
                help: Some(
                    "each route stands in double brackets: [[routes]], then topic = \"orders\" and \
                     table = \"orders\""
                        .to_owned(),
                ),
            });
            None
        }
    }
}
