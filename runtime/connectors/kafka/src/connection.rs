//! A connection, as the host has it: what is read from, and what is written to.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::Result;
use wasm_sink_core::connection::{Connection, ConnectionContext, ConnectionSpec};
use wasm_sink_core::dead_letter::DeadLetterTarget;
use wasm_sink_core::home::Home;
use wasm_sink_core::source::Source;
use wasm_sink_core::stage::{Purpose, Stage, UnitId};

use crate::cluster::{Cluster, broke_off};
use crate::destination::{Destination, KafkaStage};
use crate::error::{is_transient, source_error};
use crate::log::Log;
use crate::native::{Code, Listener, NativeError, Rebalance, Role};
use crate::settings::ConnectionSettings;
use crate::source::KafkaSource;

/// A question is answered within this.
pub(crate) const ASKING: Duration = Duration::from_secs(10);

/// Once; what comes beside an answer is heard in between.
pub(crate) const ASKING_ONCE: Duration = Duration::from_secs(2);

/// A validated `[connections.<label>]`.
pub(crate) struct KafkaSpec(pub(crate) ConnectionSettings);

#[async_trait]
impl ConnectionSpec for KafkaSpec {
    async fn open(&self, context: ConnectionContext) -> Result<Arc<dyn Connection>> {
        let cluster = Cluster::new(self.0.clone(), context)?;
        // What the library says of properties that do not go together, and of files.
        cluster.config(&cluster.settings.properties, &[], &[])?;
        cluster.config(&cluster.settings.producer, &[], &[])?;
        let cluster = Arc::new(cluster);
        Ok(Arc::new(KafkaConnection {
            destination: Arc::new(Destination::new(Arc::clone(&cluster))),
            cluster,
        }))
    }
}

/// An open connection: clients are made of it.
pub(crate) struct KafkaConnection {
    pub(crate) cluster: Arc<Cluster>,
    destination: Arc<Destination>,
}

#[async_trait]
impl Connection for KafkaConnection {
    fn describe(&self) -> String {
        self.cluster.describe()
    }

    async fn check(&self) -> Result<()> {
        let cluster = &self.cluster;
        let heard = Arc::new(Heard::default());
        let listener = Arc::clone(&heard);
        let config = cluster.config(&cluster.settings.properties, &[], &[])?;
        let client = cluster.client(config, listener, Role::Asker)?;
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
        let asked = asked.await.map_err(|error| broke_off(&doing, error))?;
        asked.map_err(|error| source_error(&doing, error))?;
        match &cluster.registry {
            Some(registry) => registry.check().await,
            None => Ok(()),
        }
    }

    fn stage(&self, purpose: Purpose) -> Option<Box<dyn Stage>> {
        let destination = Arc::clone(&self.destination);
        Some(Box::new(KafkaStage::new(destination, purpose)))
    }

    fn home(
        &self,
        _unit: &UnitId,
        source: Option<&mut dyn Source>,
    ) -> Result<Option<Arc<dyn Home>>> {
        let membership = source.as_ref().map(|source| source.membership());
        let own = source
            .and_then(|source| source.as_any())
            .and_then(|source| source.downcast_mut::<KafkaSource>())
            .filter(|source| source.connection() == &*self.cluster.label);
        match own {
            Some(source) => self.destination.home_in_group(source.group_home()),
            None => self.destination.home_in_topic(membership),
        }
        .map(Some)
    }

    fn dead_letters(&self, name: &str) -> Result<Option<Arc<dyn DeadLetterTarget>>> {
        self.destination.dead_letters(name).map(Some)
    }

    fn staged_bytes(&self) -> usize {
        self.destination.staged_bytes()
    }

    async fn close(&self) {
        self.destination.close().await;
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

impl Heard {
    /// What was said so far is about something else.
    pub(crate) fn forget(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = None;
    }

    /// What was said beside it says more than that no answer came.
    pub(crate) fn explain(&self, error: NativeError) -> NativeError {
        let is_silence = matches!(
            error.code,
            Code::RD_KAFKA_RESP_ERR__TIMED_OUT
                | Code::RD_KAFKA_RESP_ERR__TRANSPORT
                | Code::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN
        );
        match self.cause() {
            Some(cause) if is_silence => cause,
            _ => error,
        }
    }
}

impl Listener for Heard {
    fn rebalance(&self, _rebalance: Rebalance) -> bool {
        false
    }

    fn error(&self, error: NativeError, _is_fatal: bool) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down is what follows from why each of them is.
        let says_more = error.code != Code::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
        let is_better = last
            .as_ref()
            .is_none_or(|last| says_more && (is_transient(last.code) || !is_transient(error.code)));
        if is_better {
            *last = Some(error);
        }
    }

    fn log(&self, level: i32, facility: &str, line: &str) {
        self.log.line(level.max(5), facility, line);
    }
}
