//! A service that can be asked.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use wasm_sink_core::Result;
use wasm_sink_core::connection::{Connection, ConnectionContext, ConnectionSpec};
use wasm_sink_core::home::Home;
use wasm_sink_core::source::Source;
use wasm_sink_core::stage::{Purpose, Stage, UnitId};

use crate::client::Client;
use crate::request::Requests;
use crate::settings::Settings;
use crate::stage::HttpStage;

/// A validated `[connections.<label>]`.
pub(crate) struct HttpSpec(pub(crate) Settings);

/// What the stages of a connection have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) requests: Requests,
    /// For messages.
    name: String,
}

#[async_trait]
impl ConnectionSpec for HttpSpec {
    async fn open(&self, context: ConnectionContext) -> Result<Arc<dyn Connection>> {
        let settings = Arc::new(self.0.clone());
        let shared = Shared {
            name: format!("the service at {}", settings.address.url()),
            client: Client::new(Arc::clone(&settings), context.label, &context.directory)?,
            requests: Requests::new(settings, context.pipeline),
        };
        Ok(Arc::new(HttpConnection(Arc::new(shared))))
    }
}

struct HttpConnection(Arc<Shared>);

#[async_trait]
impl Connection for HttpConnection {
    fn describe(&self) -> String {
        self.0.name.clone()
    }

    async fn check(&self) -> Result<()> {
        self.0.client.check(&self.0.requests.probe()).await
    }

    fn stage(&self, purpose: Purpose) -> Option<Box<dyn Stage>> {
        Some(Box::new(HttpStage::new(Arc::clone(&self.0), purpose)))
    }

    /// A service keeps no positions.
    fn home(
        &self,
        _unit: &UnitId,
        _source: Option<&mut dyn Source>,
    ) -> Result<Option<Arc<dyn Home>>> {
        Ok(None)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
