//! What components can import: `wasm-sink:inbox/inbox`.

use wasm_sink_core::guest::tables::{Answer, TableHandle};
use wasm_sink_core::guest::{Batch, Guest, HasGuest};
use wasmtime::component::{HasSelf, Linker, Resource};

use super::stage::InboxStage;
use bindings::wasm_sink::inbox::inbox;

/// Generated from wit/inbox.wit; the types of `wasm-sink:sink` are those of the core.
#[allow(missing_docs, reason = "generated")]
mod bindings {
    wasmtime::component::bindgen!({
        path: ["../../wit/deps/sink", "wit"],
        inline: "package desk:host; world capability { import wasm-sink:inbox/inbox@0.1.0; }",
        imports: { default: async | trappable },
        with: {
            "wasm-sink:sink/types": wasm_sink_core::guest::bindings::wasm_sink::sink::types,
            "wasm-sink:inbox/inbox.inbox": super::InboxHandle,
        },
    });
}

/// The contract.
pub const WIT: &str = include_str!("../../wit/inbox.wit");

/// What a component holds. The inbox is a table without a name: handles, limits, recordings and the account of rows are
/// those of all tables.
pub type InboxHandle = TableHandle<InboxStage>;

/// Links it.
///
/// # Errors
/// Only where it is linked twice.
pub fn link<T: HasGuest>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    inbox::add_to_linker::<T, HasSelf<Guest>>(linker, T::guest)
}

impl inbox::Host for Guest {}

impl inbox::HostInbox for Guest {
    async fn open(&mut self, connection: String) -> Answer<Resource<InboxHandle>> {
        self.open_table(connection, String::new()).await
    }

    async fn append(&mut self, inbox: Resource<InboxHandle>, rows: Resource<Batch>) -> Answer<()> {
        self.append_rows(&inbox, &rows).await
    }

    async fn drop(&mut self, inbox: Resource<InboxHandle>) -> wasmtime::Result<()> {
        self.drop_table(inbox)
    }
}
