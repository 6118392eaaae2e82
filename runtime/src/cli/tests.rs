//! Arguments, and how commands end.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use clap::{CommandFactory, Parser};
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::{Cli, Exit};
use crate::config::{ComponentRef, Pipeline, SinkConfigProblem};
use crate::launch::{Beginning, Host, Inspection, Outcome, Preview, Redelivered};
use crate::letters::Selection;
use crate::metrics::Metrics;
use crate::recording::RecorderSettings;
use crate::rehearsal::Rehearsed;
use crate::replay::{Replayed, Request, Watcher};

/// A host whose component has so many problems, and whose runs fail.
struct Model {
    problems: usize,
}

#[async_trait]
impl Host for Model {
    fn compiling_often(self) -> Result<Self> {
        Ok(self)
    }

    async fn check_component(&self, _pipeline: &Pipeline) -> Result<Vec<SinkConfigProblem>> {
        let problem = SinkConfigProblem {
            path: vec![],
            message: "no".to_owned(),
            help: None,
        };
        Ok(vec![problem; self.problems])
    }

    async fn inspect(&self, _component: &ComponentRef) -> Result<Inspection> {
        Err(Error::new(Kind::Other, Blame::Host, "a model has none"))
    }

    async fn run(
        &self,
        _pipeline: Pipeline,
        beginning: Beginning,
        _record: Option<RecorderSettings>,
        _metrics: Arc<Metrics>,
    ) -> Result<Outcome> {
        match beginning {
            Beginning::Stored => Ok(Outcome::default()),
            _ => Err(Error::new(Kind::Other, Blame::Source, "it is gone")),
        }
    }

    async fn preview(&self, _pipeline: Pipeline, _rows: usize) -> Result<Preview> {
        Err(Error::new(Kind::Other, Blame::Source, "it is gone"))
    }

    async fn replay(
        &self,
        _request: &Request,
        _watcher: Watcher<'_>,
        _done: &mut (dyn FnMut(Replayed) + Send),
    ) -> Result<()> {
        Err(Error::new(Kind::Other, Blame::Host, "a model has none"))
    }

    async fn redeliver(
        &self,
        _pipeline: Pipeline,
        _selection: &Selection,
        _metrics: Arc<Metrics>,
    ) -> Result<Redelivered> {
        Ok(Redelivered::default())
    }

    async fn rehearse(&self, _pipeline: Pipeline, _rows: Option<PathBuf>) -> Result<Rehearsed> {
        Err(Error::new(Kind::Other, Blame::Host, "a model has none"))
    }

    async fn restart_consequence(&self, _pipeline: &Pipeline) -> Result<String> {
        Ok("every row is written once more".to_owned())
    }
}

async fn exit(args: &[&str], problems: usize) -> Exit {
    let cli = Cli::try_parse_from([&["wasm-sink"], args].concat()).unwrap();
    cli.execute(|_| Ok(Model { problems })).await
}

#[test]
fn the_help_teaches() {
    let mut command = Cli::command().term_width(100);
    command.clone().debug_assert();
    let mut help = command.render_long_help().to_string();
    for name in [
        "run", "check", "init", "swap", "apply", "shadow", "replay", "test", "inspect", "explain",
        "wit",
    ] {
        let command = command.find_subcommand_mut(name).unwrap();
        help.push_str(&format!("\n--- {name} ---\n{}", command.render_long_help()));
    }
    let letters = command.find_subcommand_mut("dead-letters").unwrap();
    help.push_str(&format!(
        "\n--- dead-letters ---\n{}",
        letters.render_long_help()
    ));
    for name in ["list", "show", "retry"] {
        let command = letters.find_subcommand_mut(name).unwrap();
        help.push_str(&format!(
            "\n--- dead-letters {name} ---\n{}",
            command.render_long_help()
        ));
    }
    insta::assert_snapshot!("help", help);
}

#[test]
fn arguments_that_contradict_are_refused() {
    for args in [
        &["run"][..],
        &["run", "p.toml", "--restart", "--from", "beginning"],
        &["run", "p.toml", "--dry-run", "--restart"],
        &["run", "p.toml", "--from", "yesterday"],
        &["check", "p.toml", "--color", "sometimes"],
        &["walk", "p.toml"],
    ] {
        let error = Cli::try_parse_from([&["wasm-sink"], args].concat()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{args:?}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_exits_with_2() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipeline.toml");
    let shown = path.display().to_string();
    for command in ["check", "run"] {
        assert_eq!(exit(&[command, &shown], 0).await, Exit::Misconfigured);
    }
    std::fs::write(&path, "name = 'p'\n").unwrap();
    for command in ["check", "run"] {
        assert_eq!(exit(&[command, &shown], 0).await, Exit::Misconfigured);
    }
}

#[cfg(feature = "generator")]
#[tokio::test]
async fn exits_follow_what_happened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipeline.toml");
    let shown = path.display().to_string();
    let shown = shown.as_str();
    std::fs::write(
        &path,
        "name = 'p'\n[source]\ntype = 'generator'\n[sink]\ncomponent = 'discard'\n",
    )
    .unwrap();
    assert_eq!(exit(&["check", shown], 0).await, Exit::Success);
    assert_eq!(exit(&["check", shown], 2).await, Exit::Misconfigured);
    assert_eq!(exit(&["run", shown], 1).await, Exit::Misconfigured);
    assert_eq!(exit(&["run", shown], 0).await, Exit::Success);
    assert_eq!(exit(&["run", shown, "--restart"], 0).await, Exit::Failure);
    assert_eq!(exit(&["run", shown, "--dry-run"], 0).await, Exit::Failure);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text =
        std::fs::read_to_string(&path).unwrap() + &format!("[admin]\naddress = '{address}'\n");
    std::fs::write(&path, text).unwrap();
    assert_eq!(exit(&["run", shown], 0).await, Exit::Failure);
}
