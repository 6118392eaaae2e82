//! Compiles the built-in components, a folder each in components/, with a cargo of their own and
//! hands them to src/lib.rs. The Cargo feature of its name embeds one.
//!
//! Cargo runs once per component, so that the capabilities of one (features of the SDK) do not
//! leak into another. `WASM_SINK_COMPONENTS=<dir>` takes `<dir>/<name>.wasm` instead.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const TARGET: &str = "wasm32-wasip2";

/// The profile in the root Cargo.toml.
const PROFILE: &str = "component";

/// Takes finished components from this directory.
const FINISHED: &str = "WASM_SINK_COMPONENTS";

/// What cargo, clippy and editors set for the outer build and must not reach the inner one.
const OUTER_ONLY: [&str; 10] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOCFLAGS",
];

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            for line in message.lines() {
                directive("error", line);
            }
            ExitCode::FAILURE
        }
    }
}

fn directive(key: &str, value: impl std::fmt::Display) {
    println!("cargo::{key}={value}");
}

fn embed() -> Result<(), String> {
    directive("rerun-if-env-changed", FINISHED);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let root = manifest
        .ancestors()
        .nth(2)
        .ok_or("runtime/builtin stands outside the workspace")?;
    let finished = env::var_os(FINISHED).filter(|directory| !directory.is_empty());
    let mut list = String::from("&[\n");
    for name in enabled(&root.join("components"))? {
        let wasm = match &finished {
            Some(directory) => take(Path::new(directory), &name)?,
            None => compile(&name, root, &out)?,
        };
        let copy = out.join(format!("{name}.wasm"));
        fs::copy(&wasm, &copy).map_err(|error| failed("copy", &wasm, &error))?;
        writeln!(
            list,
            "    Builtin {{ name: {name:?}, wasm: include_bytes!({copy:?}) }},"
        )
        .map_err(|error| error.to_string())?;
    }
    list.push_str("]\n");
    let target = out.join("components.rs");
    fs::write(&target, list).map_err(|error| failed("write", &target, &error))
}

/// Names of the folders whose feature is on, in order.
fn enabled(components: &Path) -> Result<Vec<String>, String> {
    directive("rerun-if-changed", components.display());
    let unreadable = |error| failed("read", components, &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(components).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_string_lossy().into_owned();
        let feature = format!("CARGO_FEATURE_{}", name.to_uppercase().replace('-', "_"));
        if env::var_os(feature).is_some() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A finished component of a packager or an editor.
fn take(directory: &Path, name: &str) -> Result<PathBuf, String> {
    let wasm = directory.join(format!("{name}.wasm"));
    directive("rerun-if-changed", wasm.display());
    if wasm.is_file() {
        Ok(wasm)
    } else {
        Err(format!(
            "{FINISHED} is set, and there is no {}: build it there, or unset {FINISHED}",
            wasm.display()
        ))
    }
}

fn compile(name: &str, root: &Path, out: &Path) -> Result<PathBuf, String> {
    let component = root.join("components").join(name).join("Cargo.toml");
    for path in [
        "Cargo.lock",
        "Cargo.toml",
        "rust-toolchain.toml",
        "sdk/rust/Cargo.toml",
        "wit",
    ] {
        directive("rerun-if-changed", root.join(path).display());
    }
    directive("rerun-if-changed", component.display());
    demand_target()?;

    let target_directory = target_directory(out);
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(root)
        .args([
            "build",
            "--locked",
            "--profile",
            PROFILE,
            "--target",
            TARGET,
        ])
        .arg("--manifest-path")
        .arg(&component)
        .arg("--target-dir")
        .arg(&target_directory);
    for variable in OUTER_ONLY {
        cargo.env_remove(variable);
    }
    let output = cargo
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the built-in component `{name}` does not compile ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let file = format!("wasm_sink_component_{name}");
    let wasm = target_directory.join(TARGET).join(PROFILE).join(file);
    rerun_for_sources(&wasm.with_extension("d"))?;
    Ok(wasm.with_extension("wasm"))
}

/// `target/components`, shared by all profiles of the outer build: cargo marks its target
/// directory. Where it is not above the output, the output holds one of its own.
fn target_directory(out: &Path) -> PathBuf {
    out.ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
        .unwrap_or(out)
        .join("components")
}

/// A missing target would show as "can't find crate for `core`" somewhere in cargo's output.
fn demand_target() -> Result<(), String> {
    let output = Command::new(variable("RUSTC")?)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|error| format!("rustc does not start: {error}"))?;
    let directory = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Path::new(&directory).is_dir() {
        return Ok(());
    }
    Err(format!(
        "the built-in components need the target {TARGET}, which is not installed: run `rustup \
         target add {TARGET}` here (or set {FINISHED} to a directory of finished components)"
    ))
}

/// Tells cargo to look again when a source of the component changes. The file is a line of make:
/// `output: source source`, with blanks in paths escaped.
fn rerun_for_sources(dep_info: &Path) -> Result<(), String> {
    let text = fs::read_to_string(dep_info).map_err(|error| failed("read", dep_info, &error))?;
    for line in text.lines() {
        let Some((_, sources)) = line.split_once(": ") else {
            continue;
        };
        let escaped = sources.replace("\\ ", "\0");
        for source in escaped.split_whitespace() {
            directive("rerun-if-changed", source.replace('\0', " "));
        }
    }
    Ok(())
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"))
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> String {
    format!("cannot {doing} {}: {error}", path.display())
}
