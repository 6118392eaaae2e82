//! Generated from wit/deps/http; the types of `wasm-sink:sink` are those of the core.

#![allow(missing_docs, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../../wit",
    inline: "package wasm-sink:http-host; world capability { import wasm-sink:http/http@0.1.0; }",
    imports: { default: async | trappable },
    with: {
        "wasm-sink:sink/types": wasm_sink_core::guest::bindings::wasm_sink::sink::types,
        "wasm-sink:http/http.service": crate::capability::ServiceHandle,
    },
});
