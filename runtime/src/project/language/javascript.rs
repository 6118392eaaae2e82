//! JavaScript and TypeScript: esbuild makes one file of them, componentize-qjs puts an interpreter into the component.

use rust_embed::RustEmbed;
use wasm_sink_core::Result;

use super::super::Project;
use super::super::files::disk;
use super::super::tools::{Tool, Tools};
use super::{Embedded, Language, nothing_beside};

#[derive(RustEmbed)]
#[folder = "../sdk/js"]
struct Sdk;

pub(super) static JAVASCRIPT: Language = Language {
    name: "javascript",
    source: "sink.js",
    endings: &["js", "package.json"],
    template: "template-javascript",
    embedded: Embedded::of::<Sdk>(),
    beside: nothing_beside,
    build,
};

pub(super) static TYPESCRIPT: Language = Language {
    name: "typescript",
    source: "sink.ts",
    endings: &["ts", "js", "package.json"],
    template: "template-typescript",
    embedded: Embedded::of::<Sdk>(),
    beside: nothing_beside,
    build,
};

const COMPONENT: &str = "build/componentized.wasm";
/// What was installed: the manifest, as it was then.
const INSTALLED: &str = "node_modules/.wasm-sink-installed";

fn build(project: &Project, tools: &Tools) -> Result<Vec<u8>> {
    let manifest = tools.read("package.json")?;
    if tools.read(INSTALLED).ok().as_ref() != Some(&manifest) {
        tools.step("installing what package.json asks for, this once");
        let npm = Tool {
            program: "npm",
            install: "install Node.js 20 or later, <https://nodejs.org>",
        };
        tools.run(
            &npm,
            &[
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ],
        )?;
        let installed = project.root.join(INSTALLED);
        std::fs::write(&installed, &manifest).map_err(|error| disk("write", &installed, error))?;
    }
    let source = project.settings.language.source;
    tools.step(&format!("compiling {source}"));
    let node = Tool {
        program: "node",
        install: "install Node.js 20 or later, <https://nodejs.org>",
    };
    tools.run(&node, &["build/sdk/build.js", source, COMPONENT])?;
    tools.read(COMPONENT)
}
