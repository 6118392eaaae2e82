//! The `plan` resource.

use wasmtime::component::Resource;

use super::{Batch, Guest, wit};

/// The shape of rows, without expressions.
#[derive(Debug, Default)]
pub struct Plan {}

impl wit::HostPlan for Guest {
    async fn new(&mut self) -> wasmtime::Result<Resource<Plan>> {
        todo!()
    }
    async fn on_mismatch(&mut self, _p: Resource<Plan>, _policy: wit::Mismatch) -> wasmtime::Result<()> {
        todo!()
    }
    async fn column(
        &mut self,
        _p: Resource<Plan>,
        _name: String,
        _path: Vec<String>,
        _data_type: Option<String>,
        _nullable: bool,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        todo!()
    }
    async fn metadata(
        &mut self,
        _p: Resource<Plan>,
        _name: String,
        _key: String,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        todo!()
    }
    async fn json(
        &mut self,
        _p: Resource<Plan>,
        _name: String,
        _path: Vec<String>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        todo!()
    }
    async fn rest(
        &mut self,
        _p: Resource<Plan>,
        _without: Vec<String>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        todo!()
    }
    async fn apply(
        &mut self,
        _p: Resource<Plan>,
        _b: Resource<Batch>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        todo!()
    }
    async fn drop(&mut self, _p: Resource<Plan>) -> wasmtime::Result<()> {
        todo!()
    }
}
