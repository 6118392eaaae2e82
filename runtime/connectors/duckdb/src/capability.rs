//! The host side of `wasm-sink:duckdb/duckdb`.

use serde_json::json;
use wasm_sink_core::guest::tables::{Answer, TableHandle as Handle, TableStage};
use wasm_sink_core::guest::{Batch, Guest, HasGuest, wit};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::bindings::wasm_sink::duckdb::duckdb;
use crate::stage::DuckDbStage;

/// What a component holds of a table.
pub type TableHandle = Handle<DuckDbStage>;

/// The contract of the capability.
pub const WIT: &str = include_str!("../../../../wit/deps/duckdb/duckdb.wit");

/// Links `wasm-sink:duckdb/duckdb`.
///
/// # Errors
/// Only where it is linked twice.
pub fn link<T: HasGuest>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    duckdb::add_to_linker::<T, HasSelf<Guest>>(linker, T::guest)
}

impl duckdb::Host for Guest {}

impl duckdb::HostTable for Guest {
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
    ) -> Answer<()> {
        self.on_table(
            &table,
            "create",
            || json!([fields]),
            async |stage, name| stage.create(name, &fields).await,
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

    async fn widen_columns(
        &mut self,
        table: Resource<TableHandle>,
        fields: Vec<wit::Field>,
    ) -> Answer<()> {
        self.on_table_at_length(
            &table,
            "widen-columns",
            || json!([fields]),
            async |stage, name| stage.widen_columns(name, &fields).await,
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

    async fn upsert_by(&mut self, table: Resource<TableHandle>, keys: Vec<String>) -> Answer<()> {
        self.on_table(
            &table,
            "upsert-by",
            || json!([keys]),
            async |stage, name| stage.upsert_by(name, keys.clone()),
        )
        .await
    }

    async fn drop(&mut self, table: Resource<TableHandle>) -> wasmtime::Result<()> {
        self.drop_table(table)
    }
}
