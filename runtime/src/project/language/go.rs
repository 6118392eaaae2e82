//! Go, by its own compiler: a core module for WASI preview 1, made a component here.

use rust_embed::RustEmbed;
use wasm_sink_core::Result;

use super::super::calls::calls;
use super::super::tools::{Tool, Tools, failure};
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
    // A library that is called. Names of functions stay; what else debuggers read is left out later.
    let words = [
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-buildmode=c-shared",
        "-ldflags=-w",
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
    let module = tools.read(MODULE)?;
    refuse_clock(&module)?;
    component::of_module(project, &module)
}

/// A sink that asks for the time would be told 1970, and nobody would notice.
fn refuse_clock(module: &[u8]) -> Result<()> {
    let clocks = ["time.Now", "time.Since", "time.Until"];
    let calls = calls(module, &clocks, |caller| caller.starts_with("main."));
    let calls =
        calls.map_err(|error| failure(format!("what go compiled is no module: {error}")))?;
    match calls.first() {
        None => Ok(()),
        Some(call) => Err(failure(format!(
            "{} calls {}: a component has no clock, and would be told 1970; take the time from a column, or from the \
             source by Plan.Metadata(\"at\", \"timestamp\")",
            // The linker writes `_` for what a name cannot have: main.__sink_.Write is main.(*sink).Write.
            call.caller
                .replacen(".__", ".(*", 1)
                .replacen("_.", ").", 1),
            call.called
        ))),
    }
}
