//! An open database.

use std::any::Any;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OnceCell;
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;
use wasm_sink_core::connection::{Connection, ConnectionContext, ConnectionSpec};
use wasm_sink_core::home::Home;
use wasm_sink_core::source::Source;
use wasm_sink_core::stage::{Purpose, Stage, UnitId};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::bookkeeping::Bookkeeping;
use crate::error::server_error;
use crate::home::PostgresHome;
use crate::settings::Server;
use crate::stage::PostgresStage;
use crate::tls;

/// Connections that are kept while nobody uses them.
const MAX_IDLE: usize = 8;
/// How long it may take to be let in: all hosts, TLS and password.
const LOGIN_LIMIT: Duration = Duration::from_secs(60);
/// How long an epoch that is staged may wait for its commit. While rows come a transaction is never idle: a
/// `COPY` is open.
const IDLE: Duration = Duration::from_secs(300);
/// The server shows this much of a client's name (NAMEDATALEN).
const MAX_APPLICATION_NAME_BYTES: usize = 63;

/// A validated `[connections.<label>]`.
pub(crate) struct PostgresSpec(pub(crate) Server);

#[async_trait]
impl ConnectionSpec for PostgresSpec {
    async fn open(&self, context: ConnectionContext) -> Result<Arc<dyn Connection>> {
        Ok(Arc::new(PostgresConnection(Arc::new(Shared::new(
            self.0.clone(),
            context.label,
            context.pipeline,
            context.directory,
        )?))))
    }
}

/// What stages and home of a connection have in common.
pub(crate) struct Shared {
    pub(crate) unit: UnitId,
    pub(crate) pipeline: String,
    server: Server,
    tls: MakeRustlsConnect,
    idle: Mutex<Vec<Client>>,
    books: OnceCell<Bookkeeping>,
}

impl Shared {
    pub(crate) fn new(
        mut server: Server,
        label: Arc<str>,
        pipeline: Arc<str>,
        directory: PathBuf,
    ) -> Result<Self> {
        if server.config.get_application_name().is_none() {
            let mut name = format!("wasm-sink {pipeline}");
            name.truncate(name.floor_char_boundary(MAX_APPLICATION_NAME_BYTES));
            server.config.application_name(name);
        }
        Ok(Self {
            tls: tls::connector(&server.tls, &directory)?,
            unit: UnitId {
                connection: label,
                name: Arc::from(""),
            },
            pipeline: pipeline.as_ref().to_owned(),
            server,
            idle: Mutex::default(),
            books: OnceCell::new(),
        })
    }

    pub(crate) fn describe(&self) -> String {
        self.server.describe()
    }

    /// A connection that nobody uses, if there is one. It may have been cut off.
    pub(crate) fn idle(&self) -> Option<Client> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|client| !client.is_closed());
        idle.pop()
    }

    /// Takes back a connection without a transaction.
    pub(crate) fn give_back(&self, client: Client) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(client);
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// Of the server, and of the way there.
    pub(crate) async fn connect(&self) -> Result<Client> {
        let doing = || format!("connecting to {}", self.describe());
        let connected = self.server.config.connect(self.tls.clone());
        let connected = tokio::time::timeout(LOGIN_LIMIT, connected).await;
        let connected = connected.map_err(|_| {
            let message = format!("no answer within {} s", LOGIN_LIMIT.as_secs());
            Error::new(Kind::Unavailable, Blame::Destination, message).context(doing())
        })?;
        let (client, connection) = connected.map_err(|error| server_error(&doing(), error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // Whoever uses it hears of it, too.
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok(client)
    }

    /// Begins a transaction. Its settings are set in it, since whoever stands between us and the
    /// server may give each transaction another connection.
    pub(crate) fn beginning(&self) -> String {
        format!(
            "begin isolation level read committed read write; \
             set local lock_timeout = {}; set local statement_timeout = {}; \
             set local idle_in_transaction_session_timeout = {}; \
             select set_config('synchronous_commit', 'on', true) \
             where current_setting('synchronous_commit') = 'off'",
            self.server.lock_timeout.as_millis(),
            // A COPY lasts from an epoch's first row to its last.
            self.server
                .statement_timeout
                .map_or(0, |limit| limit.as_millis()),
            IDLE.as_millis(),
        )
    }

    /// Does something on a connection that goes back afterwards.
    ///
    /// # Errors
    /// Of the server, and of the way there.
    pub(crate) async fn with_client<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        let client = match self.idle() {
            Some(client) if client.batch_execute("").await.is_ok() => client,
            _ => self.connect().await?,
        };
        let done = work(&client).await;
        if !client.is_closed() {
            self.give_back(client);
        }
        done
    }

    /// The tables that hold positions, made if need be.
    ///
    /// # Errors
    /// They are not there and may not be made.
    pub(crate) async fn books(&self) -> Result<&Bookkeeping> {
        self.books
            .get_or_try_init(|| {
                self.with_client(async |client| Bookkeeping::open(client, &self.pipeline).await)
            })
            .await
    }
}

pub(crate) struct PostgresConnection(pub(crate) Arc<Shared>);

#[async_trait]
impl Connection for PostgresConnection {
    fn describe(&self) -> String {
        self.0.describe()
    }

    async fn check(&self) -> Result<()> {
        self.0.with_client(Bookkeeping::check).await
    }

    fn stage(&self, purpose: Purpose) -> Option<Box<dyn Stage>> {
        Some(Box::new(PostgresStage::new(Arc::clone(&self.0), purpose)))
    }

    fn home(
        &self,
        unit: &UnitId,
        _source: Option<&mut dyn Source>,
    ) -> Result<Option<Arc<dyn Home>>> {
        if *unit != self.0.unit {
            return Err(Error::new(
                Kind::Other,
                Blame::Host,
                format!("`{unit}` is not the connection `{}`", self.0.unit),
            ));
        }
        Ok(Some(Arc::new(PostgresHome::new(Arc::clone(&self.0)))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
