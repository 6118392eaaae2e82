//! Files that are no component of this contract.

use wasm_sink_core::error::Blame;

use super::case::{Case, unloadable};
use super::guest::Guest;

/// Those of this file.
pub fn cases() -> Vec<Case> {
    let component = Blame::Component;
    let configuration = Blame::Configuration;
    let honest = Guest::default().build();
    let half = honest[..honest.len() / 2].to_vec();
    let http = Guest {
        world: "import wasi:http/outgoing-handler@0.2.3;",
        imports: r#"(import "wasi:http/outgoing-handler@0.2.3" "handle" (func))"#,
        ..Guest::default()
    };
    let unknown = Guest {
        world: "import go: func();",
        imports: r#"(import "$root" "go" (func))"#,
        ..Guest::default()
    };
    let other = Guest {
        contract: "0.2.0",
        ..Guest::default()
    };
    let mut large = honest;
    large.resize(200 << 20, 0);
    vec![
        unloadable(
            "an empty file",
            Vec::new(),
            configuration,
            &["not WebAssembly"],
        ),
        unloadable(
            "a core module",
            wat::parse_str("(module)").unwrap(),
            configuration,
            &["core module", "wasm32-wasip2"],
        ),
        unloadable("half a file", half, configuration, &["truncated"]),
        unloadable("200 MB", large, configuration, &["largest that is loaded"]),
        unloadable(
            "the network",
            http.build(),
            component,
            &["wasi:http", "capabilities"],
        ),
        unloadable(
            "an import of nowhere",
            unknown.build(),
            component,
            &["`go`"],
        ),
        unloadable(
            "another contract",
            other.build(),
            component,
            &["contract 0.2.0", "update wasm-sink"],
        ),
    ]
}
