//! examples/sinks: the same realistic sink in each language.

use std::path::{Path, PathBuf};

use serde_json::json;
use wasm_sink_tests::{DeltaTable, author};

/// What every one of them makes of examples/sinks/orders.jsonl, worked out by DuckDB.
const EXPECTED: &str = "select count(*) as n, md5(string_agg(concat_ws('|', id, \"at\"::timestamptz, \"at\"::date, country, \
    case when country in ('DE', 'ES', 'FR', 'IT', 'NL') then 'EU' when country in ('CA', 'MX', 'US') then 'NA' \
    when country in ('AU', 'IN', 'JP', 'SG') then 'APAC' else 'other' end, \
    left(email, 1) || '***@' || split_part(email, '@', 2), amount), ';' order by id)) as digest \
    from read_json('ORDERS') where amount >= 0 or amount is null";
const WRITTEN: &str = "select count(*) as n, md5(string_agg(concat_ws('|', id, \"at\", day, country, region, email, \
    amount), ';' order by id)) as digest from t";
const COLUMNS: [&str; 7] = ["id", "at", "day", "country", "region", "email", "amount"];

/// A copy of an example and of its orders, built.
pub fn built(language: &'static str, name: &str, folder: &Path) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sinks");
    std::fs::copy(examples.join("orders.jsonl"), folder.join("orders.jsonl")).unwrap();
    copied(language, &examples.join(name), folder)
}

/// A copy of a project, built.
pub fn copied(language: &'static str, from: &Path, folder: &Path) -> PathBuf {
    let project = folder.join(from.file_name().unwrap());
    copy(from, &project);
    author(language, &["build"], &project)
        .finish_building()
        .expect_code(0);
    project
}

fn arrives(language: &'static str, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let project = built(language, name, folder.path());
    author(language, &["run", "pipeline.toml"], &project)
        .finish_building()
        .expect_code(0);
    let table = DeltaTable::local(&project.join("lake/orders"));
    assert_eq!(table.columns(), COLUMNS);
    let orders = folder.path().join("orders.jsonl");
    let expected = EXPECTED.replace("ORDERS", orders.to_str().unwrap());
    let expected = table.query_one(&expected);
    assert_eq!(expected["n"], json!(37));
    assert_eq!(table.query_one(WRITTEN), expected, "{name}");
    assert_eq!(super::letters(&project), 3, "{name}");
    assert!(project.join("lake/orders/day=2026-03-01").is_dir());
}

/// A project without what was built in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match name {
            "build" | "lake" | ".wasm-sink" | "target" => {}
            _ if path.is_dir() => copy(&path, &to.join(name)),
            _ => drop(std::fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}

#[test]
fn in_python() {
    arrives("python", "python");
}

#[test]
fn in_javascript() {
    arrives("javascript", "js");
}

#[test]
fn in_go() {
    arrives("go", "go");
}

#[test]
fn in_c() {
    arrives("c", "c");
}

#[test]
fn in_rust() {
    arrives("rust", "rust");
}
