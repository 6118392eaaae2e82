//! Columns that become ones which hold more.

use std::sync::Arc;

use wasm_sink_core::guest::wit;
use wasm_sink_core::sql::TableName;
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::PostgresStage;
use crate::catalog::{Column, Columns};
use crate::name::NAMES;

impl PostgresStage {
    pub(super) async fn widen(&mut self, table: &str, fields: &[wit::Field]) -> Result<()> {
        let purpose = self.purpose;
        let open = self.find(table)?;
        let name = open.name.clone();
        let Some(columns) = open.columns.clone() else {
            return Err(Error::invalid(format!(
                "there is no table {name} yet; create it first"
            )));
        };
        let wider = columns.wider(fields)?;
        if wider.is_empty() {
            return Ok(());
        }
        let widened = match purpose {
            Purpose::Preview => Arc::new(columns.replaced(wider)),
            Purpose::Commit | Purpose::Probe => self.widen_now(table, &name, fields).await?,
        };
        self.find(table)?.columns = Some(widened);
        Ok(())
    }

    async fn widen_now(
        &mut self,
        table: &str,
        name: &TableName,
        fields: &[wit::Field],
    ) -> Result<Arc<Columns>> {
        // The table where rows wait has the types that there were.
        self.merge(table).await?;
        let session = self.session().await?;
        let doing = format!("locking {name} to widen its columns");
        // Checks that are pending would be in its way. Another process may be at it, too: without the
        // lock, what it made wider could be narrowed here.
        let statements =
            format!("set constraints all immediate; lock table {name} in access exclusive mode");
        session.run(&doing, &statements).await?;
        let found = Columns::read(session.client().await?, name).await?;
        let wider = found.ok_or_else(|| dropped(name))?.wider(fields)?;
        if !wider.is_empty() {
            let doing = format!("widening columns of {name}");
            let widened = session.run(&doing, &alteration(name, &wider)?).await;
            widened.map_err(|error| refused(error, &wider))?;
            Step::ColumnsAdded.reached();
        }
        let widened = Columns::read(session.client().await?, name).await?;
        widened.ok_or_else(|| dropped(name))
    }
}

/// One statement for all: each may have the server write the table anew.
fn alteration(name: &TableName, columns: &[Column]) -> Result<String> {
    let changes: Result<Vec<String>> = columns
        .iter()
        .map(|column| {
            let quoted = NAMES.name(&column.name)?;
            Ok(format!("alter column {quoted} type {}", column.kind.sql()))
        })
        .collect();
    Ok(format!("alter table {name} {}", changes?.join(", ")))
}

/// What the server refuses of a change is not the fault of any row, and stays so.
fn refused(error: Error, columns: &[Column]) -> Error {
    if !matches!(error.kind(), Kind::Rejected | Kind::Other) {
        return error;
    }
    let changes: Vec<String> = columns
        .iter()
        .map(|column| format!("`{}` to {}", column.name, column.kind.sql()))
        .collect();
    Error::new(
        Kind::Other,
        Blame::Configuration,
        format!(
            "{error}; change {} by hand, or set schema_evolution = \"add_columns\"",
            changes.join(", ")
        ),
    )
}

fn dropped(name: &TableName) -> Error {
    Error::new(
        Kind::Conflict,
        Blame::Destination,
        format!("table {name} was dropped"),
    )
}
