//! Older rows: removed once, and noted so.

use wasm_sink_core::sql::TableName;
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result};

use crate::bookkeeping::OVERWRITES;
use crate::connection::Shared;
use crate::session::{Parameter, Session};

/// Removes the rows that stood in a table before the pipeline's first commit, in this transaction;
/// whether there were any.
pub(super) async fn clear(
    shared: &Shared,
    session: &mut Session,
    table: &TableName,
    epoch: CommitId,
) -> Result<bool> {
    let mut removed = 0;
    if mark(shared, session, table, epoch).await? {
        let doing = format!("removing the older rows of {table}");
        let deletion = format!("delete from {table}");
        let deleted = session.execute(&doing, &deletion, &[]).await;
        // Rows that stood there are in the way of others: not the fault of any that are new.
        removed = deleted.map_err(|error| match error.kind() {
            Kind::Rejected => Error::new(Kind::Other, Blame::Destination, error.to_string()),
            _ => error,
        })?;
    }
    Ok(removed > 0)
}

/// Notes that the pipeline has rows in a table: what stood there is gone, or stays. False where that
/// was noted before, or there is no table.
pub(crate) async fn mark(
    shared: &Shared,
    session: &mut Session,
    table: &TableName,
    epoch: CommitId,
) -> Result<bool> {
    let schema = table.schema().map_or("main", |schema| schema.as_str());
    let marked = session
        .execute(
            "marking a table",
            &format!(
                "insert into {OVERWRITES} (pipeline, table_name, commit_id)
                 select ?, schema_name || '.' || duckdb_tables.table_name, ? from duckdb_tables()
                 where database_name = current_database()
                   and lower(schema_name) = lower(?)
                   and lower(duckdb_tables.table_name) = lower(?)
                   and not exists (
                       select * from {OVERWRITES} as noted
                       where noted.pipeline = ?
                         and noted.table_name = schema_name || '.' || duckdb_tables.table_name)"
            ),
            &[
                shared.pipeline.as_ref().into(),
                Parameter::Integer(epoch.slot()),
                schema.into(),
                table.table().as_str().into(),
                shared.pipeline.as_ref().into(),
            ],
        )
        .await?;
    Ok(marked == 1)
}
