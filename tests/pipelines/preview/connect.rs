//! `check --connect`: says what a run would run into.

use wasm_sink_tests::{Invocation, Versitygw, files_below, free_port};

use super::case;
use crate::case::{Case, Lake};

fn check(case: &Case) -> Invocation {
    case.command("check").arg("--connect")
}

#[test]
fn a_store_that_can_be_used() {
    let server = Versitygw::start();
    let endpoint = server.endpoint();
    let lake = Lake::S3 {
        server: &server,
        endpoint: &endpoint,
        prefix: "checked",
    };
    let case = case(lake);
    let outcome = check(&case).finish().expect_code(0);
    outcome.expect_said("lake: Delta tables at s3://lake/checked is ready");
    outcome.expect_said("no mistakes");
    assert_eq!(files_below(&server.bucket_directory()), [] as [&str; 0]);
}

#[test]
fn a_component_without_the_connection_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let case = case(Lake::Disk(folder.path()));
    case.rewrite(
        &super::PIPELINE.replace("connection = \"lake\"\n", ""),
        Lake::Disk(folder.path()),
    );
    for command in ["check", "run"] {
        let outcome = case.command(command).finish().expect_code(2);
        outcome.expect_said("wasm-sink:delta");
        outcome.expect_said("connection = \"<label>\"");
    }
}

#[test]
fn a_folder_that_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("not/there/yet");
    let case = case(Lake::Disk(&place));
    check(&case).finish().expect_code(0).expect_said("is ready");
    assert!(!folder.path().join("not").exists(), "a folder was left");
}

#[test]
fn a_wrong_secret() {
    let server = Versitygw::start();
    let endpoint = server.endpoint();
    let lake = Lake::S3 {
        server: &server,
        endpoint: &endpoint,
        prefix: "secret",
    };
    let case = case(lake);
    let outcome = check(&case)
        .env("LAKE_SECRET", "not-the-secret")
        .finish()
        .expect_code(1);
    outcome.expect_said("secret_access_key");
    outcome.expect_said("lake");
    let said = outcome.said();
    assert!(
        !said.contains("not-the-secret"),
        "a secret was printed:\n{said}"
    );
    assert!(!said.contains("no mistakes"), "{said}");
}

#[test]
fn a_store_that_cannot_be_reached() {
    let server = Versitygw::start();
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let lake = Lake::S3 {
        server: &server,
        endpoint: &nowhere,
        prefix: "away",
    };
    let case = case(lake);
    let outcome = check(&case).finish().expect_code(1);
    outcome.expect_said("the server cannot be reached");
    outcome.expect_said(&nowhere);
    // Without --connect, nobody asks.
    case.command("check").finish().expect_code(0);
}

#[test]
fn a_bucket_that_is_not_there() {
    let server = Versitygw::start();
    let endpoint = server.endpoint();
    let lake = Lake::S3 {
        server: &server,
        endpoint: &endpoint,
        prefix: "none",
    };
    let case = case(lake);
    std::fs::remove_dir(server.bucket_directory()).unwrap();
    check(&case)
        .finish()
        .expect_code(1)
        .expect_said("there is no such bucket");
}
