//! C, by zig or clang: a core module for WASI preview 1, made a component here.

use rust_embed::RustEmbed;
use wasm_sink_core::Result;

use super::super::files::disk;
use super::super::tools::{Tool, Tools};
use super::super::{Project, component};
use super::{Embedded, Language, nothing_beside};

#[derive(RustEmbed)]
#[folder = "../sdk/c"]
struct Sdk;

pub(super) static C: Language = Language {
    name: "c",
    source: "sink.c",
    endings: &["c", "h"],
    template: "template",
    embedded: Embedded::of::<Sdk>(),
    beside: nothing_beside,
    build,
};

/// The SDK's small functions, called for each value, become a part of the sink's loops. (zig brings the linker for it.)
const LTO: &str = "-flto";
const MODULE: &str = "build/module.wasm";
/// The schema of the configuration, as the SDK expects it.
const SCHEMA: &str = "build/config_schema.c";
/// What all compilers are told: a library that is called, with SIMD, and of the SDK no more than is used.
const WORDS: [&str; 13] = [
    "-mexec-model=reactor",
    "-std=gnu11",
    "-O2",
    // What is asserted is to hold: zig leaves it out of what is optimised.
    "-UNDEBUG",
    // What has no answer ends the call, with its line.
    "-fsanitize=integer-divide-by-zero",
    "-fno-sanitize-recover=integer-divide-by-zero",
    "-msimd128",
    "-Wall",
    "-Wextra",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wl,--gc-sections",
    "-Wl,-z,stack-size=1048576",
];

/// A way to call a compiler: program, words before the others, words that ask whether it is there.
struct Compiler {
    program: &'static str,
    words: &'static [&'static str],
    asked: &'static [&'static str],
}

/// The first that is there is taken.
const COMPILERS: [Compiler; 5] = [
    Compiler {
        program: "zig",
        words: &["cc", "-target", "wasm32-wasi", LTO],
        asked: &["version"],
    },
    Compiler {
        program: "python3",
        words: &["-m", "ziglang", "cc", "-target", "wasm32-wasi", LTO],
        asked: &["-m", "ziglang", "version"],
    },
    clang("clang"),
    // As Debian calls them.
    clang("clang-19"),
    clang("clang-14"),
];

/// Alone it has no C library: wasi-libc is asked for.
const fn clang(program: &'static str) -> Compiler {
    Compiler {
        program,
        words: &["--target=wasm32-wasi", "-Wl,--stack-first"],
        asked: &[
            "--target=wasm32-wasi",
            "-E",
            "-include",
            "stdlib.h",
            "-x",
            "c",
            "/dev/null",
        ],
    }
}

fn build(project: &Project, tools: &Tools) -> Result<Vec<u8>> {
    let found = COMPILERS
        .iter()
        .find(|compiler| tools.has(compiler.program, compiler.asked));
    let compiler = found.unwrap_or(&COMPILERS[0]);
    let tool = Tool {
        program: compiler.program,
        install: "install zig, <https://ziglang.org/download/>, or `pip install ziglang`, or clang with wasi-libc",
    };
    write(project, SCHEMA, &schema(&tools.read("config.schema.json")?))?;
    let capabilities = project.settings.capabilities.iter();
    let capabilities =
        capabilities.map(|connector| format!("-DWASM_SINK_MAY_{}", connector.name.to_uppercase()));
    let mut sources = sources(project, "")?;
    sources.extend(self::sources(project, "build/sdk/src")?);
    sources.extend(self::sources(project, "build/sdk/generated")?);
    sources.push(SCHEMA.to_owned());
    let words = compiler
        .words
        .iter()
        .chain(&WORDS)
        .map(|word| (*word).to_owned());
    let rest = ["-Ibuild/sdk/include", "-o", MODULE].map(str::to_owned);
    let words: Vec<String> = words
        .chain(capabilities)
        .chain(sources)
        .chain(rest)
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    tools.step(&format!("compiling with {}", compiler.program));
    tools.run(&tool, &words)?;
    component::of_module(project, &tools.read(MODULE)?)
}

/// C files of a folder of the project.
fn sources(project: &Project, folder: &str) -> Result<Vec<String>> {
    let path = project.root.join(folder);
    let entries = std::fs::read_dir(&path).map_err(|error| disk("read", &path, error))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".c")).collect();
    names.sort_unstable();
    let within = |name: String| match folder {
        "" => name,
        _ => format!("{folder}/{name}"),
    };
    Ok(names.into_iter().map(within).collect())
}

/// Bytes as C.
fn schema(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    format!(
        "#include <stddef.h>\nconst unsigned char ws_config_schema[] = {{{}}};\n\
         const size_t ws_config_schema_length = {};\n",
        numbers.join(","),
        bytes.len()
    )
}

fn write(project: &Project, path: &str, text: &str) -> Result<()> {
    let path = project.root.join(path);
    std::fs::write(&path, text).map_err(|error| disk("write", &path, error))
}
