//! Tables and queries as a source: rows in the order of columns that only grow.
//!
//! A look finds the last row (`query`), waits for those who are writing and may have rows before it
//! (`writers`), and has all rows up to it copied out in one statement (`pages`), as `decode` reads them.

mod pages;
mod query;
mod writers;

use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use wasm_sink_core::connection::Connection;
use wasm_sink_core::ordered::{
    Database, Identity, OrderedSettings, OrderedSource, Pages, Place, RowsOf, of_source, wrong,
};
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::{Source, SourceContext, SourceSpec};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::connection::{PostgresConnection, Shared};
use crate::error::server_error;
use crate::name::NAMES;

use query::Query;

/// Reads a `[source]` whose connection is of type `postgres`; None where it reported problems.
pub(crate) fn read(settings: &Table, problems: &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> {
    let settings = OrderedSettings::read(settings, &NAMES, problems)?;
    Some(Box::new(PostgresRows(settings)))
}

/// A validated `[source]`.
struct PostgresRows(OrderedSettings);

#[async_trait]
impl SourceSpec for PostgresRows {
    async fn open(
        &self,
        connection: Option<Arc<dyn Connection>>,
        context: SourceContext,
    ) -> Result<Box<dyn Source>> {
        let connection = connection.as_ref().map(|connection| connection.as_any());
        let connection = connection.and_then(|any| any.downcast_ref::<PostgresConnection>());
        let shared = Arc::clone(&connection.ok_or_else(elsewhere)?.0);
        let settings = self.0.clone();
        let identity = shared
            .with_client(async |client| {
                let identity = identify(client, &settings, &shared).await?;
                Query::describe(client, &settings).await?;
                Ok(identity)
            })
            .await
            .map_err(of_source)?;
        let source = OrderedSource::new(&self.0, identity, &context, move || Rows {
            shared: Arc::clone(&shared),
            settings: settings.clone(),
        });
        Ok(Box::new(source))
    }
}

fn elsewhere() -> Error {
    Error::new(
        Kind::Other,
        Blame::Host,
        "the source was given a connection that is none of PostgreSQL",
    )
}

/// A table's full name, whether it is one, and whether the server only follows another.
const TABLE: &str = "
    select n.nspname || '.' || c.relname, c.relkind in ('r', 'p'), pg_is_in_recovery()
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)";

fn is_for_ever(code: Option<&SqlState>) -> bool {
    let known = [
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::UNDEFINED_FUNCTION,
    ];
    code.is_some_and(|code| known.contains(code))
}

/// The cluster's own number tells databases of the same name apart.
async fn identify(
    client: &Client,
    settings: &OrderedSettings,
    shared: &Shared,
) -> Result<Identity> {
    let failed = |error| server_error("asking the server who it is", error);
    let database: String = client
        .query_one("select current_database()::text", &[])
        .await
        .map_err(failed)?
        .get(0);
    let cluster = client
        .query_one(
            "select system_identifier::text from pg_control_system()",
            &[],
        )
        .await;
    let cluster: String = match cluster {
        Ok(row) => row.get(0),
        // Where nobody may ask, the address tells.
        Err(error) if is_for_ever(error.code()) => shared.describe(),
        Err(error) => return Err(failed(error)),
    };
    let rows = match &settings.rows {
        RowsOf::Query(_) => "query".to_owned(),
        RowsOf::Table(name) => {
            let found = client.query_opt(TABLE, &[&name.to_string()]).await;
            let Some(row) = found.map_err(failed)? else {
                let place = shared.describe();
                return Err(wrong(format!("there is no table {name} in {place}")));
            };
            // Who writes can only be told of tables, and where they are written.
            if !row.get::<_, bool>(1) {
                return Err(wrong(format!(
                    "{name} is no table but is made of others, so rows that are still on their way cannot \
                     be told: select from it with a `query` that leaves out what is recent"
                )));
            }
            if row.get::<_, bool>(2) {
                return Err(wrong(format!(
                    "{} is a standby, which does not know who is writing to {name}: read from the primary, \
                     or with a `query` that leaves out what is recent",
                    shared.describe()
                )));
            }
            row.get(0)
        }
    };
    Ok(Identity {
        database: format!("postgres/{cluster}/{database}"),
        rows,
    })
}

/// What is read, on connections of its own.
struct Rows {
    shared: Arc<Shared>,
    settings: OrderedSettings,
}

#[async_trait]
impl Database for Rows {
    async fn newest(&mut self) -> Result<Option<Place>> {
        let newest = self.shared.with_client(async |client| {
            pages::begin_reading(client).await?;
            let newest = self.look(client).await;
            // Also what failed is ended by this.
            let ended = client.batch_execute("commit").await;
            let newest = newest?;
            ended.map_err(|error| server_error("ending a transaction", error))?;
            Ok(newest)
        });
        newest.await.map_err(of_source)
    }

    async fn rows(&mut self, after: Option<&Place>, to: &Place) -> Result<Box<dyn Pages>> {
        let pages = pages::begin(&self.shared, &self.settings, after, to).await;
        Ok(Box::new(pages.map_err(of_source)?))
    }
}

impl Rows {
    async fn look(&self, client: &Client) -> Result<Option<Place>> {
        let query = Query::describe(client, &self.settings).await?;
        query.require_places(client).await?;
        let Some(place) = query.newest(client).await? else {
            return Ok(None);
        };
        if let RowsOf::Table(table) = &self.settings.rows {
            writers::wait_for(client, table).await?;
        }
        Ok(Some(place))
    }
}
