//! The host side of `wasm-sink:delta/delta`.

use std::sync::Arc;

use wasm_sink_core::dead_letter::RefusedBy;
use wasm_sink_core::guest::{Batch, Guest, HasGuest, wit};
use wasm_sink_core::{Blame, Error, Kind, Result, Rows};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::bindings::wasm_sink::delta::delta;
use crate::stage::DeltaStage;

/// What a component holds of a table: its connection's role and its name.
#[derive(Clone, Debug)]
pub struct TableHandle {
    role: Arc<str>,
    name: Arc<str>,
}

/// Links `wasm-sink:delta/delta`.
///
/// # Errors
/// Only where it is linked twice.
pub fn link<T: HasGuest>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    delta::add_to_linker::<T, HasSelf<Guest>>(linker, T::guest)
}

impl delta::Host for Guest {}

impl delta::HostTable for Guest {
    async fn open(
        &mut self,
        connection: String,
        name: String,
    ) -> wasmtime::Result<Result<Resource<TableHandle>, wit::Error>> {
        let opened = match self.stage::<DeltaStage>(&connection) {
            Ok(stage) => stage.open(&name).await,
            Err(error) => Err(error),
        };
        if let Err(error) = self.answer(opened) {
            return Ok(Err(error));
        }
        let handle = TableHandle {
            role: connection.into(),
            name: name.into(),
        };
        Ok(Ok(self.table().push(handle)?))
    }

    async fn fields(
        &mut self,
        table: Resource<TableHandle>,
    ) -> wasmtime::Result<Result<Option<Vec<wit::Field>>, wit::Error>> {
        let handle = self.table().get(&table)?.clone();
        let fields = self
            .stage::<DeltaStage>(&handle.role)
            .and_then(|stage| stage.fields(&handle.name));
        Ok(self.answer(fields))
    }

    async fn create(
        &mut self,
        table: Resource<TableHandle>,
        fields: Vec<wit::Field>,
        partition_by: Vec<String>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let handle = self.table().get(&table)?.clone();
        let wait = self.limits().stage_wait;
        let created = match self.stage::<DeltaStage>(&handle.role) {
            Ok(stage) => {
                stage
                    .create(&handle.name, &fields, &partition_by, wait)
                    .await
            }
            Err(error) => Err(error),
        };
        Ok(self.answer(created))
    }

    async fn add_columns(
        &mut self,
        table: Resource<TableHandle>,
        fields: Vec<wit::Field>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let handle = self.table().get(&table)?.clone();
        let wait = self.limits().stage_wait;
        let added = match self.stage::<DeltaStage>(&handle.role) {
            Ok(stage) => stage.add_columns(&handle.name, &fields, wait).await,
            Err(error) => Err(error),
        };
        Ok(self.answer(added))
    }

    async fn append(
        &mut self,
        table: Resource<TableHandle>,
        rows: Resource<Batch>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let handle = self.table().get(&table)?.clone();
        let rows = self.rows(&rows)?.clone();
        let appended = append(self, &handle, &rows).await;
        Ok(self.answer(appended))
    }

    async fn overwrite(
        &mut self,
        table: Resource<TableHandle>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let handle = self.table().get(&table)?.clone();
        let wished = self
            .stage::<DeltaStage>(&handle.role)
            .and_then(|stage| stage.overwrite(&handle.name));
        Ok(self.answer(wished))
    }

    async fn drop(&mut self, table: Resource<TableHandle>) -> wasmtime::Result<()> {
        self.table().delete(table)?;
        Ok(())
    }
}

async fn append(guest: &mut Guest, handle: &TableHandle, rows: &Rows) -> Result<()> {
    let prepared = guest
        .stage::<DeltaStage>(&handle.role)?
        .prepare(&handle.name, rows.values())?;
    // Refusing comes first: where it is not possible, nothing was staged.
    if let Some(refused) = &prepared.refused {
        let left_out = rows.filter(&refused.rows).map_err(|e| {
            Error::new(
                Kind::Other,
                Blame::Host,
                "refused rows could not be set aside",
            )
            .with_source(e)
        })?;
        let reason = |row: usize| refused.reasons.get(row).cloned().unwrap_or_default();
        guest.reject(&left_out, RefusedBy::Host, reason)?;
    }
    let staged = prepared.row_count() as u64;
    let wait = guest.limits().stage_wait;
    let push = guest
        .stage::<DeltaStage>(&handle.role)?
        .push(&handle.name, prepared);
    match tokio::time::timeout(wait, push).await {
        Ok(pushed) => pushed?,
        Err(_) => {
            return Err(Error::new(
                Kind::Unavailable,
                Blame::Destination,
                format!("the storage took no rows for {} s", wait.as_secs()),
            ));
        }
    }
    guest.count_staged(staged);
    Ok(())
}
