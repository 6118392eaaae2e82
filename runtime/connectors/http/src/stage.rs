//! The requests of one instance. Nothing is staged: what is sent has happened.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;
use wasm_sink_core::guest::service::ServiceStage;
use wasm_sink_core::stage::{Purpose, Stage, Staged, UnitId};
use wasm_sink_core::{CommitId, PartitionKey, Position, Result, Rows};

use crate::bindings::wasm_sink::http::http;
use crate::connection::Shared;
use crate::response::Response;

/// The calls of one instance on one connection.
pub struct HttpStage {
    shared: Arc<Shared>,
    purpose: Purpose,
}

impl HttpStage {
    pub(crate) fn new(shared: Arc<Shared>, purpose: Purpose) -> Self {
        Self { shared, purpose }
    }

    /// Checks a request and sends it, for as long as there is time. What is only tried out is checked, and answered as if
    /// all were well.
    ///
    /// # Errors
    /// `invalid`: the component may not ask for this. Of the service, and of the way there.
    pub(crate) async fn exchange(
        &mut self,
        asked: &http::Request,
        rows: Option<&Rows>,
        until: Instant,
    ) -> Result<Response> {
        let request = self.shared.requests.prepare(asked, rows)?;
        match self.purpose {
            Purpose::Commit => self.shared.client.exchange(&request, until).await,
            Purpose::Probe | Purpose::Preview => Ok(Response::default()),
        }
    }
}

impl ServiceStage for HttpStage {
    const RESOURCE: &'static str = "http.service";
}

#[async_trait]
impl Stage for HttpStage {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn begin(&mut self, _id: CommitId) {}

    fn admit(&mut self, _key: &PartitionKey, _begin: Option<&Position>) {}

    fn units(&self) -> Vec<UnitId> {
        Vec::new()
    }

    async fn finish(&mut self) -> Result<Vec<Staged>> {
        Ok(Vec::new())
    }

    async fn forget(&mut self) {}
}
