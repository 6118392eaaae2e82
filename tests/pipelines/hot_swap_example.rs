//! What examples/hot-swap/README.md says.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use wasm_sink_tests::kafka::fresh;
use wasm_sink_tests::{Binary, DeltaTable, Outcome};

use crate::kafka::{await_that, end};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/hot-swap");

/// Builds a version, and puts it into a folder of the test's own.
fn build(arguments: &[&str], folder: &Path) -> PathBuf {
    let script = Path::new(EXAMPLE).join("build.sh");
    let output = Command::new(script)
        .args(arguments)
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complained}");
    let name = String::from_utf8(output.stdout).unwrap();
    let path = folder.join(name.trim());
    std::fs::copy(Path::new(EXAMPLE).join(name.trim()), &path).unwrap();
    path
}

#[test]
fn the_next_version_is_looked_at_tried_and_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let name = fresh("hot-swap");
    let text = std::fs::read_to_string(Path::new(EXAMPLE).join("pipeline.toml")).unwrap();
    std::fs::write(
        path("pipeline.toml"),
        text.replace("\"hot-swap\"", &format!("\"{name}\"")),
    )
    .unwrap();
    build(&[], folder.path());
    let next = build(&["next"], folder.path());
    let run = Binary::find().run(&path("pipeline.toml"));
    let process = run.arg("--record").arg(path("recorded")).start();
    let table = DeltaTable::local(&path("lake/payments"));
    await_that("rows", || (table.exists(), ()));

    let ask = |command: &str, arguments: &[&str]| -> Outcome {
        let mut asked = Binary::find().command([command, &name]);
        for argument in arguments {
            asked = asked.arg(argument);
        }
        asked.current_dir(folder.path()).finish()
    };
    let shadow = ["payments_next.wasm", "--epochs", "10", "--key", "id"];
    let said = ask("shadow", &shadow).expect_code(1).stdout;
    println!("{said}");
    assert!(said.contains("column size: "), "{said}");
    assert!(said.contains(": large, then small"), "{said}");
    assert!(said.contains("+ column needs_a_look bool"), "{said}");

    ask("swap", &["payments_next.wasm", "--canary", "25%"]).expect_code(0);
    let marked = || {
        table.query_one(
            "select count(distinct partition)::int as partitions from t where needs_a_look is not null",
        )
    };
    assert_eq!(marked(), json!({ "partitions": 2 }));
    ask("swap", &["--promote"]).expect_code(0);
    assert_eq!(marked(), json!({ "partitions": 8 }));
    end(process).expect_code(0);
    let found = table.query_one(
        "select count(*)::int = count(distinct (partition, \"offset\"))::int as once from t",
    );
    assert_eq!(found, json!({ "once": true }));

    std::fs::remove_dir_all(path("lake")).unwrap();
    let replay = |arguments: &[&str]| {
        let mut command = Binary::find().command(["replay"]).arg(path("recorded"));
        for argument in arguments {
            command = command.arg(argument);
        }
        command.finish()
    };
    replay(&[]).expect_code(0);
    let other = ["--component", next.to_str().unwrap(), "--key", "id"];
    let said = replay(&other).expect_code(1).stdout;
    assert!(said.contains("column size: "), "{said}");
}
