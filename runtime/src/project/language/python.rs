//! Python, by componentize-py, which puts an interpreter into the component.

use rust_embed::RustEmbed;
use wasm_sink_core::Result;

use super::super::Project;
use super::super::files::disk;
use super::super::tools::{Tool, Tools, failure};
use super::{Embedded, Language, nothing_beside};
use crate::contract;

#[derive(RustEmbed)]
#[folder = "../sdk/python"]
struct Sdk;

pub(super) static PYTHON: Language = Language {
    name: "python",
    source: "sink.py",
    endings: &["py"],
    template: "template",
    embedded: Embedded::of::<Sdk>(),
    beside: nothing_beside,
    build,
};

/// What makes components; fits the contract's tools.
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";
/// Packages of the user's; those with compiled code do not load in a component.
const REQUIREMENTS: &str = "requirements.txt";
/// What was installed: all that was asked for, as it was then.
const INSTALLED: &str = "build/venv/installed";
const COMPONENT: &str = "build/componentized.wasm";

fn build(project: &Project, tools: &Tools) -> Result<Vec<u8>> {
    install(project, tools)?;
    tools.step("compiling sink.py");
    let world = format!("{}/{}", contract::PACKAGE, contract::WORLD);
    let componentize = Tool {
        program: "build/venv/bin/componentize-py",
        install: "delete build/venv, and build once more",
    };
    let words = [
        "-q",
        "-d",
        "build/wit",
        "-w",
        &world,
        "componentize",
        // No WASI: a sink has no clock, no files, no network.
        "-s",
        "-p",
        ".",
        "-p",
        "build/sdk",
        "wasm_sink.component",
        "-o",
        COMPONENT,
    ];
    let venv = project.root.join("build/venv");
    let environment = [
        ("VIRTUAL_ENV", &*venv.to_string_lossy()),
        ("RUST_BACKTRACE", "0"),
    ];
    tools
        .run_with(&componentize, &words, &environment)
        .map_err(|error| match mistake(&error.to_string()) {
            Some(mistake) => failure(mistake),
            None => error,
        })?;
    tools.read(COMPONENT)
}

/// Makes a venv with what is asked for, once.
fn install(project: &Project, tools: &Tools) -> Result<()> {
    let requirements = project.root.join(REQUIREMENTS);
    let mut asked = COMPONENTIZE_PY.as_bytes().to_vec();
    let has_requirements = requirements.exists();
    if has_requirements {
        asked.extend(tools.read(REQUIREMENTS)?);
    }
    if tools.read(INSTALLED).ok().as_ref() == Some(&asked) {
        return Ok(());
    }
    tools.step(&format!(
        "installing {COMPONENTIZE_PY} into build/venv, this once"
    ));
    let python = Tool {
        program: "python3",
        install: "install Python 3.10 or later, <https://www.python.org/downloads/>",
    };
    tools.run(&python, &["-m", "venv", "--clear", "build/venv"])?;
    let pip = Tool {
        program: "build/venv/bin/python",
        install: "delete build/venv, and build once more",
    };
    const PIP: [&str; 5] = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    tools.run(
        &pip,
        &[&PIP[..], &["--only-binary=:all:", COMPONENTIZE_PY]].concat(),
    )?;
    if has_requirements {
        tools.run(&pip, &[&PIP[..], &["-r", REQUIREMENTS]].concat())?;
    }
    let installed = project.root.join(INSTALLED);
    std::fs::write(&installed, &asked).map_err(|error| disk("write", &installed, error))
}

/// Of what the tool prints, the line in which the SDK says what is wrong with the sink.
fn mistake(said: &str) -> Option<String> {
    let mut lines = said.lines().filter_map(|line| line.strip_prefix("error: "));
    lines.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::mistake;

    #[test]
    fn of_a_traceback_the_mistake_is_shown() {
        let said = "`componentize-py` failed (exit status: 1):\nTraceback (most recent call last):\n  File \"x\"\n\
                    error: sink.py, line 3: invalid syntax\n\nCaused by:\n    AssertionError\n";
        assert_eq!(
            mistake(said).as_deref(),
            Some("sink.py, line 3: invalid syntax")
        );
        assert_eq!(mistake("killed"), None);
    }
}
