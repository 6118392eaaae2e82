//! Routes that are changed later. What they do stands in the conformance kit.

use serde_json::json;
use tempfile::TempDir;
use wasm_sink_tests::DeltaTable;

use crate::case::{Case, Lake};

fn pipeline(table: &str) -> String {
    format!(
        "name = \"moved\"\n[source]\ntype = \"files\"\npath = \"a.jsonl\"\n\
         [sink]\ncomponent = \"delta\"\nconnection = \"lake\"\n\
         [sink.config]\ntable_name = \"rest\"\n\
         [[routes]]\ntopic = \"a.jsonl\"\ntable = \"{table}\"\n\
         [[routes]]\ntopic = \"b.jsonl\"\ntable = \"one\"\n"
    )
}

/// Each Delta table has the positions of its own topics: in another one they are not known, and all would
/// be delivered once more.
#[test]
fn a_topic_is_not_led_from_one_delta_table_to_another() {
    let folder = TempDir::new().expect("a temporary folder");
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&pipeline("one"), lake);
    case.write("a.jsonl", "{\"n\": 1}\n");
    case.run().finish().expect_code(0);
    case.rewrite(&pipeline("two"), lake);
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said("was delivered to");
    outcome.expect_said("--from beginning");
    case.run().arg("--from=beginning").finish().expect_code(0);
    for table in ["one", "two"] {
        let rows = DeltaTable::local(&folder.path().join(table)).query("select n from t");
        assert_eq!(rows, [json!({ "n": 1 })], "{table}");
    }
}
