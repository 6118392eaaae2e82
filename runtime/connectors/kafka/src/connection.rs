//! A cluster, and how to get in.

use std::any::Any;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::connection::{Connection, ConnectionContext, ConnectionSpec};
use wasm_sink_core::home::Home;
use wasm_sink_core::stage::{Purpose, Stage, UnitId};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::error::{is_transient, source_error};
use crate::log::Log;
use crate::native::{Client, Config, Listener, NativeError, Rebalance};
use crate::settings::Properties;

/// A question is answered within this.
pub(crate) const ASKING: Duration = Duration::from_secs(10);

/// Once; what comes beside an answer is heard in between.
pub(crate) const ASKING_ONCE: Duration = Duration::from_secs(2);

/// What the library's defaults are not.
const DEFAULTS: [(&str, &str); 3] = [
    ("client.id", "wasm-sink"),
    // A broker that comes back is found soon.
    ("reconnect.backoff.max.ms", "2000"),
    // A vanished broker is noticed.
    ("socket.keepalive.enable", "true"),
];

/// A validated `[connections.<label>]`.
pub(crate) struct KafkaSpec(pub(crate) Properties);

#[async_trait]
impl ConnectionSpec for KafkaSpec {
    async fn open(&self, context: ConnectionContext) -> Result<Arc<dyn Connection>> {
        let connection = KafkaConnection {
            properties: self.0.clone(),
            directory: context.directory,
        };
        // What the library says of properties that do not go together, and of files.
        connection.config(&[], &[])?;
        Ok(Arc::new(connection))
    }
}

/// An open connection: clients are made of it.
pub(crate) struct KafkaConnection {
    pub(crate) properties: Properties,
    directory: PathBuf,
}

impl KafkaConnection {
    /// A client's configuration. The user's properties win over `defaults`, `fixed` ones over them.
    ///
    /// # Errors
    /// A property that is not taken.
    pub(crate) fn config(
        &self,
        defaults: &[(&str, &str)],
        fixed: &[(&str, &str)],
    ) -> Result<Config> {
        let defaults = [&DEFAULTS, defaults].concat();
        self.properties.config(&self.directory, &defaults, fixed)
    }

    /// Makes a client.
    ///
    /// # Errors
    /// Properties that do not go together, and files that are not there.
    pub(crate) fn client(
        &self,
        config: Config,
        listener: Arc<dyn Listener>,
        is_member: bool,
    ) -> Result<Client> {
        Client::new(config, listener, is_member).map_err(|why| {
            Error::new(Kind::Invalid, Blame::Configuration, why).context(self.describe())
        })
    }
}

#[async_trait]
impl Connection for KafkaConnection {
    fn describe(&self) -> String {
        format!("Kafka at {}", self.properties.servers())
    }

    async fn check(&self) -> Result<()> {
        let heard = Arc::new(Heard::default());
        let listener = Arc::clone(&heard);
        let client = self.client(self.config(&[], &[])?, listener, false)?;
        let doing = format!("asking {} for its topics", self.describe());
        let asked = spawn_blocking(move || {
            let since = Instant::now();
            loop {
                let Err(error) = client.topics(ASKING_ONCE) else {
                    return Ok(());
                };
                // Why no answer came is said beside it.
                client.serve();
                let cause = heard.cause().unwrap_or(error);
                if !is_transient(cause.code) || since.elapsed() >= ASKING {
                    return Err(cause);
                }
            }
        });
        let asked = asked.await.map_err(|error| {
            Error::new(
                Kind::Other,
                Blame::Host,
                "asking for topics stopped half way",
            )
            .with_source(error)
        })?;
        asked.map_err(|error| source_error(&doing, error))
    }

    fn stage(&self, _purpose: Purpose) -> Option<Box<dyn Stage>> {
        None
    }

    fn home(&self, _unit: &UnitId) -> Result<Option<Arc<dyn Home>>> {
        Ok(None)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What a client said while it was asked for something.
#[derive(Default)]
pub(crate) struct Heard {
    last: Mutex<Option<NativeError>>,
    log: Log,
}

impl Heard {
    /// What is to blame: the last error that time does not heal, or else the last one.
    pub(crate) fn cause(&self) -> Option<NativeError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }
}

impl Listener for Heard {
    fn rebalance(&self, _rebalance: Rebalance) -> bool {
        false
    }

    fn error(&self, error: NativeError, _is_fatal: bool) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_better = last
            .as_ref()
            .is_none_or(|last| is_transient(last.code) || !is_transient(error.code));
        if is_better {
            *last = Some(error);
        }
    }

    fn log(&self, level: i32, facility: &str, line: &str) {
        self.log.line(level.max(5), facility, line);
    }
}
