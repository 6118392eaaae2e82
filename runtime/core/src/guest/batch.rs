//! The `batch` resource.

use wasmtime::component::Resource;

use super::{Guest, wit};
use crate::batch::Rows;
use crate::dead_letter::{DeadLetter, RefusedBy};

/// Rows in host memory, until their epoch ends.
#[derive(Debug)]
pub struct Batch {
    epoch: u64,
    rows: Option<Rows>,
}

impl Batch {
    pub(super) fn new(epoch: u64, rows: Rows) -> Self {
        Self {
            epoch,
            rows: Some(rows),
        }
    }

    pub(super) fn free(&mut self) {
        self.rows = None;
    }

    pub(super) fn rows(&self, epoch: u64) -> wasmtime::Result<&Rows> {
        self.rows.as_ref().ok_or_else(|| {
            wasmtime::Error::msg(format!(
                "a batch of epoch {} was used in epoch {epoch}: batches live until `flush` returns",
                self.epoch
            ))
        })
    }
}

/// Numbers for equal schemas.
#[derive(Debug, Default)]
pub(super) struct SchemaIds {}

pub(super) fn dead_letters(
    _rows: &Rows,
    _by: RefusedBy,
    _reason: impl Fn(usize) -> String,
    _into: &mut Vec<DeadLetter>,
) {
    todo!()
}

impl wit::Host for Guest {}

impl wit::HostBatch for Guest {
    async fn row_count(&mut self, batch: Resource<Batch>) -> wasmtime::Result<u32> {
        Ok(self.rows(&batch)?.len() as u32)
    }
    async fn origin(&mut self, _b: Resource<Batch>) -> wasmtime::Result<Option<wit::Span>> {
        todo!()
    }
    async fn schema_id(&mut self, _b: Resource<Batch>) -> wasmtime::Result<u32> {
        todo!()
    }
    async fn fields(&mut self, _b: Resource<Batch>) -> wasmtime::Result<Vec<wit::Field>> {
        todo!()
    }
    async fn ipc(
        &mut self,
        _b: Resource<Batch>,
        _columns: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<u8>, wit::Error>> {
        todo!()
    }
    async fn slice(
        &mut self,
        _b: Resource<Batch>,
        _offset: u32,
        _length: u32,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        todo!()
    }
    async fn filter(
        &mut self,
        _b: Resource<Batch>,
        _keep: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        todo!()
    }
    async fn split(
        &mut self,
        _b: Resource<Batch>,
        _column: String,
    ) -> wasmtime::Result<Result<Vec<(Option<String>, Resource<Batch>)>, wit::Error>> {
        todo!()
    }
    async fn with_columns(
        &mut self,
        _b: Resource<Batch>,
        _columns: Resource<Batch>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        todo!()
    }
    async fn from_ipc(
        &mut self,
        _bytes: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        todo!()
    }
    async fn drop(&mut self, _b: Resource<Batch>) -> wasmtime::Result<()> {
        todo!()
    }
}
