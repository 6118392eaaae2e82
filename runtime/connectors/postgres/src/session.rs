//! A transaction on a connection of its own: what an epoch is staged in.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, CopyInSink};
use wasm_sink_core::sql::TableName;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::connection::Shared;
use crate::encode::{HEADER, TRAILER};
use crate::error::server_error;
use crate::name::NAMES;

/// An open transaction. Dropped, it closes its connection, and the server rolls back.
pub(crate) struct Session {
    client: Client,
    copy: Option<Copy>,
}

/// A COPY that takes rows.
struct Copy {
    table: TableName,
    columns: Vec<String>,
    sink: Pin<Box<CopyInSink<Bytes>>>,
}

/// Bytes of one message to the server, which keeps each whole.
const MESSAGE_BYTES: usize = 1 << 20;
/// From where positions move to the commit, a transaction is idle for as long as an answer takes on its way.
/// A process that was stopped there holds locks, and whoever takes its place waits for so long.
const IDLE_IN_COMMIT: Duration = Duration::from_secs(10);
/// How long undoing may take before the connection is closed instead.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(5);

impl Session {
    /// # Errors
    /// Of the server, and of the way there.
    pub(crate) async fn begin(shared: &Shared) -> Result<Self> {
        let failed = |error| server_error("beginning a transaction", error);
        let begin = shared.beginning();
        if let Some(client) = shared.idle() {
            match client.batch_execute(&begin).await {
                Ok(()) => return Ok(Self { client, copy: None }),
                // It was cut off while nobody used it.
                Err(error) if error.as_db_error().is_none() => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let client = shared.connect().await?;
        client.batch_execute(&begin).await.map_err(failed)?;
        Ok(Self { client, copy: None })
    }

    /// Sends rows to a table, into the COPY that is open if it is for the same columns.
    ///
    /// # Errors
    /// Of the server; the transaction is of no further use.
    pub(crate) async fn copy(
        &mut self,
        table: &TableName,
        columns: &[String],
        rows: Bytes,
    ) -> Result<()> {
        let is_open = |copy: &Copy| copy.table == *table && copy.columns == columns;
        if !self.copy.as_ref().is_some_and(is_open) {
            self.end_copy().await?;
            let names: Result<Vec<_>> = columns.iter().map(|name| NAMES.name(name)).collect();
            let names: Vec<_> = names?.iter().map(ToString::to_string).collect();
            let statement = format!(
                "copy {table} ({}) from stdin with (format binary)",
                names.join(", ")
            );
            let sink = self
                .client
                .copy_in(&statement)
                .await
                .map_err(|error| server_error(&format!("copying into {table}"), error))?;
            let copy = self.copy.insert(Copy {
                table: table.clone(),
                columns: columns.to_vec(),
                sink: Box::pin(sink),
            });
            copy.send(Bytes::from_static(HEADER)).await?;
        }
        let mut rows = rows;
        if let Some(copy) = &mut self.copy {
            while !rows.is_empty() {
                copy.send(rows.split_to(rows.len().min(MESSAGE_BYTES)))
                    .await?;
            }
        }
        Ok(())
    }

    /// Waits until the server has taken all rows.
    ///
    /// # Errors
    /// What it says of them.
    pub(crate) async fn end_copy(&mut self) -> Result<()> {
        let Some(mut copy) = self.copy.take() else {
            return Ok(());
        };
        copy.send(Bytes::from_static(TRAILER)).await?;
        let done = copy.sink.as_mut().finish().await;
        done.map(drop).map_err(|error| copy.failed(error))
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// Of the server.
    pub(crate) async fn run(&mut self, doing: &str, statements: &str) -> Result<()> {
        self.end_copy().await?;
        let done = self.client.batch_execute(statements).await;
        done.map_err(|error| server_error(doing, error))
    }

    /// Runs one statement; the number of its rows.
    ///
    /// # Errors
    /// Of the server.
    pub(crate) async fn execute(
        &mut self,
        doing: &str,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64> {
        self.end_copy().await?;
        let done = self.client.execute(statement, parameters).await;
        done.map_err(|error| server_error(doing, error))
    }

    /// Outside of a COPY.
    ///
    /// # Errors
    /// What the server says of rows that it was given before.
    pub(crate) async fn client(&mut self) -> Result<&Client> {
        self.end_copy().await?;
        Ok(&self.client)
    }

    /// Says to the server that from here on others wait for this transaction.
    ///
    /// # Errors
    /// What the server says of rows that it was given before.
    pub(crate) async fn will_commit(&mut self) -> Result<()> {
        let limit = IDLE_IN_COMMIT.as_millis();
        let statement = format!("set local idle_in_transaction_session_timeout = {limit}");
        self.run("beginning to commit", &statement).await
    }

    /// # Errors
    /// Of the server. Whether it is in is not known then.
    pub(crate) async fn commit(mut self, shared: &Shared) -> Result<()> {
        self.run("committing", "commit").await?;
        shared.give_back(self.client);
        Ok(())
    }

    /// Undoes everything.
    pub(crate) async fn roll_back(mut self, shared: &Shared) {
        // A COPY is ended by closing the connection.
        if self.copy.take().is_none() {
            let undone = self.client.batch_execute("rollback");
            if let Ok(Ok(())) = tokio::time::timeout(ROLLBACK_LIMIT, undone).await {
                shared.give_back(self.client);
            }
        }
    }
}

impl Copy {
    async fn send(&mut self, bytes: Bytes) -> Result<()> {
        match self.sink.send(bytes).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // What the server had to say comes with the end.
                let told = self.sink.as_mut().finish().await.err();
                let error = told
                    .filter(|told| told.as_db_error().is_some())
                    .unwrap_or(error);
                Err(self.failed(error))
            }
        }
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        let place = error.as_db_error().and_then(|answer| answer.where_());
        // A composite type was altered, which no lock of ours holds up; functions have mistakes of
        // their own that are called so.
        let is_altered = error.code() == Some(&SqlState::DATATYPE_MISMATCH)
            && place.is_some_and(|place| !place.contains("function"));
        let told = match place.and_then(|place| place.rsplit_once("column ")) {
            // "COPY t, line 7, column c"
            Some((_, column)) => {
                let column = column.to_owned();
                server_error(
                    &format!("copying into {}, column {column}", self.table),
                    error,
                )
            }
            None => server_error(&format!("copying into {}", self.table), error),
        };
        match is_altered {
            true => told.recast(Kind::Conflict, Blame::Destination),
            false => told,
        }
    }
}

/// A session that somebody has taken already.
pub(crate) fn gone() -> Error {
    Error::new(
        Kind::Unavailable,
        Blame::Destination,
        "the transaction that held the rows is gone",
    )
}
