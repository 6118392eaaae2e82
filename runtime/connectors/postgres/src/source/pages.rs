//! Rows as a COPY hands them out.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::Fuse;
use tokio_postgres::{Client, CopyOutStream};
use wasm_sink_core::ordered::{OrderedSettings, Page, Pages, Place, of_source};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::connection::Shared;
use crate::decode::Decoder;
use crate::error::server_error;

use super::query::{Query, malformed};

/// A page is full with so much, however few its rows.
const PAGE_BYTES: usize = 8 << 20;

/// A COPY that is under way. Dropped before its end, the client reads and drops what is left of it.
pub(super) struct CopiedPages {
    shared: Arc<Shared>,
    client: Option<Client>,
    /// Behind its end stands what is no row.
    stream: Pin<Box<Fuse<CopyOutStream>>>,
    decoder: Decoder,
    has_ended: bool,
    rows_of: Arc<str>,
}

/// Begins a transaction that reads, for as long as the destination takes.
///
/// # Errors
/// Of the server.
pub(super) async fn begin_reading(client: &Client) -> Result<()> {
    const BEGIN: &str = "begin isolation level read committed read only; \
                         set local statement_timeout = 0; \
                         set local client_encoding = 'UTF8'";
    let begun = client.batch_execute(BEGIN).await;
    begun.map_err(|error| server_error("beginning a transaction", error))
}

/// Has the rows behind `after` copied out, up to and with `to`.
pub(super) async fn begin(
    shared: &Arc<Shared>,
    settings: &OrderedSettings,
    after: Option<&Place>,
    to: &Place,
) -> Result<CopiedPages> {
    let client = shared.connect().await?;
    begin_reading(&client).await?;
    let query = Query::describe(&client, settings).await?;
    let stream = client.copy_out(&query.copy(after, to)).await;
    let stream = stream.map_err(|error| query.failed(error))?;
    Ok(CopiedPages {
        shared: Arc::clone(shared),
        client: Some(client),
        stream: Box::pin(stream.fuse()),
        decoder: query.decoder(),
        has_ended: false,
        rows_of: query.rows_of(),
    })
}

#[async_trait]
impl Pages for CopiedPages {
    async fn next(&mut self, rows: usize) -> Result<Option<Page>> {
        let doing = || format!("reading {}", self.rows_of);
        let is_full = |decoder: &Decoder| {
            let held = decoder.rows();
            held >= rows || (held > 0 && decoder.bytes() >= PAGE_BYTES)
        };
        while !self.has_ended && !is_full(&self.decoder) {
            match self.stream.next().await {
                Some(Ok(piece)) => self.decoder.feed(&piece).map_err(malformed)?,
                Some(Err(error)) => return Err(of_source(server_error(&doing(), error))),
                None if !self.decoder.is_complete() => {
                    let message = "the server stopped in the middle of the rows";
                    return Err(Error::new(Kind::Unavailable, Blame::Source, message));
                }
                None => self.has_ended = true,
            }
        }
        if self.decoder.rows() == 0 {
            if let Some(client) = self.client.take()
                && client.batch_execute("commit").await.is_ok()
            {
                self.shared.give_back(client);
            }
            return Ok(None);
        }
        let decoded = self.decoder.take().map_err(malformed)?;
        let misfits = decoded.misfits.into_iter();
        Ok(Some(Page {
            rows: decoded.rows,
            misfits: misfits
                .map(|misfit| (misfit.row as u32, misfit.reason))
                .collect(),
        }))
    }
}
