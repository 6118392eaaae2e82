//! The control socket of a running pipeline: how `wasm-sink status`, `swap` and `apply` reach it. Its owner alone does: the folder is
//! theirs and closed to others, and who connects is asked for their user id.
//!
//! A request is a line of JSON, and each event of its work another one.

mod client;
mod place;
mod protocol;
mod server;

pub use client::{Running, ask, find, find_all};
pub use protocol::{Event, Extent, Positions, Refusal, Request, SwapExtent, short};
pub use server::{Handler, Server};
