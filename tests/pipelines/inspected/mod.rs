//! What the binary tells of components before they are let into a pipeline.

use serde_json::Value;
use wasm_sink_tests::{Binary, sha256, versioned_component};

#[test]
fn a_component_is_what_its_file_says() {
    let path = versioned_component("delta");
    let outcome = Binary::find()
        .command(["inspect", "--json"])
        .arg(&path)
        .finish();
    let said = outcome.expect_code(0).stdout;
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["sha256"], sha256(&path));
    assert_eq!(told["bytes"], std::fs::metadata(&path).unwrap().len());
    assert_eq!(told["capabilities"], serde_json::json!(["delta"]));
    assert_eq!(
        told["configuration"]["required"],
        serde_json::json!(["table_name"])
    );
    let outcome = Binary::find()
        .command(["inspect"])
        .arg(&path)
        .finish()
        .expect_code(0);
    outcome.expect_said("stage rows through connections of type \"delta\"");
}

#[test]
fn every_built_in_component_is_explained() {
    for (name, key) in [
        ("delta", "partition_by: a list, each a text, default []"),
        ("duckdb", "table_name: a text"),
        ("postgres", "table_name: a text"),
        ("kafka", "key_template: a text"),
        ("discard", "It takes no keys."),
    ] {
        let outcome = Binary::find().command(["explain", name]).finish();
        outcome.expect_code(0).expect_said(key);
        let outcome = Binary::find().command(["inspect", name]).finish();
        outcome.expect_code(0).expect_said("contract   0.1.0");
    }
}

#[test]
fn what_is_no_component_is_said_to_be_none() {
    for (name, why) in [
        ("deltalake", "this build has no component `deltalake`"),
        ("./nowhere.wasm", "cannot be read"),
        ("./Cargo.toml.wasm", "cannot be read"),
    ] {
        let outcome = Binary::find().command(["inspect", name]).finish();
        outcome.expect_code(1).expect_said(why);
    }
}
