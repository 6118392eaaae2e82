//! The host side of `wasm-sink:delta/delta`.

use serde_json::json;
use wasm_sink_core::guest::tables::{Answer, TableHandle as Handle, TableStage};
use wasm_sink_core::guest::{Batch, Guest, HasGuest, wit};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::bindings::wasm_sink::delta::delta;
use crate::stage::DeltaStage;

/// What a component holds of a table.
pub type TableHandle = Handle<DeltaStage>;

/// The contract of the capability.
pub const WIT: &str = include_str!("../../../../wit/deps/delta/delta.wit");

/// Links `wasm-sink:delta/delta`.
///
/// # Errors
/// Only where it is linked twice.
pub fn link<T: HasGuest>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    delta::add_to_linker::<T, HasSelf<Guest>>(linker, T::guest)
}

impl delta::Host for Guest {}

impl delta::HostTable for Guest {
    async fn open(&mut self, connection: String, name: String) -> Answer<Resource<TableHandle>> {
        self.open_table(connection, name).await
    }

    async fn fields(&mut self, table: Resource<TableHandle>) -> Answer<Option<Vec<wit::Field>>> {
        self.on_table(
            &table,
            "fields",
            || json!([]),
            async |stage, name| stage.fields(name),
        )
        .await
    }

    async fn create(
        &mut self,
        table: Resource<TableHandle>,
        fields: Vec<wit::Field>,
        partition_by: Vec<String>,
    ) -> Answer<()> {
        self.on_table(
            &table,
            "create",
            || json!([fields, partition_by]),
            async |stage, name| stage.create(name, &fields, &partition_by).await,
        )
        .await
    }

    async fn add_columns(
        &mut self,
        table: Resource<TableHandle>,
        fields: Vec<wit::Field>,
    ) -> Answer<()> {
        self.on_table(
            &table,
            "add-columns",
            || json!([fields]),
            async |stage, name| stage.add_columns(name, &fields).await,
        )
        .await
    }

    async fn append(&mut self, table: Resource<TableHandle>, rows: Resource<Batch>) -> Answer<()> {
        self.append_rows(&table, &rows).await
    }

    async fn overwrite(&mut self, table: Resource<TableHandle>) -> Answer<()> {
        self.on_table(
            &table,
            "overwrite",
            || json!([]),
            async |stage, name| stage.overwrite(name),
        )
        .await
    }

    async fn drop(&mut self, table: Resource<TableHandle>) -> wasmtime::Result<()> {
        self.drop_table(table)
    }
}
