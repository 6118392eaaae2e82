//! Rows that stood in a table before the pipeline's first commit.

use wasm_sink_core::sql::TableName;
use wasm_sink_core::{Blame, CommitId, Error, Kind, Result};

use crate::bookkeeping::Book;
use crate::connection::Shared;
use crate::session::Session;

/// Removes the rows that stood in a table before the pipeline's first commit, in this transaction.
/// Another task that is at it is waited for.
pub(super) async fn clear(
    shared: &Shared,
    session: &mut Session,
    table: &TableName,
    epoch: CommitId,
) -> Result<()> {
    let doing = format!("removing the older rows of {table}");
    if mark(shared, session, table, epoch).await? {
        let removed = session.run(&doing, &format!("delete from {table}")).await;
        // Rows that stood there are in the way of others: not the fault of any that are new.
        removed.map_err(|error| match error.kind() {
            Kind::Rejected => Error::new(Kind::Other, Blame::Destination, error.to_string()),
            _ => error,
        })?;
    }
    Ok(())
}

/// Notes that the pipeline has rows in a table: what stood there is gone, or stays. False where that
/// was noted before, or there is no table.
pub(crate) async fn mark(
    shared: &Shared,
    session: &mut Session,
    table: &TableName,
    epoch: CommitId,
) -> Result<bool> {
    let overwrites = shared.books().await?.at(Book::Overwrites);
    let marked = session
        .execute(
            "marking a table",
            &format!(
                "insert into {overwrites} (pipeline, table_name, commit_id) \
                 select $1, n.nspname || '.' || c.relname, $3 \
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 where c.oid = to_regclass($2) on conflict do nothing"
            ),
            &[&shared.pipeline, &table.to_string(), &epoch.slot()],
        )
        .await?;
    Ok(marked == 1)
}
