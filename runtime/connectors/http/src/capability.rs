//! The host side of `wasm-sink:http/http`.

use serde_json::{Value, json};
use wasm_sink_core::guest::service::ServiceHandle as Handle;
use wasm_sink_core::guest::tables::Answer;
use wasm_sink_core::guest::{Batch, Guest, HasGuest};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::bindings::wasm_sink::http::http;
use crate::identity::digest;
use crate::request::method;
use crate::response::Body;
use crate::stage::HttpStage;

/// What a component holds of a service.
pub type ServiceHandle = Handle<HttpStage>;

/// The contract of the capability.
pub const WIT: &str = include_str!("../../../../wit/deps/http/http.wit");

/// The longest body that recordings keep as it is; of others they keep length and digest.
const MAX_RECORDED_BODY_BYTES: usize = 2 << 10;

/// Links `wasm-sink:http/http`.
///
/// # Errors
/// Only where it is linked twice.
pub fn link<T: HasGuest>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    http::add_to_linker::<T, HasSelf<Guest>>(linker, T::guest)
}

impl http::Host for Guest {}

impl http::HostService for Guest {
    async fn open(&mut self, connection: String) -> Answer<Resource<ServiceHandle>> {
        self.open_service(connection)
    }

    async fn send(
        &mut self,
        service: Resource<ServiceHandle>,
        rows: Resource<Batch>,
        request: http::Request,
    ) -> Answer<http::Response> {
        let sent = self.send_rows(
            &service,
            "send",
            &rows,
            || recorded(&request),
            async |stage: &mut HttpStage, rows, until| {
                stage.exchange(&request, Some(rows), until).await
            },
        );
        Ok(sent.await?.map(Into::into))
    }

    async fn ask(
        &mut self,
        service: Resource<ServiceHandle>,
        request: http::Request,
    ) -> Answer<http::Response> {
        let asked = self.ask_service(
            &service,
            "ask",
            || recorded(&request),
            async |stage: &mut HttpStage, until| stage.exchange(&request, None, until).await,
        );
        Ok(asked.await?.map(Into::into))
    }

    async fn drop(&mut self, service: Resource<ServiceHandle>) -> wasmtime::Result<()> {
        self.drop_service(service)
    }
}

/// A request as recordings keep it.
fn recorded(request: &http::Request) -> Value {
    let headers = request.headers.iter();
    let headers: Vec<_> = headers
        .map(|header| (header.name.as_str(), header.value.as_str()))
        .collect();
    let body = match request.body.len() {
        0..=MAX_RECORDED_BODY_BYTES => json!(Body::from(request.body.as_slice())),
        bytes => json!({ "bytes": bytes, "sha256": digest(&request.body) }),
    };
    json!({
        "method": method(request.method).as_str(),
        "path": request.path,
        "headers": headers,
        "body": body,
    })
}
