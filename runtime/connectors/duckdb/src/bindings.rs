//! Generated from wit/deps/duckdb; the types of `wasm-sink:sink` are those of the core.

#![allow(missing_docs, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../../wit",
    inline: "package wasm-sink:duckdb-host; world capability { import wasm-sink:duckdb/duckdb@0.1.0; }",
    imports: { default: async | trappable },
    with: {
        "wasm-sink:sink/types": wasm_sink_core::guest::bindings::wasm_sink::sink::types,
        "wasm-sink:duckdb/duckdb.table": crate::capability::TableHandle,
    },
});
