//! A component outside the workspace, built as the SDK's README says.

use std::path::Path;

use wasm_sink_tests::{Binary, build_component, target_directory};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const PUBLISHED: &str = r#"git = "https://github.com/wasm-sink/wasm-sink""#;

#[test]
fn the_template_of_the_sdk_builds_and_runs() {
    let repository = Path::new(REPOSITORY).canonicalize().unwrap();
    let template = repository.join("sdk/rust/template");
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("my-sink");
    std::fs::create_dir_all(package.join("src")).unwrap();
    std::fs::copy(template.join("src/lib.rs"), package.join("src/lib.rs")).unwrap();
    // The versions that were tried here, so that a new release of some crate breaks no test.
    std::fs::copy(repository.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();

    let manifest = std::fs::read_to_string(template.join("Cargo.toml.template")).unwrap();
    assert!(
        manifest.contains(PUBLISHED),
        "the template names the repository"
    );
    let here = format!("path = \"{}\"", repository.join("sdk/rust").display());
    std::fs::write(
        package.join("Cargo.toml"),
        manifest.replace(PUBLISHED, &here),
    )
    .unwrap();

    let component = build_component(&package, "release", &target_directory().join("outside"));
    std::fs::copy(component, folder.path().join("my-sink.wasm")).unwrap();
    let pipeline = folder.path().join("pipeline.toml");
    std::fs::write(&pipeline, include_str!("pipeline.toml")).unwrap();
    let outcome = Binary::find().run(&pipeline).finish().expect_code(0);
    outcome.expect_said("10000 rows so far");
}
