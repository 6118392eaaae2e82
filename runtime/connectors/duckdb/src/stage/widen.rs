//! Changes of a table's columns, and where they stand in a transaction.
//!
//! The library alters a table that the transaction has added a few rows to. One that it has deleted or
//! replaced rows of cannot be committed then. Where row groups were written, further ones are an internal
//! error (<https://github.com/duckdb/duckdb/pull/25724>), and the database is given up. So changes come
//! first, and an epoch that finds out too late begins anew.

use std::sync::Arc;

use wasm_sink_core::guest::wit;
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::work::{Work, changes};
use super::{DuckDbStage, dropped};
use crate::catalog::Columns;
use crate::session::Session;

/// Rows that the library writes together.
const ROW_GROUP: u64 = 122_880;

impl DuckDbStage {
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
        let widened = match (purpose, self.is_late()) {
            (Purpose::Preview, _) => Arc::new(columns.replaced(wider)),
            (Purpose::Commit | Purpose::Probe, is_late) => {
                let work = Work::Widening {
                    table: name.clone(),
                    changes: changes(&columns, &wider),
                };
                let settled = match is_late {
                    true => {
                        let mut session = Session::connect(&self.shared).await?;
                        Some(columns.replaced(wider.settled(&mut session).await?))
                    }
                    false => None,
                };
                self.alter(table, work).await?;
                match settled {
                    Some(widened) => Arc::new(widened),
                    None => {
                        let session = self.transaction().await?;
                        let widened = Columns::read(session, &name).await?;
                        widened.ok_or_else(|| dropped(&name))?
                    }
                }
            }
        };
        self.settle(table, widened).await
    }

    /// Changes a table in the epoch's transaction, before rows of it go.
    pub(super) async fn alter(&mut self, table: &str, work: Work) -> Result<()> {
        self.epoch()?;
        if self.is_late() {
            self.late.push(work);
            return Ok(());
        }
        let rows = self.rows;
        let open = self.find(table)?;
        if open.is_emptied || (open.has_rows && rows >= ROW_GROUP) {
            let name = open.name.clone();
            self.shared.wait_for_ends();
            return Err(Error::new(
                Kind::Conflict,
                Blame::Destination,
                format!(
                    "{name} gets other columns behind rows of the epoch; from now on, rows wait for the \
                     epoch's end"
                ),
            ));
        }
        work.run(self.transaction().await?).await?;
        Step::ColumnsAdded.reached();
        Ok(())
    }

    /// Does what waited for the epoch's end: changes of tables first.
    pub(super) async fn do_late(&mut self) -> Result<()> {
        let late = std::mem::take(&mut self.late).into_iter();
        let (rows, changes): (Vec<_>, Vec<_>) =
            late.partition(|work| matches!(work, Work::Rows { .. }));
        for work in changes {
            work.run(self.transaction().await?).await?;
            Step::ColumnsAdded.reached();
        }
        let removes = self.tables.iter().any(|table| table.overwrite);
        if removes {
            self.session().await?;
        }
        for work in rows {
            work.run(self.session().await?).await?;
        }
        Ok(())
    }
}
