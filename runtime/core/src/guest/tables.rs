//! What the capabilities of all destinations with tables share: handles, the way from a call to the
//! stage behind it, and how rows are appended. A connector implements [`TableStage`].

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmtime::component::Resource;

use super::calls::{Asked, Target};
use super::{Batch, Guest, wit};
use crate::batch::Rows;
use crate::dead_letter::RefusedBy;
use crate::error::{Blame, Error, Kind, Result};
use crate::stage::Stage;

/// What a component holds of a table: its connection's role and its name. `S` keeps the handles of
/// different capabilities apart.
pub struct TableHandle<S> {
    role: Arc<str>,
    name: Arc<str>,
    stage: PhantomData<fn() -> S>,
}

impl<S> Clone for TableHandle<S> {
    fn clone(&self) -> Self {
        Self {
            role: Arc::clone(&self.role),
            name: Arc::clone(&self.name),
            stage: PhantomData,
        }
    }
}

impl<S> fmt::Debug for TableHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableHandle")
            .field("role", &self.role)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Rows fitted to the columns of their table, and those among them that do not fit.
#[derive(Debug)]
pub struct Fitted<R> {
    /// What the stage takes.
    pub rows: R,
    /// How many rows that are.
    pub row_count: usize,
    /// Of the original rows, those that are left out.
    pub refused: Option<Refused>,
}

/// Rows that a table does not take.
#[derive(Debug)]
pub struct Refused {
    /// True for each original row that is refused.
    pub rows: BooleanArray,
    /// One for each refused row, in order.
    pub reasons: Vec<String>,
}

/// What became of rows that were appended.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Appended {
    /// Rows that the table does not take, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<(u32, String)>,
}

impl From<&Refused> for Appended {
    fn from(refused: &Refused) -> Self {
        let rows = (0..).zip(refused.rows.iter());
        let rows = rows.filter_map(|(row, is_refused)| (is_refused == Some(true)).then_some(row));
        Self {
            refused: rows.zip(refused.reasons.iter().cloned()).collect(),
        }
    }
}

fn asked<S: TableStage>(function: &str, role: &str, name: &str, arguments: Value) -> Asked {
    Asked {
        function: format!("{}.{function}", S::RESOURCE),
        target: Some(Target {
            connection: role.to_owned(),
            name: name.to_owned(),
        }),
        arguments,
    }
}

/// A stage with tables. A table is opened before anything else is asked of it.
#[async_trait]
pub trait TableStage: Stage {
    /// Rows as the stage takes them.
    type Rows: Send;

    /// Interface and resource of the capability: "delta.table".
    const RESOURCE: &'static str;

    /// Opens a table of the connection; one that is missing is no error.
    ///
    /// # Errors
    /// `invalid` for a bad name.
    async fn open(&mut self, table: &str) -> Result<()>;

    /// The columns as they are now, with what this stage has done to them.
    ///
    /// # Errors
    /// The table was not opened.
    fn fields(&mut self, table: &str) -> Result<Option<Vec<wit::Field>>>;

    /// Adds nullable columns at the end.
    ///
    /// # Errors
    /// `invalid` where a column has another type.
    async fn add_columns(&mut self, table: &str, fields: &[wit::Field]) -> Result<()>;

    /// Gives columns that hold less than these a type that holds both; where there is none, nothing.
    ///
    /// # Errors
    /// `invalid`: the types of the table stay. Of the destination, which refuses the change.
    async fn widen_columns(&mut self, table: &str, fields: &[wit::Field]) -> Result<()> {
        let _ = fields;
        Err(Error::invalid(format!(
            "the columns of `{table}` keep their types"
        )))
    }

    /// Wishes that what stood in the table before the pipeline's first commit goes with that commit.
    ///
    /// # Errors
    /// The table cannot lose rows.
    fn overwrite(&mut self, table: &str) -> Result<()>;

    /// Has rows take the place of those with the same values in these columns.
    ///
    /// # Errors
    /// `invalid`: the table only takes rows at its end.
    fn upsert_by(&mut self, table: &str, keys: Vec<String>) -> Result<()> {
        let _ = keys;
        Err(Error::invalid(format!(
            "`{table}` takes rows at its end, and replaces none"
        )))
    }

    /// Makes ready for rows of such columns, before they are fitted.
    ///
    /// # Errors
    /// `invalid`: there can be none. Of whoever has to be asked.
    async fn expect(&mut self, table: &str, schema: &SchemaRef) -> Result<()> {
        let _ = (table, schema);
        Ok(())
    }

    /// Checks rows and fits them to the table. Stages nothing.
    ///
    /// # Errors
    /// `invalid`: rows of this schema do not go into the table, whatever their values.
    fn fit(&mut self, table: &str, rows: &RecordBatch) -> Result<Fitted<Self::Rows>>;

    /// Makes ready for rows of a table. This may take its time.
    ///
    /// # Errors
    /// Of the destination.
    async fn prepare(&mut self, table: &str) -> Result<()> {
        let _ = table;
        Ok(())
    }

    /// Takes rows, once there is room.
    ///
    /// # Errors
    /// Of the destination.
    async fn push(&mut self, table: &str, rows: Self::Rows) -> Result<()>;
}

/// What a capability's function gives back: a trap, or an answer for the component.
pub type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl Guest {
    /// `table.open`.
    ///
    /// # Errors
    /// A trap where the instance holds too many handles.
    pub async fn open_table<S: TableStage>(
        &mut self,
        role: String,
        name: String,
    ) -> Answer<Resource<TableHandle<S>>> {
        let asked = self.asked(|| asked::<S>("open", &role, &name, Value::Null));
        let opened = match self.replied::<()>(asked.as_ref(), None) {
            Some(opened) => opened,
            None => match self.stage::<S>(&role) {
                Ok(stage) => stage.open(&name).await,
                Err(error) => Err(error),
            },
        };
        self.heard(asked, None, &opened);
        if let Err(error) = self.answer(opened) {
            return Ok(Err(error));
        }
        let handle = TableHandle {
            role: role.into(),
            name: name.into(),
            stage: PhantomData,
        };
        Ok(Ok(self.table().push(handle)?))
    }

    /// Has the stage behind a table do what `function` of it asks for, within the time that a staging call may
    /// take. `arguments`: the others, as a list.
    ///
    /// # Errors
    /// A trap for a handle that is none.
    pub async fn on_table<S: TableStage, T: Serialize + DeserializeOwned>(
        &mut self,
        table: &Resource<TableHandle<S>>,
        function: &str,
        arguments: impl FnOnce() -> Value,
        call: impl AsyncFnOnce(&mut S, &str) -> Result<T>,
    ) -> Answer<T> {
        let wait = self.limits().stage_wait;
        let call = async |stage: &mut S, name: &str| within(wait, call(stage, name)).await;
        self.on_table_at_length(table, function, arguments, call)
            .await
    }

    /// The same for what takes as long as the destination needs: cut off, it would only begin anew.
    ///
    /// # Errors
    /// A trap for a handle that is none.
    pub async fn on_table_at_length<S: TableStage, T: Serialize + DeserializeOwned>(
        &mut self,
        table: &Resource<TableHandle<S>>,
        function: &str,
        arguments: impl FnOnce() -> Value,
        call: impl AsyncFnOnce(&mut S, &str) -> Result<T>,
    ) -> Answer<T> {
        let handle = self.table().get(table)?.clone();
        let asked = self.asked(|| asked::<S>(function, &handle.role, &handle.name, arguments()));
        let done = match self.replied(asked.as_ref(), None) {
            Some(done) => done,
            None => match self.stage::<S>(&handle.role) {
                Ok(stage) => call(stage, &handle.name).await,
                Err(error) => Err(error),
            },
        };
        self.heard(asked, None, &done);
        Ok(self.answer(done))
    }

    /// `table.append`.
    ///
    /// # Errors
    /// A trap for a handle that is none, or of an earlier epoch.
    pub async fn append_rows<S: TableStage>(
        &mut self,
        table: &Resource<TableHandle<S>>,
        rows: &Resource<Batch>,
    ) -> Answer<()> {
        let handle = self.table().get(table)?.clone();
        let rows = self.rows(rows)?.clone();
        let asked = self.asked(|| asked::<S>("append", &handle.role, &handle.name, Value::Null));
        let appended = match self.replied::<Appended>(asked.as_ref(), Some(&rows)) {
            Some(Ok(appended)) => self.leave_out(&rows, appended),
            Some(Err(error)) => Err(error),
            None => self.stage_rows(&handle, &rows).await,
        };
        self.heard(asked, Some(&rows), &appended);
        let appended = appended.map(|appended| {
            let refused: usize = appended.refused.len();
            self.count_staged(rows.len().saturating_sub(refused) as u64);
        });
        Ok(self.answer(appended))
    }

    /// Rejects the rows that a destination refused when it was there.
    fn leave_out(&mut self, rows: &Rows, appended: Appended) -> Result<Appended> {
        let mut is_refused = vec![false; rows.len()];
        for (row, _) in &appended.refused {
            if let Some(is_refused) = is_refused.get_mut(*row as usize) {
                *is_refused = true;
            }
        }
        let refused = Refused {
            rows: is_refused.into(),
            reasons: appended
                .refused
                .iter()
                .map(|(_, why)| why.clone())
                .collect(),
        };
        self.refuse(rows, &refused)?;
        Ok(appended)
    }

    fn refuse(&mut self, rows: &Rows, refused: &Refused) -> Result<()> {
        let left_out = rows.filter(&refused.rows).map_err(|e| {
            Error::new(
                Kind::Other,
                Blame::Host,
                "refused rows could not be set aside",
            )
            .with_source(e)
        })?;
        let reason = |row: usize| refused.reasons.get(row).cloned().unwrap_or_default();
        self.reject(&left_out, RefusedBy::Host, reason)
    }

    async fn stage_rows<S: TableStage>(
        &mut self,
        handle: &TableHandle<S>,
        rows: &Rows,
    ) -> Result<Appended> {
        let wait = self.limits().stage_wait;
        let stage = self.stage::<S>(&handle.role)?;
        within(wait, stage.expect(&handle.name, &rows.values().schema())).await?;
        let fitted = stage.fit(&handle.name, rows.values())?;
        // Refusing comes first: where it is not possible, nothing was staged.
        let mut appended = Appended::default();
        if let Some(refused) = &fitted.refused {
            self.refuse(rows, refused)?;
            appended = refused.into();
        }
        let stage = self.stage::<S>(&handle.role)?;
        stage.prepare(&handle.name).await?;
        within(wait, stage.push(&handle.name, fitted.rows)).await?;
        Ok(appended)
    }

    /// `drop` of a table.
    ///
    /// # Errors
    /// A trap for a handle that is none.
    pub fn drop_table<S: 'static>(
        &mut self,
        table: Resource<TableHandle<S>>,
    ) -> wasmtime::Result<()> {
        self.table().delete(table)?;
        Ok(())
    }
}

async fn within<T>(wait: std::time::Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(wait, work).await {
        Ok(done) => done,
        Err(_) => Err(Error::new(
            Kind::Unavailable,
            Blame::Destination,
            format!(
                "the destination took no rows for {} s ([limits] stage_wait_ms)",
                wait.as_secs_f64()
            ),
        )),
    }
}
