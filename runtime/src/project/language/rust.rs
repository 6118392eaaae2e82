//! Rust, by cargo: its target `wasm32-wasip2` is a component.

use std::borrow::Cow;

use rust_embed::RustEmbed;
use wasm_sink_core::Result;

use super::super::Project;
use super::super::tools::{Tool, Tools, failure};
use super::{Embedded, File, Language};
use crate::contract;

#[derive(RustEmbed)]
#[folder = "../sdk/rust"]
struct Sdk;

pub(super) static RUST: Language = Language {
    name: "rust",
    source: "src/lib.rs",
    endings: &["rs", "Cargo.toml"],
    template: "template",
    embedded: Embedded::of::<Sdk>(),
    beside,
    build,
};

const TARGET: &str = "wasm32-wasip2";
/// Where the SDK's manifest finds what all packages of ours have in common.
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// The whole contract, which the SDK has bindings for, and a workspace around the SDK.
fn beside() -> Vec<File> {
    let capabilities: Vec<_> = contract::capabilities().collect();
    let contract = contract::files(&capabilities).into_iter();
    let contract = contract.filter(|(path, _)| path != contract::WORLD_FILE);
    let contract = contract.map(|(path, text)| (format!("sdk/wit/{path}"), text));
    let root = [
        (
            "sdk/wit/contract.wit".to_owned(),
            include_str!("../../../../wit/contract.wit").to_owned(),
        ),
        ("Cargo.toml".to_owned(), workspace()),
    ];
    let files = contract.chain(root);
    files
        .map(|(path, text)| (path, Cow::Owned(text.into_bytes())))
        .collect()
}

/// Our own workspace, with no other member than the SDK.
fn workspace() -> String {
    let mut table: toml::Table = toml::from_str(WORKSPACE).unwrap_or_default();
    table.retain(|name, _| name == "workspace");
    if let Some(toml::Value::Table(workspace)) = table.get_mut("workspace") {
        workspace.retain(|name, _| name != "exclude" && name != "default-members");
        workspace.insert("members".to_owned(), vec!["sdk"].into());
    }
    table.to_string()
}

fn build(project: &Project, tools: &Tools) -> Result<Vec<u8>> {
    let cargo = Tool {
        program: "cargo",
        install: "install Rust, <https://rustup.rs>",
    };
    let rustc = Tool {
        program: "rustc",
        ..cargo
    };
    tools.step("compiling with cargo");
    let libraries = tools.run(&rustc, &["--print", "target-libdir", "--target", TARGET])?;
    if !std::path::Path::new(String::from_utf8_lossy(&libraries).trim()).exists() {
        return Err(failure(format!(
            "Rust cannot compile to {TARGET} yet: rustup target add {TARGET}"
        )));
    }
    let words = [
        "build",
        "--release",
        "--target",
        TARGET,
        "--message-format",
        "json-render-diagnostics",
    ];
    let messages = tools.run(&cargo, &words)?;
    let path = built(&messages, &project.root).ok_or_else(|| {
        failure("cargo made no component: the package in Cargo.toml needs [lib] with crate-type = [\"cdylib\"]".to_owned())
    })?;
    tools.read(&path)
}

/// The component among what cargo says that it made.
fn built(messages: &[u8], root: &std::path::Path) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Message {
        manifest_path: std::path::PathBuf,
        filenames: Vec<String>,
    }
    let manifest = root.join("Cargo.toml");
    let messages = messages.split(|byte| *byte == b'\n');
    let messages = messages.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let mut ours = messages.filter(|message| message.manifest_path == manifest);
    ours.find_map(|message| {
        message
            .filenames
            .into_iter()
            .find(|name| name.ends_with(".wasm"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_around_the_sdk_holds_what_its_manifest_asks_for() {
        let workspace: toml::Table = toml::from_str(&workspace()).unwrap();
        let workspace = workspace["workspace"].as_table().unwrap();
        assert_eq!(workspace["members"], vec!["sdk"].into());
        let manifest = Sdk::get("Cargo.toml").unwrap().data;
        let manifest: toml::Table =
            toml::from_str(std::str::from_utf8(&manifest).unwrap()).unwrap();
        for name in manifest["dependencies"].as_table().unwrap().keys() {
            assert!(workspace["dependencies"].get(name).is_some(), "{name}");
        }
        assert!(workspace["package"].get("version").is_some());
        assert!(workspace.contains_key("lints"));
    }

    #[test]
    fn the_component_is_what_cargo_made_of_the_project() {
        let messages = br#"{"reason":"compiler-artifact","manifest_path":"/other/Cargo.toml","filenames":["/t/other.wasm"]}
{"reason":"compiler-artifact","manifest_path":"/mine/Cargo.toml","filenames":["/t/mine.d","/t/mine.wasm"]}
{"reason":"build-finished","success":true}
"#;
        let root = std::path::Path::new("/mine");
        assert_eq!(built(messages, root).as_deref(), Some("/t/mine.wasm"));
        assert_eq!(built(b"", root), None);
    }
}
