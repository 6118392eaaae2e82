//! Transactions that are writing to a table, and may yet show rows that stand before those that are
//! there.
//!
//! A row gets its number when it is written and is seen when its transaction commits, so a row may turn
//! up before others that were read long ago. Whoever writes to a table holds a lock on it (ROW EXCLUSIVE,
//! <https://www.postgresql.org/docs/current/explicit-locking.html>) from before the number is drawn until
//! the end of the transaction. So once those are gone that held it when the last row was seen, no row can
//! come before that row: unless its number was drawn earlier than by the statement that writes it.

use std::time::{Duration, Instant};

use tokio_postgres::Client;
use wasm_sink_core::Result;
use wasm_sink_core::sql::TableName;

use crate::error::server_error;

const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);
const MAX_LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// After this, somebody should know what is waited for.
const TELL_AFTER: Duration = Duration::from_secs(10);

/// A table is written to by itself, and its rows by what it is a part of or what is a part of it.
const WRITERS: &str = "
    with recursive below (oid) as (
        select to_regclass($1)::oid
        union select i.inhrelid from pg_inherits i join below b on i.inhparent = b.oid
    ), above (oid) as (
        select to_regclass($1)::oid
        union select i.inhparent from pg_inherits i join above a on i.inhrelid = a.oid
    )
    select distinct l.virtualtransaction, coalesce(l.pid, 0)
    from pg_locks l
    where l.locktype = 'relation' and l.granted
      and l.database = (select oid from pg_database where datname = current_database())
      and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      and l.pid is distinct from pg_backend_pid()
      and l.relation in (select oid from below union all select oid from above)";

async fn writers(client: &Client, table: &TableName) -> Result<Vec<(String, i32)>> {
    let rows = client.query(WRITERS, &[&table.to_string()]).await;
    let doing = || format!("asking who writes to {table}");
    let rows = rows.map_err(|error| server_error(&doing(), error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Waits until those who write to a table now have ended their transactions.
///
/// # Errors
/// Of the server.
pub(super) async fn wait_for(client: &Client, table: &TableName) -> Result<()> {
    let mut awaited = writers(client, table).await?;
    let (begun, mut was_told, mut pause) = (Instant::now(), false, LOOK_AGAIN_AFTER);
    while !awaited.is_empty() {
        if !was_told && begun.elapsed() > TELL_AFTER {
            was_told = true;
            let processes: Vec<_> = awaited.iter().map(|(_, pid)| pid.to_string()).collect();
            tracing::warn!(
                "waiting for transactions that write to {table} and may have rows that come before \
                 others (pid {}): rows are read when they end",
                processes.join(", ")
            );
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_LOOK_AGAIN_AFTER);
        let now = writers(client, table).await?;
        awaited.retain(|(transaction, _)| now.iter().any(|(other, _)| other == transaction));
    }
    Ok(())
}
