//! The host side of `wasm-sink:kafka/kafka`.

use serde_json::json;
use wasm_sink_core::guest::tables::{Answer, TableHandle};
use wasm_sink_core::guest::{Batch, Guest, HasGuest};
use wasmtime::component::{HasSelf, Linker, Resource};

use crate::bindings::wasm_sink::kafka::kafka;
use crate::destination::KafkaStage;

/// What a component holds of a topic.
pub type TopicHandle = TableHandle<KafkaStage>;

/// The contract of the capability.
pub const WIT: &str = include_str!("../../../../wit/deps/kafka/kafka.wit");

/// Links `wasm-sink:kafka/kafka`.
///
/// # Errors
/// Only where it is linked twice.
pub fn link<T: HasGuest>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    kafka::add_to_linker::<T, HasSelf<Guest>>(linker, T::guest)
}

impl kafka::Host for Guest {}

impl kafka::HostTopic for Guest {
    async fn open(&mut self, connection: String, name: String) -> Answer<Resource<TopicHandle>> {
        self.open_table(connection, name).await
    }

    async fn encode_as(
        &mut self,
        topic: Resource<TopicHandle>,
        encoding: kafka::Encoding,
    ) -> Answer<()> {
        self.on_table(
            &topic,
            "encode-as",
            || json!([encoding]),
            async |stage, name| stage.encode_as(name, encoding),
        )
        .await
    }

    async fn assign(
        &mut self,
        topic: Resource<TopicHandle>,
        role: kafka::Role,
        column: String,
        share: kafka::Share,
    ) -> Answer<()> {
        self.on_table(
            &topic,
            "assign",
            || json!([role, column, share]),
            async |stage, name| {
                stage.layout(name)?.assign(role, column.clone(), share);
                Ok(())
            },
        )
        .await
    }

    async fn leave_out(
        &mut self,
        topic: Resource<TopicHandle>,
        columns: Vec<String>,
    ) -> Answer<()> {
        self.on_table(
            &topic,
            "leave-out",
            || json!([columns]),
            async |stage, name| {
                stage.layout(name)?.leave_out(columns.clone());
                Ok(())
            },
        )
        .await
    }

    async fn key_from(&mut self, topic: Resource<TopicHandle>, template: String) -> Answer<()> {
        self.on_table(
            &topic,
            "key-from",
            || json!([template]),
            async |stage, name| stage.layout(name)?.key_from(&template),
        )
        .await
    }

    async fn partition_by(
        &mut self,
        topic: Resource<TopicHandle>,
        partitioner: kafka::Partitioner,
    ) -> Answer<()> {
        self.on_table(
            &topic,
            "partition-by",
            || json!([partitioner]),
            async |stage, name| stage.partition_by(name, partitioner),
        )
        .await
    }

    async fn append(&mut self, topic: Resource<TopicHandle>, rows: Resource<Batch>) -> Answer<()> {
        self.append_rows(&topic, &rows).await
    }

    async fn drop(&mut self, topic: Resource<TopicHandle>) -> wasmtime::Result<()> {
        self.drop_table(topic)
    }
}
