//! `wasm-sink inspect` and `wasm-sink explain`: what a component is, may do, and can be told.

use clap::Args;
use serde_json::{Value, json};

use super::Exit;
use super::numbers::grouped;
use super::terminal::Terminal;
use crate::config::ComponentRef;
use crate::launch::{Host, Inspection};

/// Where the text of a key begins.
const INDENT: &str = "    ";

const INSPECT_EXAMPLES: &str = "\
Examples:
  wasm-sink inspect ./my_sink.wasm
  wasm-sink inspect delta --json

Nothing of the component runs but what tells its configuration, in a sandbox without capabilities.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  wasm-sink explain delta
  wasm-sink explain ./my_sink.wasm

These keys stand under [sink.config]; docs/configuration.md has the others.";

/// Arguments of `inspect`.
#[derive(Args, Debug)]
#[command(after_help = INSPECT_EXAMPLES)]
pub struct InspectArgs {
    /// A .wasm file, or the word of a built-in component
    #[arg(value_name = "COMPONENT")]
    component: String,
    /// Print JSON, with the schema of the configuration
    #[arg(long)]
    json: bool,
}

/// Arguments of `explain`.
#[derive(Args, Debug)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct ExplainArgs {
    /// A .wasm file, or the word of a built-in component
    #[arg(value_name = "COMPONENT")]
    component: String,
}

pub(super) async fn execute(args: &InspectArgs, host: &dyn Host, terminal: &Terminal) -> Exit {
    let show = |inspection: &Inspection| match args.json {
        true => as_json(inspection),
        false => as_text(&args.component, inspection),
    };
    print(&args.component, host, terminal, show).await
}

pub(super) async fn explain(args: &ExplainArgs, host: &dyn Host, terminal: &Terminal) -> Exit {
    let show = |inspection: &Inspection| keys(&inspection.schema);
    print(&args.component, host, terminal, show).await
}

async fn print(
    component: &str,
    host: &dyn Host,
    terminal: &Terminal,
    show: impl FnOnce(&Inspection) -> String,
) -> Exit {
    let inspected = match ComponentRef::of(component) {
        Ok(component) => host.inspect(&component).await,
        Err(bad) => Err(bad.into()),
    };
    match inspected {
        Ok(inspection) => {
            terminal.result(&show(&inspection));
            Exit::Success
        }
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}

fn as_json(inspection: &Inspection) -> String {
    let Inspection {
        hash,
        bytes,
        contract,
        imports,
        exports,
        capabilities,
        schema,
    } = inspection;
    let all = json!({
        "sha256": hash,
        "bytes": bytes,
        "contract": contract,
        "capabilities": capabilities,
        "imports": imports,
        "exports": exports,
        "configuration": schema,
    });
    format!("{all:#}\n")
}

fn as_text(component: &str, inspection: &Inspection) -> String {
    let mut text = String::new();
    let mut line = |name: &str, what: &str| {
        text.push_str(&format!("{name:<11}{what}\n"));
    };
    line("component", component);
    line("sha256", &inspection.hash);
    line("size", &format!("{} bytes", grouped(inspection.bytes)));
    line("contract", &inspection.contract);
    for (name, listed) in [
        ("imports", &inspection.imports),
        ("exports", &inspection.exports),
    ] {
        let mut name = name;
        for interface in listed {
            line(name, interface);
            name = "";
        }
    }
    line(
        "may",
        "read the rows that it is given, reject and skip some, write to the log,",
    );
    line("", "wish for the time of a commit");
    for capability in &inspection.capabilities {
        let what = format!(
            "stage rows through connections of type \"{capability}\" that [sink] names for it"
        );
        line("", &what);
    }
    line(
        "may not",
        "open files or sockets, see the environment, the time or a credential,",
    );
    line("", "commit, or move positions");
    text.push_str(&format!(
        "\nIts configuration: wasm-sink explain {component}\n"
    ));
    text
}

/// The keys of a JSON Schema, as a person writes them.
fn keys(schema: &Value) -> String {
    let mut text = String::new();
    if let Some(about) = schema["description"].as_str() {
        text.push_str(&format!("{about}\n\n"));
    }
    if schema.is_null() {
        return "It does not say what it takes.\n".to_owned();
    }
    match schema["properties"].as_object() {
        Some(properties) if !properties.is_empty() => properties_of(schema, "", &mut text),
        _ => text.push_str("It takes no keys.\n"),
    }
    text
}

fn properties_of(schema: &Value, before: &str, text: &mut String) {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let default = match (&property["default"], is_required(name)) {
            (_, true) => ", required".to_owned(),
            (Value::Null, false) => String::new(),
            (default, false) => format!(", default {default}"),
        };
        text.push_str(&format!("{before}{name}: {}{default}\n", kind(property)));
        if let Some(about) = property["description"].as_str() {
            text.push_str(&format!("{before}{INDENT}{about}\n"));
        }
        let inner = format!("{before}{INDENT}");
        properties_of(property, &inner, text);
        properties_of(&property["items"], &inner, text);
    }
}

/// What a value is.
fn kind(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(Value::to_string).collect();
        return words.join(" | ");
    }
    if let Some(one) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let kinds: Vec<String> = one.iter().map(kind).collect();
        return kinds.join(" or ");
    }
    let word = |word: &str| match word {
        "array" => format!("a list, each {}", kind(&schema["items"])),
        "object" => "a table".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "string" => "a text".to_owned(),
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(one) => word(one),
        Value::Array(several) => {
            let several = several.iter().filter_map(Value::as_str);
            several.map(word).collect::<Vec<_>>().join(" or ")
        }
        _ => "any value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_as_a_person_writes_them() {
        let schema = json!({
            "description": "Rows into a table.",
            "required": ["table_name"],
            "properties": {
                "table_name": { "type": "string", "description": "Where rows go." },
                "mode": { "enum": ["append", "overwrite"], "default": "append" },
                "keys": { "type": "array", "items": { "type": "string" } },
                "limit": { "type": ["integer", "null"], "default": 10 },
                "columns": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": { "name": { "type": "string" }, "any": {} },
                    },
                },
            },
        });
        insta::assert_snapshot!("keys", keys(&schema));
        assert_eq!(keys(&json!({ "type": "object" })), "It takes no keys.\n");
    }

    #[test]
    fn what_a_component_is_stands_on_a_page() {
        let inspection = Inspection {
            hash: "0123456789abcdef".to_owned(),
            bytes: 123_456,
            contract: "0.1.0".to_owned(),
            imports: vec![
                "wasm-sink:delta/delta@0.1.0".to_owned(),
                "wasi:io/poll@0.2.6".to_owned(),
            ],
            exports: vec!["wasm-sink:sink/sink@0.1.0".to_owned()],
            capabilities: vec!["delta".to_owned()],
            schema: json!({ "type": "object" }),
        };
        insta::assert_snapshot!("inspection", as_text("./my_sink.wasm", &inspection));
        let read: Value = serde_json::from_str(&as_json(&inspection)).unwrap();
        assert_eq!(read["capabilities"], json!(["delta"]));
        assert_eq!(read["configuration"], inspection.schema);
    }
}
