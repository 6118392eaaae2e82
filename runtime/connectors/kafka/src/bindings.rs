//! Generated from wit/deps/kafka; the types of `wasm-sink:sink` are those of the core.

#![allow(missing_docs, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../../wit",
    inline: "package wasm-sink:kafka-host; world capability { import wasm-sink:kafka/kafka@0.1.0; }",
    imports: { default: async | trappable },
    additional_derives: [serde::Serialize],
    with: {
        "wasm-sink:sink/types": wasm_sink_core::guest::bindings::wasm_sink::sink::types,
        "wasm-sink:kafka/kafka.topic": crate::capability::TopicHandle,
    },
});
