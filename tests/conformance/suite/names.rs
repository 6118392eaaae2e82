//! Names that attack: taken letter by letter, or refused with the name. Nothing else happens.

use serde_json::{Value, json};

use crate::destination::{Destination, case};

const PIPELINE: &str = r#"
name = "names"

[source]
type = "files"
path = "names.jsonl"
"#;

fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "select",
        "Upper",
        "two words",
        "it's",
        "say \"hi\"",
        "x\"; drop table bystander; --",
        "x'; drop table bystander; --",
        "überfällig",
        "注文",
        "🦀",
        "$1",
        "%s",
        "a`b",
        "a;b",
        "back\\slash",
        "..",
        "../up",
        "/root",
        "tab\there",
        "line\nbreak",
        "trailing ",
        "_wasm_sink_positions",
    ]
    .map(str::to_owned)
    .into();
    names.push("n".repeat(63));
    names.push("n".repeat(64));
    names.push("é".repeat(200));
    names
}

/// What the bystander holds must never change.
fn expect_untouched<D: Destination>(destination: &D) {
    let rows = destination.query("bystander", "select n from t");
    assert_eq!(rows, [json!({ "n": 1 })]);
}

fn bystander<D: Destination>(destination: &D) {
    let case = case(
        destination,
        &PIPELINE.replace("names\"", "bystander\""),
        "bystander",
        "",
    );
    case.write("names.jsonl", "{\"n\": 1}\n");
    case.run().finish().expect_code(0);
}

/// The words of a message that quote a name may be escaped or cut.
fn is_named(said: &str, name: &str) -> bool {
    let start: String = name.chars().take(8).collect();
    let escaped = start.escape_debug().to_string();
    said.contains(&start) || said.contains(&escaped) || said.contains("\\n")
}

pub fn tables_that_attack<D: Destination>() {
    let destination = D::start();
    bystander(&destination);
    for (index, name) in names().iter().enumerate() {
        let text = PIPELINE.replace("name = \"names\"", &format!("name = \"names-{index}\""));
        let case = case(&destination, &text, name, "");
        case.write("names.jsonl", "{\"n\": 7}\n");
        let outcome = case.run().finish();
        match outcome.code() {
            Some(0) => {
                let rows = destination.query(name, "select n from t");
                assert_eq!(rows, [json!({ "n": 7 })], "{name:?}");
            }
            code => {
                assert!(matches!(code, Some(1 | 2)), "{name:?}: {}", outcome.said());
                assert!(
                    is_named(&outcome.said(), name),
                    "{name:?}: {}",
                    outcome.said()
                );
            }
        }
    }
    expect_untouched(&destination);
}

pub fn columns_that_attack<D: Destination>() {
    let destination = D::start();
    bystander(&destination);
    let mut taken = 0;
    for (index, name) in names().iter().enumerate() {
        let table = format!("names-{index}");
        let text = PIPELINE.replace("name = \"names\"", &format!("name = \"{table}\""));
        let case = case(&destination, &text, &table, "");
        let row = Value::Object([(name.clone(), json!(7))].into_iter().collect());
        case.write("names.jsonl", format!("{row}\n"));
        let outcome = case.run().finish();
        match outcome.code() {
            Some(0) => {
                assert_eq!(destination.columns(&table), std::slice::from_ref(name));
                taken += 1;
            }
            code => {
                assert_eq!(code, Some(1), "{name:?}: {}", outcome.said());
                assert!(
                    is_named(&outcome.said(), name),
                    "{name:?}: {}",
                    outcome.said()
                );
                assert_eq!(destination.columns(&table), [""; 0], "{name:?}");
            }
        }
    }
    expect_untouched(&destination);
    assert!(taken > 8, "only {taken} names were taken");
}
