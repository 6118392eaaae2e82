//! The destination: an inbox in the memory of this program.
//!
//! The way of a row: `capability` takes it from the component, `stage` keeps it until its epoch ends, and `home` puts
//! it into the inbox, in one step with the position of the source after it. That step is what makes it arrive once.

mod capability;
mod home;
mod stage;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;
use wasm_sink::Connector;
use wasm_sink_core::connection::{Connection, ConnectionContext, ConnectionSpec};
use wasm_sink_core::home::{Home, Stored};
use wasm_sink_core::source::Source;
use wasm_sink_core::stage::{Purpose, Stage, UnitId};
use wasm_sink_core::{PartitionKey, Result};

use crate::tickets::Ticket;
use home::InboxHome;
use stage::InboxStage;

/// All that has arrived.
#[derive(Clone, Debug)]
pub struct Inbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    contents: Mutex<Contents>,
    /// How many have arrived.
    arrived: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Contents {
    tickets: Vec<Ticket>,
    /// Grows with each commit.
    version: u64,
    /// How far sources are in, by pipeline.
    positions: BTreeMap<Arc<str>, BTreeMap<PartitionKey, Stored>>,
}

impl Inbox {
    /// An empty one.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            contents: Mutex::default(),
            arrived: watch::Sender::new(0),
        }))
    }

    /// `type = "inbox"` in `[connections.<label>]`, and what components can import of it.
    pub fn connector(&self) -> Connector {
        let inbox = self.clone();
        Connector::named("inbox")
            .with_connection(move |settings, problems| {
                settings.reader(problems).finish();
                Some(Box::new(inbox.clone()))
            })
            .with_capability(capability::WIT, capability::link)
    }

    /// What has arrived so far.
    pub fn tickets(&self) -> Vec<Ticket> {
        self.contents().tickets.clone()
    }

    /// Waits until so many have arrived.
    pub async fn wait_for(&self, tickets: usize) {
        let mut arrived = self.0.arrived.subscribe();
        // The sender is here.
        let _ = arrived.wait_for(|arrived| *arrived >= tickets).await;
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        let contents = &self.0.contents;
        contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ConnectionSpec for Inbox {
    async fn open(&self, context: ConnectionContext) -> Result<Arc<dyn Connection>> {
        Ok(Arc::new(OpenInbox {
            inbox: self.clone(),
            unit: UnitId {
                connection: context.label,
                name: "".into(),
            },
            pipeline: context.pipeline,
        }))
    }
}

/// The inbox as one pipeline has it.
struct OpenInbox {
    inbox: Inbox,
    unit: UnitId,
    pipeline: Arc<str>,
}

#[async_trait]
impl Connection for OpenInbox {
    fn describe(&self) -> String {
        "the inbox of the help desk".to_owned()
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    fn stage(&self, _purpose: Purpose) -> Option<Box<dyn Stage>> {
        Some(Box::new(InboxStage::new(self.unit.clone())))
    }

    fn home(
        &self,
        unit: &UnitId,
        _source: Option<&mut dyn Source>,
    ) -> Result<Option<Arc<dyn Home>>> {
        Ok(Some(Arc::new(InboxHome {
            inbox: self.inbox.clone(),
            unit: unit.clone(),
            pipeline: Arc::clone(&self.pipeline),
        })))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
