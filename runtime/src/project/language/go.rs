//! Go, by its own compiler: a core module for WASI preview 1, made a component here.

use rust_embed::RustEmbed;
use wasm_sink_core::Result;

use super::super::tools::{Tool, Tools};
use super::super::{Project, component};
use super::{Embedded, Language, nothing_beside};

#[derive(RustEmbed)]
#[folder = "../sdk/go"]
struct Sdk;

pub(super) static GO: Language = Language {
    name: "go",
    source: "sink.go",
    endings: &["go", "go.mod"],
    template: "template",
    embedded: Embedded::of::<Sdk>(),
    beside: nothing_beside,
    build,
};

const MODULE: &str = "build/module.wasm";

fn build(project: &Project, tools: &Tools) -> Result<Vec<u8>> {
    tools.step("compiling with go");
    let go = Tool {
        program: "go",
        install: "install Go 1.24 or later, <https://go.dev/dl/>",
    };
    // A library that is called, with everything left out that only debuggers read.
    let words = [
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-buildmode=c-shared",
        "-ldflags=-s -w",
        "-o",
        MODULE,
        ".",
    ];
    let environment = [
        ("GOOS", "wasip1"),
        ("GOARCH", "wasm"),
        ("GOWORK", "off"),
        ("CGO_ENABLED", "0"),
    ];
    tools.run_with(&go, &words, &environment)?;
    component::of_module(project, &tools.read(MODULE)?)
}
