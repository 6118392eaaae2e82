//! What is embedded is small, exports the sink, and imports nothing that it does not use.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

use wasm_sink_builtin::{COMPONENTS, find};
use wasmparser::{Parser, Payload, Validator};

/// Names at the outermost level of a component.
fn names(wasm: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(
                    section
                        .into_iter()
                        .map(|import| import.unwrap().name.name.to_owned()),
                );
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(
                    section
                        .into_iter()
                        .map(|export| export.unwrap().name.name.to_owned()),
                );
            }
            _ => {}
        }
    }
    (imports, exports)
}

fn contract_imports(wasm: &[u8]) -> Vec<String> {
    let mut imports = names(wasm).0;
    imports.retain(|name| name.starts_with("wasm-sink:"));
    imports.sort();
    imports
}

#[test]
fn each_is_a_small_component_that_exports_the_sink() {
    for component in COMPONENTS {
        let name = component.name;
        Validator::new().validate_all(component.wasm).unwrap();
        let (imports, exports) = names(component.wasm);
        assert_eq!(exports, ["wasm-sink:sink/sink@0.1.0"], "{name}");
        for import in imports {
            assert!(
                import.starts_with("wasm-sink:") || import.starts_with("wasi:"),
                "{name} imports {import}"
            );
        }
        let kilobytes = component.wasm.len() / 1000;
        println!("{name}: {kilobytes} kB");
        assert!(kilobytes <= 200, "{name} has {kilobytes} kB");
    }
}

#[test]
fn only_what_is_used_is_imported() {
    // `dead-letters` is part of the SDK's world and no word of the component's code.
    if let Some(discard) = find("discard") {
        assert_eq!(
            contract_imports(discard.wasm),
            [
                "wasm-sink:sink/epoch@0.1.0",
                "wasm-sink:sink/log@0.1.0",
                "wasm-sink:sink/types@0.1.0"
            ]
        );
    }
    if let Some(delta) = find("delta") {
        assert!(contract_imports(delta.wasm).contains(&"wasm-sink:delta/delta@0.1.0".to_owned()));
    }
}

#[test]
fn an_unknown_name_is_none() {
    assert!(find("no such sink").is_none());
}
