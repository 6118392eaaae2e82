//! Generated from wit/deps/sink.

#![allow(
    missing_docs,
    unused_qualifications,
    clippy::undocumented_unsafe_blocks,
    reason = "generated"
)]

wit_bindgen::generate!({
    path: "wit",
    inline: "
        package wasm-sink:sdk;
        world component {
            import wasm-sink:sink/types@0.1.0;
            import wasm-sink:sink/epoch@0.1.0;
            import wasm-sink:sink/dead-letters@0.1.0;
            import wasm-sink:sink/log@0.1.0;
            export wasm-sink:sink/sink@0.1.0;
        }
    ",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "wasm_sink_sdk::bindings",
});
