//! The HTTP connector: requests to one web service, at least once.
//!
//! A request's way: `capability` takes it from the component, `request` holds it against the connection's `address` and
//! gives it an `identity`, and `client` sends it, again where the service was away or asks for it (`retry`), with what
//! `auth` adds. `answer` reads what comes back and leaves out the connection's `secrets`. Nothing is staged: what is sent
//! is sent.

mod address;
mod answer;
mod auth;
pub mod bindings;
mod capability;
mod client;
mod connection;
mod error;
mod identity;
mod request;
mod response;
mod retry;
mod secrets;
mod settings;
mod stage;
mod tls;

use wasm_sink_core::connection::ConnectionSpec;
use wasm_sink_core::settings::{Problem, Table};

pub use capability::{ServiceHandle, WIT, link};

/// Reads `[connections.<label>]` with `type = "http"`; None where it reported problems.
pub fn connection(
    settings: &Table,
    problems: &mut Vec<Problem>,
) -> Option<Box<dyn ConnectionSpec>> {
    let settings = settings::read(settings, problems)?;
    Some(Box::new(connection::HttpSpec(settings)))
}
