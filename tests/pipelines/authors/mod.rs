//! From an empty folder to rows in a table, in each language: `new`, `build`, `test`, `run`.

pub mod examples;
mod packages;
mod sdks;
mod swaps;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use wasm_sink_tests::{DeltaTable, author, target_directory};

use crate::kafka::{await_that, end};

const NAME: &str = "my-sink";
const ROWS: u64 = 20_000;

/// What `new` wrote, built.
struct Project {
    language: &'static str,
    root: PathBuf,
}

/// Whose projects are built once for all tests.
const LANGUAGES: [&str; 6] = ["python", "javascript", "typescript", "go", "c", "rust"];

/// The project of a language, which no test changes but for its pipeline.
fn built(language: &str) -> &'static Project {
    static BUILT: [OnceLock<Project>; 6] = [const { OnceLock::new() }; 6];
    let place = LANGUAGES.iter().position(|known| *known == language);
    let place = place.unwrap();
    BUILT[place].get_or_init(|| {
        let folder = target_directory().join("authors").join(language);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        Project::make(LANGUAGES[place], &folder)
    })
}

impl Project {
    fn make(language: &'static str, folder: &Path) -> Self {
        let made = author(language, &["new", NAME, "--lang", language], folder);
        let made = made.finish().expect_code(0);
        assert!(made.stdout.contains("wasm-sink build"), "{}", made.said());
        let project = Self {
            language,
            root: folder.join(NAME),
        };
        let built = project.command(&["build"]).finish_building().expect_code(0);
        assert!(
            built.stdout.contains("build/my-sink.wasm: "),
            "{}",
            built.said()
        );
        project
    }

    fn command(&self, args: &[&str]) -> wasm_sink_tests::Invocation {
        author(self.language, args, &self.root)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// Of the rows of the generator, those that the template's sink lets through, with what it adds: worked out by DuckDB.
const EXPECTED: &str = "select count(*) as n, md5(string_agg(concat_ws('|', \"partition\", \"offset\", id, \"at\", \"user\", amount, \
    tags::varchar, detail::varchar, case when amount < 100 then 'small' when amount < 500 then 'medium' \
    when amount is not null then 'large' end), ';' order by \"partition\", \"offset\")) as digest \
    from t where amount >= 10 or amount is null";
const WRITTEN: &str = "select count(*) as n, md5(string_agg(concat_ws('|', \"partition\", \"offset\", id, \"at\", \"user\", amount, \
    tags::varchar, detail::varchar, size), ';' order by \"partition\", \"offset\")) as digest from t";

/// The same rows by the built-in component.
fn expected(folder: &Path, rows: u64) -> Value {
    let text = format!(
        "name = \"all\"\n[source]\ntype = \"generator\"\nrows = {rows}\n[sink]\ncomponent = \"delta\"\nconnection = \"lake\"\n\
         [sink.config]\ntable_name = \"all\"\n[connections.lake]\ntype = \"delta\"\npath = \"all\"\n"
    );
    std::fs::write(folder.join("all.toml"), text).unwrap();
    let run = author("rust", &["run", "all.toml"], folder);
    run.finish().expect_code(0);
    DeltaTable::local(&folder.join("all/all")).query_one(EXPECTED)
}

/// How many dead letters the pipeline of a folder has.
fn letters(folder: &Path) -> u64 {
    let listed = author(
        "rust",
        &["dead-letters", "list", "pipeline.toml", "--json"],
        folder,
    );
    let listed = listed.finish().expect_code(0);
    let letters: Value = serde_json::from_str(&listed.stdout).unwrap();
    letters["letters"].as_u64().unwrap()
}

fn arrives(language: &str) {
    let project = built(language);
    let tested = project
        .command(&["test", "--json"])
        .finish_building()
        .expect_code(0);
    let found: Value = serde_json::from_str(&tested.stdout).unwrap();
    for finding in found["findings"].as_array().unwrap() {
        assert_eq!(finding["verdict"], "right", "{language}: {finding:#}");
    }

    let pipeline = std::fs::read_to_string(project.path("pipeline.toml")).unwrap();
    assert!(pipeline.contains("rows = 100_000"), "{pipeline}");
    let fewer = pipeline.replace("rows = 100_000", &format!("rows = {ROWS}"));
    std::fs::write(project.path("pipeline.toml"), fewer).unwrap();
    project
        .command(&["run", "pipeline.toml"])
        .finish_building()
        .expect_code(0);

    let written = DeltaTable::local(&project.path("lake/amounts")).query_one(WRITTEN);
    let expected = expected(&project.root, ROWS);
    assert_eq!(written, expected, "{language}");
    let rows = expected["n"].as_u64().unwrap();
    assert_eq!(letters(&project.root), ROWS - rows);

    // What a component may do is what its project names, and no more: `epoch` and `log` are of every sink.
    let inspected = project
        .command(&["inspect", "build/my-sink.wasm", "--json"])
        .finish()
        .expect_code(0);
    let inspected: Value = serde_json::from_str(&inspected.stdout).unwrap();
    assert_eq!(
        inspected["capabilities"],
        json!(["delta"]),
        "{language}: {inspected:#}"
    );
}

#[test]
fn python_arrives() {
    arrives("python");
}

#[test]
fn javascript_arrives() {
    arrives("javascript");
}

#[test]
fn typescript_arrives() {
    arrives("typescript");
}

#[test]
fn go_arrives() {
    arrives("go");
}

#[test]
fn c_arrives() {
    arrives("c");
}

#[test]
fn rust_arrives() {
    arrives("rust");
}

/// Name and version of each package in a lock file.
fn locked(path: &str) -> BTreeSet<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let text = std::fs::read_to_string(path).unwrap();
    let packages = text.split("[[package]]").skip(1);
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap().trim_matches('"').to_owned()
    };
    packages
        .map(|package| (value(package, "name = "), value(package, "version = ")))
        .collect()
}

/// Whoever begins with Rust gets the crates that were tried here.
#[test]
fn what_rust_begins_with_is_locked_to_what_was_tried() {
    let ours = locked("Cargo.lock");
    for (path, own) in [
        ("sdk/rust/template/Cargo.lock", "my-sink"),
        ("examples/sinks/rust/Cargo.lock", "orders"),
    ] {
        let others: Vec<_> = locked(path)
            .into_iter()
            .filter(|package| package.0 != own && !ours.contains(package))
            .collect();
        assert!(others.is_empty(), "{path}: {others:?}");
    }
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "").unwrap();
    let refused = author(
        "python",
        &["new", NAME, "--lang", "python", "--into", "."],
        folder.path(),
    );
    refused.finish().expect_code(1).expect_said("not empty");
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_compiler_that_is_missing_is_named_with_where_to_get_it() {
    for (language, tool, place) in [
        ("go", "`go` is missing", "https://go.dev/dl/"),
        (
            "python",
            "`python3` is missing",
            "https://www.python.org/downloads/",
        ),
        ("javascript", "`npm` is missing", "https://nodejs.org"),
        ("c", "`zig` is missing", "https://ziglang.org/download/"),
        ("rust", "`rustc` is missing", "https://rustup.rs"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        author(
            language,
            &["new", NAME, "--lang", language, "--into", "."],
            folder.path(),
        )
        .finish()
        .expect_code(0);
        let refused = author(language, &["build"], folder.path())
            .env("PATH", "/nowhere")
            .finish()
            .expect_code(1);
        refused.expect_said(tool);
        refused.expect_said(place);
    }
}

#[test]
fn a_capability_that_is_used_and_not_named_is_told() {
    let folder = tempfile::tempdir().unwrap();
    author(
        "go",
        &["new", NAME, "--lang", "go", "--into", "."],
        folder.path(),
    )
    .finish()
    .expect_code(0);
    let settings = folder.path().join("sink.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("\"delta\"", "\"postgres\"")).unwrap();
    let refused = author("go", &["build"], folder.path())
        .finish_building()
        .expect_code(1);
    refused.expect_said("the sink uses `delta`, which sink.toml does not name");
}

#[test]
fn what_is_saved_takes_over_while_rows_flow() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::make("go", folder.path());
    let edit = |name: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(project.path(name)).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(project.path(name), text.replace(from, to)).unwrap();
    };
    edit("pipeline.toml", "rows = 100_000", "rate = 500");
    let process = project.command(&["dev"]).start();
    let table = || DeltaTable::local(&project.path("lake/amounts"));
    let arrive = |size: &str| {
        await_that(size, || {
            let sql = format!("select count(*)::int as n from t where size = '{size}'");
            let found = match table().exists() {
                true => table().query_one(&sql)["n"].as_u64(),
                false => None,
            };
            (found > Some(0), found)
        });
    };
    arrive("small");
    edit("sink.go", "\"small\"", "broken");
    edit("sink.go", "broken", "\"tiny\"");
    arrive("tiny");
    let said = end(process).expect_code(0).said();
    assert!(said.contains("sink.go: saved"), "{said}");
    let once = "select count(*)::int as n, count(distinct \"offset\")::int as places from t";
    let found = table().query_one(once);
    assert_eq!(found["n"], found["places"]);
}
