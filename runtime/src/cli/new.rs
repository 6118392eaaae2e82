//! `wasm-sink new`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;

use super::Exit;
use super::terminal::Terminal;
use crate::project::{LANGUAGES, Language, Project, ProjectName};

const EXAMPLES: &str = "\
Examples:
  wasm-sink new my-sink --lang python
  wasm-sink new orders --lang go --into sinks/orders

Writes a project that builds and passes its test: a sink that looks at rows, refuses some, adds a column
and writes the others to a Delta table, and a pipeline.toml that runs it on made-up rows. Change it into
yours. Nothing is downloaded: contract and SDK are in this binary.";

/// Arguments of `new`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct NewArgs {
    /// The name of the sink: lower-case letters, digits and `-`
    #[arg(value_parser = name)]
    name: ProjectName,
    /// What to write it in
    #[arg(long = "lang", value_name = "LANGUAGE", value_parser = language())]
    language: &'static Language,
    /// The folder to write into [default: a new one with the sink's name]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

fn name(text: &str) -> Result<ProjectName, String> {
    ProjectName::try_from(text)
}

fn language() -> impl clap::builder::TypedValueParser<Value = &'static Language> {
    let names = PossibleValuesParser::new(LANGUAGES.map(|language| language.name));
    names.try_map(|name| Language::find(&name).ok_or("there is no SDK in it"))
}

pub(super) fn execute(args: &NewArgs, terminal: &Terminal) -> Exit {
    let folder = args
        .into
        .clone()
        .unwrap_or_else(|| PathBuf::from(args.name.as_str()));
    match Project::create(&folder, &args.name, args.language) {
        Ok(_) => {
            let shown = folder.display();
            terminal.result(&format!(
                "{}: your sink; {shown}/README.md says what is in the other files\nnext:\n  cd {shown}\n  \
                 wasm-sink build\n  wasm-sink test\n  wasm-sink run pipeline.toml\n",
                folder.join(args.language.source).display(),
            ));
            Exit::Success
        }
        Err(error) => {
            terminal.error(&error);
            Exit::Failure
        }
    }
}
