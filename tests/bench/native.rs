//! `wasm-sink-native pipeline.toml`: `wasm-sink run`, with what components/delta does for rows that
//! need no shaping written in here: the same calls into the host, and no Wasm around them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;
use wasm_sink::allocator::{self, Configuration, Jemalloc};
use wasm_sink::config::{self, LoadError, Registry, Style};
use wasm_sink::engine::InstanceLimits;
use wasm_sink::launch::Beginning;
use wasm_sink::launch::deliver;
use wasm_sink::metrics::Metrics;
use wasm_sink_core::component::{Component, Failure, FailureCause, Instance, Sealed};
use wasm_sink_core::connection::Connection;
use wasm_sink_core::guest::wit::{self, HostBatch, HostPlan};
use wasm_sink_core::guest::{Access, Batch, Guest, Plan};
use wasm_sink_core::stage::{Purpose, TablePreview, UnitId};
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Position, Result, Rows};
use wasm_sink_delta::TableHandle;
use wasm_sink_delta::bindings::wasm_sink::delta::delta::HostTable;
use wasmtime::component::Resource;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

// SAFETY: jemalloc has a weak definition of this name and type, which this one replaces.
#[unsafe(export_name = "malloc_conf")]
static ALLOCATOR_CONFIGURATION: Configuration = allocator::CONFIGURATION;

const ROLE: &str = "default";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::result::Result<(), String> {
    let path = std::env::args_os().nth(1).ok_or("which pipeline.toml?")?;
    let registry = Registry::of_this_build();
    let pipeline =
        config::load(&PathBuf::from(path), &registry, &|_| None).map_err(|e| match e {
            LoadError::Unreadable(error) => error.to_string(),
            LoadError::Wrong(diagnostics) => diagnostics.render(Style::Plain),
        })?;
    let metrics = Arc::new(Metrics::new(pipeline.name.as_str()));
    let (_told, shutdown) = watch::channel(false);
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let component = |_: &_, connections: &BTreeMap<String, Arc<dyn Connection>>| {
        let lake = connections.values().next().cloned();
        lake.map(|lake| Arc::new(Native(lake)) as Arc<dyn Component>)
            .ok_or_else(|| problem("there is no connection"))
    };
    let delivery = deliver(
        pipeline,
        Beginning::Stored,
        metrics,
        shutdown,
        component,
        |_| {},
    );
    runtime
        .block_on(delivery)
        .map(drop)
        .map_err(|e| e.to_string())
}

fn problem(message: impl Into<String>) -> Error {
    Error::new(Kind::Other, Blame::Host, message)
}

/// components/delta without configuration.
struct Native(Arc<dyn Connection>);

#[async_trait]
impl Component for Native {
    fn hash(&self) -> &str {
        "native"
    }

    fn configuration(&self) -> &str {
        "none"
    }

    async fn start(&self, purpose: Purpose) -> Result<Box<dyn Instance>> {
        let stage = self.0.stage(purpose);
        let stages = stage.map(|stage| (ROLE.to_owned(), stage)).into_iter();
        let mut guest = Guest::new(stages.collect(), InstanceLimits::default().guest);
        guest.set_access(Access::Granted);
        let table = guest.open(ROLE.to_owned(), String::new()).await;
        Ok(Box::new(NativeInstance {
            table: answered(table)?,
            guest,
            plans: Vec::new(),
            fitting: Vec::new(),
        }))
    }
}

/// What a capability answered, without the difference between a trap and an error.
fn answered<T>(answer: wasmtime::Result<std::result::Result<T, wit::Error>>) -> Result<T> {
    match answer {
        Ok(answer) => answer.map_err(Error::from),
        Err(trap) => Err(problem(trap.to_string())),
    }
}

struct NativeInstance {
    guest: Guest,
    table: Resource<TableHandle>,
    /// By schema id, like `fitting`.
    plans: Vec<(u32, Resource<Plan>)>,
    fitting: Vec<u32>,
}

/// The same resource once more: calls consume what they are given.
fn again<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

impl NativeInstance {
    async fn take(&mut self, rows: Rows) -> Result<()> {
        if let Some(source) = rows.source() {
            let begin = source.begin.clone();
            self.guest.admit(&source.key, begin.as_ref());
        }
        self.guest.count_taken(rows.len() as u64);
        let rows = self
            .guest
            .push_rows(rows)
            .map_err(|e| problem(e.to_string()))?;
        let plan = self.plan_for(&rows).await?;
        let shaped = answered(HostPlan::apply(&mut self.guest, plan, again(&rows)).await)?;
        let schema = self.schema_id(&shaped).await?;
        if !self.fitting.contains(&schema) {
            let fields = self.fields(&shaped).await?;
            if answered(HostTable::fields(&mut self.guest, again(&self.table)).await)?.is_none() {
                let table = again(&self.table);
                answered(self.guest.create(table, fields.clone(), Vec::new()).await)?;
            }
            answered(self.guest.add_columns(again(&self.table), fields).await)?;
            self.fitting.push(schema);
        }
        let table = again(&self.table);
        answered(self.guest.append(table, again(&shaped)).await)?;
        for batch in [rows, shaped] {
            HostBatch::drop(&mut self.guest, batch)
                .await
                .map_err(|e| problem(e.to_string()))?;
        }
        Ok(())
    }

    async fn schema_id(&mut self, rows: &Resource<Batch>) -> Result<u32> {
        let id = self.guest.schema_id(again(rows)).await;
        id.map_err(|e| problem(e.to_string()))
    }

    async fn fields(&mut self, rows: &Resource<Batch>) -> Result<Vec<wit::Field>> {
        let fields = HostBatch::fields(&mut self.guest, again(rows)).await;
        let mut fields = fields.map_err(|e| problem(e.to_string()))?;
        fields.retain(|field| field.data_type != "null");
        Ok(fields)
    }

    async fn plan_for(&mut self, rows: &Resource<Batch>) -> Result<Resource<Plan>> {
        let schema = self.schema_id(rows).await?;
        if let Some((_, plan)) = self.plans.iter().find(|(id, _)| *id == schema) {
            return Ok(again(plan));
        }
        let plan = HostPlan::new(&mut self.guest).await;
        let plan = plan.map_err(|e| problem(e.to_string()))?;
        for field in self.fields(rows).await? {
            let path = vec![field.name.clone()];
            let added = self
                .guest
                .column(again(&plan), field.name, path, None, field.nullable);
            answered(added.await)?;
        }
        let given = again(&plan);
        self.plans.push((schema, plan));
        Ok(given)
    }

    async fn seal(&mut self) -> Result<Sealed> {
        let mut staged = Vec::new();
        for (_, stage) in self.guest.stages() {
            staged.extend(stage.finish().await?);
        }
        let sealed = Sealed {
            staged,
            account: self.guest.account(),
            dead_letters: self.guest.take_dead_letters(),
        };
        self.guest.end_epoch();
        Ok(sealed)
    }
}

fn failed(error: Error) -> Failure {
    Failure {
        cause: FailureCause::Answer,
        error,
    }
}

#[async_trait]
impl Instance for NativeInstance {
    fn units(&self) -> Vec<UnitId> {
        vec![UnitId {
            connection: "lake".into(),
            name: "".into(),
        }]
    }

    fn begin(&mut self, id: CommitId) {
        self.guest.begin_epoch(id);
    }

    fn admit(&mut self, _key: &PartitionKey, _begin: Option<&Position>) {}

    async fn write(&mut self, rows: Rows) -> std::result::Result<(), Failure> {
        self.take(rows).await.map_err(failed)
    }

    fn wish(&self) -> Option<Instant> {
        None
    }

    async fn flush(&mut self) -> std::result::Result<Sealed, Failure> {
        self.seal().await.map_err(failed)
    }

    async fn forget(&mut self) {
        for (_, stage) in self.guest.stages() {
            stage.forget().await;
        }
        self.guest.end_epoch();
    }

    fn preview(&mut self) -> Vec<TablePreview> {
        Vec::new()
    }
}
