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
        self.require_same_columns().await?;
        let removes = self.tables.iter().any(|table| table.overwrite);
        if removes {
            self.session().await?;
        }
        for work in rows {
            work.run(self.session().await?).await?;
        }
        Ok(())
    }

    /// Rows that waited were made for columns as they were thought to become. Where another task was
    /// first with a column of the same name, the library would cast what does not fit.
    async fn require_same_columns(&mut self) -> Result<()> {
        let waiting = self.tables.iter().filter(|table| table.has_rows);
        let waiting =
            waiting.filter_map(|table| Some((table.name.clone(), table.columns.clone()?)));
        for (name, thought) in waiting.collect::<Vec<_>>() {
            let found = Columns::read(self.transaction().await?, &name).await?;
            let found = found.ok_or_else(|| dropped(&name))?;
            let changed = thought.iter().find(|column| {
                let same = found.get(&column.name);
                same.is_none_or(|same| same.data_type != column.data_type)
            });
            if let Some(column) = changed {
                return Err(Error::new(
                    Kind::Conflict,
                    Blame::Destination,
                    format!("column `{}` of {name} was changed meanwhile", column.name),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
    use wasm_sink_core::CommitId;
    use wasm_sink_core::connection::{ConnectionContext, ConnectionSpec};
    use wasm_sink_core::guest::tables::TableStage;
    use wasm_sink_core::stage::Stage;

    use super::*;
    use crate::connection::{DuckDbConnection, DuckDbSpec};
    use crate::settings::DatabaseFile;

    /// The library would make 2 of 1.5, and say nothing.
    #[tokio::test]
    async fn rows_that_waited_do_not_go_into_a_column_that_is_another_by_now() {
        let folder = tempfile::tempdir().unwrap();
        let spec = DuckDbSpec(DatabaseFile {
            path: folder.path().join("some.duckdb"),
            memory_limit_bytes: None,
            threads: Some(1),
        });
        let context = ConnectionContext {
            label: "db".into(),
            pipeline: "p".into(),
            directory: folder.path().to_owned(),
            max_epoch: std::time::Duration::from_secs(5),
        };
        let connection = spec.open(context).await.unwrap();
        let connection: &DuckDbConnection = connection.as_any().downcast_ref().unwrap();
        let shared = Arc::clone(&connection.0);
        let mut other = Session::connect(&shared).await.unwrap();
        other
            .run("creating", "create table t (id bigint)")
            .await
            .unwrap();

        let mut late = DuckDbStage::new(Arc::clone(&shared), Purpose::Commit);
        late.open("t").await.unwrap();
        late.upsert_by("t", vec!["id".to_owned()]).unwrap();
        late.begin(CommitId::from_random(1));
        let field = wit::Field {
            name: "c".to_owned(),
            data_type: "float64".to_owned(),
            nullable: true,
        };
        late.add_columns("t", &[field]).await.unwrap();
        let id: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let value: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
        let rows = RecordBatch::try_from_iter([("id", id), ("c", value)]).unwrap();
        let fitted = late.fit("t", &rows).unwrap();
        late.push("t", fitted.rows).await.unwrap();

        let adding = "alter table t add column c bigint";
        other.run("adding", adding).await.unwrap();
        let Err(error) = late.finish().await else {
            panic!("the column holds whole numbers alone");
        };
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.message().contains("`c`"), "{error}");
    }
}
