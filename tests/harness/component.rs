//! Components that tests build themselves.

use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

/// Builds the only component of a package with one of its profiles, and gives the path of the
/// `.wasm` file. Nothing to do where it is fresh.
///
/// # Panics
/// It does not compile; what cargo said is shown.
pub fn build_component(package: &Path, profile: &str, target: &Path) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(package)
        .args(["build", "--target", TARGET, "--profile", profile])
        .args(["--message-format", "json", "--target-dir"])
        .arg(target)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "{} does not compile:\n{}",
        package.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let mut artifacts = text.lines().flat_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let files = message["filenames"].as_array().cloned().unwrap_or_default();
        files
            .into_iter()
            .filter_map(|file| Some(PathBuf::from(file.as_str()?)))
    });
    artifacts
        .find(|file| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .unwrap_or_else(|| panic!("{} is no component", package.display()))
}

/// The component in tests/hostile for a destination, compiled like the built-in ones and beside them.
pub fn hostile_component(destination: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    build_component(
        &tests.join("hostile").join(destination),
        "component",
        &target_directory().join("components"),
    )
}

/// The component in tests/versioned for a destination, likewise.
pub fn versioned_component(destination: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    build_component(
        &tests.join("versioned").join(destination),
        "component",
        &target_directory().join("components"),
    )
}

/// The component in tests/careless, likewise.
pub fn careless_component() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    build_component(
        &tests.join("careless/rust"),
        "component",
        &target_directory().join("components"),
    )
}

/// SHA-256 of a file, in hexadecimal digits.
///
/// # Panics
/// It cannot be read.
pub fn sha256(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    let bytes = std::fs::read(path).expect("a file");
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Cargo's target directory: the running test is `<target>/<profile>/deps/<test>-<hash>`.
pub fn target_directory() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    let target = test
        .ancestors()
        .nth(3)
        .expect("a folder that holds the test");
    target.to_owned()
}
