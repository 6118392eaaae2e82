//! The SDKs as registries would get them: made by each language's own tool, looked through, and used from there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use wasm_sink_tests::{author_environment, files_below, target_directory, tool};

/// Of the workspace, and so of every package.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const GO_MODULE: &str = "github.com/wasm-sink/wasm-sink/sdk/go";

fn sdk(language: &str) -> PathBuf {
    let sdks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk");
    sdks.join(language).canonicalize().unwrap()
}

/// What the command said.
fn done(command: &mut Command) -> String {
    let tried = command.output().unwrap();
    let said = String::from_utf8_lossy(&tried.stdout).into_owned();
    assert!(
        tried.status.success(),
        "{:?}\n{said}{}",
        command.get_args(),
        String::from_utf8_lossy(&tried.stderr)
    );
    said
}

fn files(folder: &Path) -> BTreeSet<String> {
    files_below(folder).into_iter().collect()
}

/// The files of an SDK without templates, what is `left_out`, and what tools leave behind.
fn sources(language: &str, left_out: &[&str]) -> BTreeSet<String> {
    let is_source = |path: &String| {
        let mut parts = path.split('/');
        !path.starts_with("template")
            && parts.all(|part| {
                !part.starts_with('.')
                    && !["__pycache__", "node_modules"].contains(&part)
                    && !left_out.contains(&part)
            })
    };
    let mut files = files(&sdk(language));
    files.retain(is_source);
    files
}

/// A package holds these files, and no others.
fn holds(package: &BTreeSet<String>, expected: &BTreeSet<String>) {
    let missing: Vec<_> = expected.difference(package).collect();
    let unexpected: Vec<_> = package.difference(expected).collect();
    assert!(
        missing.is_empty() && unexpected.is_empty(),
        "missing: {missing:?}, unexpected: {unexpected:?}"
    );
}

/// What the page in a registry shows stands in the package as it does here.
fn has_its_papers(language: &str, licence: &Path, readme: &Path) {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../LICENSE");
    for (ours, theirs) in [(ours, licence), (sdk(language).join("README.md"), readme)] {
        let is_same = std::fs::read(&ours).unwrap() == std::fs::read(theirs).unwrap();
        assert!(is_same, "{} is another one", theirs.display());
    }
}

fn unpacked(archive: &Path, into: &Path) {
    std::fs::create_dir(into).unwrap();
    done(
        Command::new("tar")
            .arg("-xzf")
            .arg(archive)
            .arg("-C")
            .arg(into),
    );
}

#[test]
fn pypi_gets_a_wheel_and_what_it_is_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let python = tool("pypa_build");
    // The wheel is made of the unpacked archive: nothing is missing there.
    done(
        Command::new(&python)
            .args(["-B", "-m", "build", "--no-isolation", "--outdir"])
            .arg(folder.path())
            .arg(sdk("python")),
    );

    let name = format!("wasm_sink-{VERSION}");
    unpacked(&at(&format!("{name}.tar.gz")), &at("archive"));
    let archive = at("archive").join(&name);
    let mut expected = sources("python", &["tests"]);
    assert!(expected.contains("wasm_sink/py.typed"));
    expected.insert("PKG-INFO".to_owned());
    holds(&files(&archive), &expected);
    has_its_papers(
        "python",
        &archive.join("LICENSE"),
        &archive.join("README.md"),
    );

    // An environment without anything, pip included.
    done(
        Command::new(&python)
            .args(["-m", "venv", "--without-pip"])
            .arg(at("empty")),
    );
    let installed = at("empty/bin/python");
    done(
        Command::new(&python)
            .args(["-m", "pip", "--disable-pip-version-check", "--python"])
            .arg(&installed)
            .args(["install", "--quiet", "--no-index", "--no-compile"])
            .arg(at(&format!("{name}-py3-none-any.whl"))),
    );
    let said = done(Command::new(&installed).current_dir(folder.path()).args([
        "-I",
        "-B",
        "-c",
        "import wasm_sink.arrow, wasm_sink.http; print(wasm_sink.__path__[0])",
    ]));
    let module = Path::new(said.trim());
    assert!(module.starts_with(at("empty").canonicalize().unwrap()));
    let mut expected = sources("python", &["tests"]);
    expected.retain(|path| path.starts_with("wasm_sink/"));
    let module_files = files(module);
    let module_files = module_files.iter().map(|path| format!("wasm_sink/{path}"));
    holds(&module_files.collect(), &expected);
}

#[test]
fn npm_gets_modules_with_their_types() {
    let folder = tempfile::tempdir().unwrap();
    let npm = |words: &[&str]| {
        let mut command = Command::new("npm");
        command
            .args(words)
            .args(["--offline", "--ignore-scripts", "--loglevel=error"])
            .envs(author_environment("javascript"))
            .env("npm_config_cache", folder.path().join("cache"))
            .current_dir(folder.path());
        done(&mut command)
    };
    npm(&["pack", &sdk("js").to_string_lossy()]);
    let archive = folder.path().join(format!("wasm-sink-{VERSION}.tgz"));
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    npm(&[
        "install",
        "--no-audit",
        "--no-fund",
        "--prefix",
        &empty.to_string_lossy(),
        &archive.to_string_lossy(),
    ]);

    let package = empty.join("node_modules/wasm-sink");
    let packed = files(&package);
    holds(&packed, &sources("js", &["tests"]));
    has_its_papers("js", &package.join("LICENSE"), &package.join("README.md"));

    let manifest = std::fs::read(package.join("package.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut modules = Vec::new();
    for (name, export) in manifest["exports"].as_object().unwrap() {
        if let Some(types) = export["types"].as_str() {
            assert!(packed.contains(types.trim_start_matches("./")), "{types}");
        }
        if export.is_string() || export["default"].is_string() {
            modules.push(name.replacen('.', "wasm-sink", 1));
        }
    }
    assert!(modules.len() > 1, "{modules:?}");
    // Each imports the host: here, one that can do nothing.
    let script = "globalThis.fakeHost = new Proxy({}, { get: () => ({}) });\n\
                  for (const name of process.argv.slice(1)) await import(name);";
    done(
        Command::new(tool("nodejs"))
            .arg("--import")
            .arg(sdk("js").join("tests/fake-host.js"))
            .args(["--input-type=module", "--eval", script, "--"])
            .args(&modules)
            .current_dir(&empty),
    );
}

#[test]
fn crates_io_gets_the_contract_with_the_crate() {
    let folder = tempfile::tempdir().unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Without compiling it once more: what is in it is what was compiled.
    done(
        Command::new(cargo)
            .args(["package", "--no-verify", "--allow-dirty", "--offline"])
            .arg("--target-dir")
            .arg(folder.path())
            .current_dir(sdk("rust")),
    );
    let name = format!("wasm-sink-sdk-{VERSION}");
    let archive = folder.path().join(format!("package/{name}.crate"));
    unpacked(&archive, &folder.path().join("crate"));
    let package = folder.path().join("crate").join(name);
    let mut packed = files(&package);
    // There where it was made in a clone.
    packed.remove(".cargo_vcs_info.json");
    let mut expected = sources("rust", &[]);
    assert!(expected.contains("wit/deps/sink/sink.wit"));
    expected.extend(["Cargo.lock", "Cargo.toml.orig"].map(str::to_owned));
    holds(&packed, &expected);
    // Files of its own, where ours is a link.
    assert!(!package.join("wit").is_symlink());
    has_its_papers("rust", &package.join("LICENSE"), &package.join("README.md"));
}

/// Go has no registry: a tag publishes. What `go` takes of a repository is tried with one that stands in for ours.
#[test]
fn go_gets_a_module_by_its_tag() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let repository = at("repository");
    for path in files(&sdk("go")) {
        let copy = repository.join("sdk/go").join(&path);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(sdk("go").join(&path), copy).unwrap();
    }
    let settings = format!(
        "[user]\nname = tester\nemail = tester@example.com\n\
         [url \"file://{}\"]\ninsteadOf = https://github.com/wasm-sink/wasm-sink\n",
        repository.display()
    );
    std::fs::write(at("gitconfig"), settings).unwrap();
    let tag = format!("sdk/go/v{VERSION}");
    for words in [
        &["init", "--quiet"][..],
        &["add", "."],
        &["commit", "--quiet", "--message", "Published"],
        &["tag", &tag],
    ] {
        done(
            Command::new("git")
                .args(words)
                .env("GIT_CONFIG_GLOBAL", at("gitconfig"))
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .current_dir(&repository),
        );
    }

    let sink = at("sink");
    std::fs::create_dir(&sink).unwrap();
    for name in ["sink.go", "sink_test.go", "config.schema.json"] {
        std::fs::copy(sdk("go").join("template").join(name), sink.join(name)).unwrap();
    }
    let go = |words: &[&str]| {
        let mut command = Command::new(tool("golang"));
        command
            .args(words)
            .env("GIT_CONFIG_GLOBAL", at("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GOCACHE", target_directory().join("go"))
            // So that the folder can be removed.
            .env("GOFLAGS", "-modcacherw")
            .env("GOMODCACHE", at("modules"))
            .env("GOPROXY", "direct")
            .env("GOSUMDB", "off")
            .env("GOTOOLCHAIN", "local")
            .env("GOWORK", "off")
            .current_dir(&sink);
        done(&mut command)
    };
    go(&["mod", "init", "my-sink"]);
    go(&["get", &format!("{GO_MODULE}@v{VERSION}")]);
    let module = go(&["list", "-m", "-f", "{{.Dir}}", GO_MODULE]);
    let module = Path::new(module.trim());
    holds(&files(module), &sources("go", &[]));
    has_its_papers("go", &module.join("LICENSE"), &module.join("README.md"));
    go(&["vet", ".", &format!("{GO_MODULE}/...")]);
}
