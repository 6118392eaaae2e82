//! Generated from wit/deps/sink: the imports that the engine itself answers, and the exported sink.

#![allow(missing_docs, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "wasm-sink:sink/sink-component",
    imports: { default: trappable },
    exports: { default: async },
    with: {
        "wasm-sink:sink/types": wasm_sink_core::guest::wit,
    },
});

pub use self::exports::wasm_sink::sink::sink::Problem;
pub use self::wasm_sink::sink::{dead_letters, epoch, log};
