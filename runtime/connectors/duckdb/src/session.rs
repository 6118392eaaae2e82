//! A connection to the database whose calls do not block the runtime.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::connection::Shared;
use crate::library::{self, Value};

/// A connection. Dropped, what it has begun is undone.
pub(crate) struct Session {
    shared: Arc<Shared>,
    /// None while it is at work, and after a work that nobody waited for.
    inner: Option<(library::Session, Turns)>,
    /// Whether something is to be undone when it goes.
    is_open: bool,
}

/// The right to replace rows of some tables; kept until the transaction has ended, also one that
/// nobody waits for any more.
pub(crate) type Turns = Vec<OwnedMutexGuard<()>>;

/// A parameter that outlives its statement's call.
#[derive(Clone, Debug)]
pub(crate) enum Parameter {
    Text(String),
    Integer(i64),
    Bool(bool),
}

impl Parameter {
    /// A count of rows.
    pub(crate) fn count(rows: u64) -> Self {
        Self::Integer(i64::try_from(rows).unwrap_or(i64::MAX))
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Integer(number) => Value::Integer(*number),
            Self::Bool(yes) => Value::Bool(*yes),
        }
    }
}

impl From<&str> for Parameter {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Drop for Session {
    /// Undoing takes its time. Where there is nothing to undo, the connection is gone at once, so that
    /// nobody keeps the database open when a run closes it.
    fn drop(&mut self) {
        if self.is_open
            && let Some(inner) = self.inner.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(inner));
        }
    }
}

impl Session {
    /// # Errors
    /// The database cannot be opened.
    pub(crate) async fn connect(shared: &Arc<Shared>) -> Result<Self> {
        Self::with_turns(shared, Turns::new()).await
    }

    async fn with_turns(shared: &Arc<Shared>, turns: Turns) -> Result<Self> {
        let database = shared.database().await?;
        let connected = blocking(move || library::Session::connect(&database)).await?;
        let inner = connected.map_err(|failure| shared.judge("connecting", failure))?;
        Ok(Self {
            shared: Arc::clone(shared),
            inner: Some((inner, turns)),
            is_open: false,
        })
    }

    /// A connection with a transaction.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) async fn begin(shared: &Arc<Shared>, turns: Turns) -> Result<Self> {
        let mut session = Self::with_turns(shared, turns).await?;
        session
            .run("beginning a transaction", "begin transaction")
            .await?;
        session.is_open = true;
        Ok(session)
    }

    /// Does something with the connection, on a thread where it may take its time.
    ///
    /// # Errors
    /// Of the library; a transaction is of no further use then.
    pub(crate) async fn work<T: Send + 'static>(
        &mut self,
        doing: &str,
        work: impl FnOnce(&mut library::Session) -> library::Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut inner = self.inner.take().ok_or_else(gone)?;
        let (inner, done) = blocking(move || {
            let done = work(&mut inner.0);
            (inner, done)
        })
        .await?;
        self.inner = Some(inner);
        done.map_err(|failure| self.shared.judge(doing, failure))
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) async fn run(&mut self, doing: &str, statements: &str) -> Result<()> {
        let statements = statements.to_owned();
        self.work(doing, move |session| session.run(&statements))
            .await
    }

    /// Runs one statement; the number of its rows.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) async fn execute(
        &mut self,
        doing: &str,
        statement: &str,
        parameters: &[Parameter],
    ) -> Result<u64> {
        let (statement, parameters) = (statement.to_owned(), parameters.to_vec());
        self.work(doing, move |session| {
            let values: Vec<_> = parameters.iter().map(Parameter::value).collect();
            session.execute(&statement, &values)
        })
        .await
    }

    /// Ends the transaction.
    ///
    /// # Errors
    /// Of the library. Whether it is in is not known then.
    pub(crate) async fn commit(mut self) -> Result<()> {
        self.run("committing", "commit").await?;
        self.is_open = false;
        Ok(())
    }

    /// Undoes everything. What goes wrong with that is undone by closing the connection.
    pub(crate) async fn roll_back(mut self) {
        let undone = self.work("rolling back", library::Session::roll_back);
        match undone.await {
            Ok(()) => self.is_open = false,
            Err(error) => {
                tracing::debug!(%error, "a transaction was undone by closing its connection");
            }
        }
    }

    /// Begins a query whose rows may be many.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) async fn stream(mut self, doing: &str, query: String) -> Result<library::Stream> {
        let (inner, _) = self.inner.take().ok_or_else(gone)?;
        let begun = blocking(move || inner.stream(&query)).await?;
        begun.map_err(|failure| self.shared.judge(doing, failure))
    }

    /// Runs a query whose rows are few.
    ///
    /// # Errors
    /// Of the library.
    pub(crate) async fn query(
        &mut self,
        doing: &str,
        query: &str,
        parameters: &[Parameter],
    ) -> Result<Vec<arrow::array::RecordBatch>> {
        let (query, parameters) = (query.to_owned(), parameters.to_vec());
        self.work(doing, move |session| {
            let values: Vec<_> = parameters.iter().map(Parameter::value).collect();
            session.query(&query, &values)
        })
        .await
    }
}

/// Runs what blocks on a thread of its own.
///
/// # Errors
/// It panicked.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(Kind::Other, Blame::Host, "a call of DuckDB ended early").with_source(error)
    })
}

/// A session that somebody has taken already, or that was left at work.
pub(crate) fn gone() -> Error {
    Error::new(
        Kind::Unavailable,
        Blame::Destination,
        "the transaction that held the rows is gone",
    )
}
