//! Rows that take the place of others: they wait in a temporary table until the epoch's end, and go into
//! theirs by `INSERT … ON CONFLICT`, in the order of their keys, so that two tasks wait for each other and
//! do not lock each other out.

use wasm_sink_core::sql::TableName;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::error::server_error;
use crate::name::NAMES;
use crate::session::Session;

/// The column that says which row came later.
const ORDER: &str = "_wasm_sink_order";

/// A temporary table of one transaction.
pub(crate) struct Waiting {
    table: TableName,
    columns: Vec<String>,
}

/// A unique index on exactly these columns, which ON CONFLICT can use: whole, and checked at once.
const INDEX: &str = "
    select exists (
        select from pg_index i
        where i.indrelid = to_regclass($1) and i.indisunique and i.indimmediate
          and i.indpred is null and i.indexprs is null and i.indisvalid
          and (select array_agg(a.attname::text order by a.attname::text collate \"C\")
               from unnest(i.indkey[0:i.indnkeyatts - 1]) as k
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k)
              = (select array_agg(n order by n collate \"C\") from unnest($2::text[]) as n))";

/// Names as SQL takes them.
pub(crate) fn quoted(names: &[String]) -> Result<Vec<String>> {
    let quoted = names.iter().map(|name| Ok(NAMES.name(name)?.to_string()));
    quoted.collect()
}

impl Waiting {
    /// Makes one for rows of these columns.
    ///
    /// # Errors
    /// The table has no unique index on the keys; others of the server.
    pub(crate) async fn create(
        session: &mut Session,
        number: u64,
        table: &TableName,
        keys: &[String],
        columns: &[String],
    ) -> Result<Self> {
        let client = session.client().await?;
        let has_index = client
            .query_one(INDEX, &[&table.to_string(), &keys])
            .await
            .and_then(|row| row.try_get::<_, bool>(0))
            .map_err(|error| server_error(&format!("looking at the indexes of {table}"), error))?;
        if !has_index {
            return Err(Error::new(
                Kind::Denied,
                Blame::Configuration,
                format!(
                    "{table} has no unique index on its `key_fields`, without which two rows with the \
                     same key could be there. Have it made: create unique index on {table} ({})",
                    quoted(keys)?.join(", ")
                ),
            ));
        }
        let waiting = Self {
            table: NAMES.table(&format!("pg_temp._wasm_sink_rows_{number}"))?,
            columns: columns.to_vec(),
        };
        let place = &waiting.table;
        let statements = format!(
            "create temporary table {place} on commit drop as select {} from {table} with no data; \
             alter table {place} add column {ORDER} bigint generated always as identity",
            quoted(columns)?.join(", ")
        );
        session.run("making a temporary table", &statements).await?;
        Ok(waiting)
    }

    pub(crate) fn table(&self) -> &TableName {
        &self.table
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Has its rows take their places; of several with the same keys the last one.
    ///
    /// # Errors
    /// Of the server: of one of the rows.
    pub(crate) async fn merge(
        self,
        session: &mut Session,
        table: &TableName,
        keys: &[String],
    ) -> Result<()> {
        let others: Vec<String> = self
            .columns
            .iter()
            .filter(|column| !keys.contains(column))
            .cloned()
            .collect();
        let changes: Vec<String> = quoted(&others)?
            .iter()
            .map(|column| format!("{column} = excluded.{column}"))
            .collect();
        let action = match changes.is_empty() {
            true => "nothing".to_owned(),
            false => format!("update set {}", changes.join(", ")),
        };
        let (keys, columns) = (quoted(keys)?.join(", "), quoted(&self.columns)?.join(", "));
        let place = &self.table;
        let statement = format!(
            "insert into {table} ({columns}) select {columns} from ( \
                 select distinct on ({keys}) * from {place} order by {keys}, {ORDER} desc) as newest \
             on conflict ({keys}) do {action}; \
             drop table {place}"
        );
        session
            .run(&format!("writing to {table}"), &statement)
            .await
    }
}
