//! What is refused, and with which words.

use std::fs;
use std::path::Path;

use wasm_sink_core::error::{Blame, Error, Kind};

use super::super::link::Capabilities;
use super::super::{Engine, EngineSettings, Grants, InstanceLimits};
use super::destination::{engine, unconfigured};
use super::guest::Guest;

fn refusal(wasm: &[u8]) -> Error {
    let error = engine().load("guest", wasm, None).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(
        error.to_string().starts_with("component `guest`: "),
        "{error}"
    );
    error
}

#[track_caller]
fn assert_says(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn what_is_no_component() {
    let error = refusal(b"not wasm at all");
    assert_says(&error, &["not WebAssembly"]);
    assert_eq!(error.blame(), Blame::Configuration);
    assert_says(&refusal(b""), &["not WebAssembly"]);
    let module = wat::parse_str("(module)").unwrap();
    assert_says(&refusal(&module), &["core module", "wasm32-wasip2"]);
    let error = refusal(b"\0asm\x0d\0\x01\0\x63\x01\0");
    assert_says(&error, &["not a valid component"]);
}

#[test]
fn every_truncation_is_refused() {
    let wasm = Guest::default().build();
    let engine = engine();
    let mut truncated = 0;
    for end in 0..wasm.len() {
        match engine.load("guest", &wasm[..end], None) {
            Err(error) => truncated += usize::from(error.message().contains("truncated")),
            // Nothing but names for debuggers stood behind the last export.
            Ok(loaded) => assert_eq!(loaded.capabilities().len(), 0),
        }
    }
    // A cut between two sections leaves a component, which is no sink.
    assert!(truncated > 0);
}

#[test]
fn what_is_too_large_is_not_even_read() {
    let settings = EngineSettings {
        max_component_bytes: 1000,
        ..EngineSettings::default()
    };
    let engine = Engine::new(&settings, Capabilities::default()).unwrap();
    let error = engine
        .load("guest", &Guest::default().build(), None)
        .unwrap_err();
    assert_says(&error, &["1000", "strip"]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("huge.wasm");
    fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    assert_says(
        &engine.load_file(&file, None).unwrap_err(),
        &["huge.wasm", "1000"],
    );
}

#[test]
fn a_file_that_is_not_there_or_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let error = engine()
        .load_file(&directory.path().join("missing.wasm"), None)
        .unwrap_err();
    assert_says(
        &error,
        &["missing.wasm", "[sink] component", "No such file"],
    );
    let error = engine().load_file(directory.path(), None).unwrap_err();
    assert_says(&error, &["directory"]);
}

#[test]
fn a_component_that_is_no_sink() {
    let nothing = wat::parse_str("(component)").unwrap();
    assert_says(
        &refusal(&nothing),
        &["no sink", "wasm-sink:sink/sink@0.1.0", "exports nothing"],
    );
    let other =
        wat::parse_str(r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#)
            .unwrap();
    assert_says(&refusal(&other), &["no sink", "`wasi:cli/run@0.2.0`"]);
}

#[test]
fn another_contract_is_refused_with_both_versions() {
    for (contract, help) in [
        ("0.2.0", "update wasm-sink"),
        ("0.1.1", "update wasm-sink"),
        ("1.0.0", "update wasm-sink"),
        ("0.0.9", "newer SDK"),
    ] {
        let guest = Guest {
            contract,
            ..Guest::default()
        };
        let error = refusal(&guest.build());
        assert_says(
            &error,
            &[
                &format!("built for contract {contract}"),
                "speaks contract 0.1.0",
                help,
            ],
        );
        assert_eq!(error.blame(), Blame::Component);
    }
}

#[test]
fn a_hook_that_this_host_would_never_call() {
    let hooked = wat::parse_str(
        r#"(component (instance $i) (export "wasm-sink:sink/on-commit@0.1.0" (instance $i)))"#,
    )
    .unwrap();
    assert_says(&refusal(&hooked), &["on-commit", "hook", "contract 0.1.0"]);
}

#[test]
fn a_sink_that_only_has_the_name() {
    let wasm = wat::parse_str(
        r#"(component (instance $i) (export "wasm-sink:sink/sink@0.1.0" (instance $i)))"#,
    )
    .unwrap();
    assert_says(&refusal(&wasm), &["contract 0.1.0", "differs from it"]);
}

#[test]
fn imports_that_components_do_not_get() {
    let cases: [(&'static str, &'static str, &[&str]); 4] = [
        (
            "import wasi:http/outgoing-handler@0.2.3;",
            r#"(import "wasi:http/outgoing-handler@0.2.3" "handle" (func))"#,
            &["wasi:http/outgoing-handler", "capabilities"],
        ),
        (
            "import wasi:random/random@0.3.0;",
            r#"(import "wasi:random/random@0.3.0" "get-random-u64" (func (result i64)))"#,
            &["wasi:random/random@0.3.0", "WASI 0.2"],
        ),
        (
            "import other:thing/stuff@1.0.0;",
            r#"(import "other:thing/stuff@1.0.0" "go" (func))"#,
            &["other:thing/stuff", "neither"],
        ),
        (
            "import go: func();",
            r#"(import "$root" "go" (func))"#,
            &["`go`", "neither"],
        ),
    ];
    for (world, imports, words) in cases {
        let guest = Guest {
            world,
            imports,
            ..Guest::default()
        };
        assert_says(&refusal(&guest.build()), words);
    }
}

fn uses_delta() -> Vec<u8> {
    Guest {
        world: "import wasm-sink:delta/delta@0.1.0;",
        imports: r#"(import "wasm-sink:delta/delta@0.1.0" "[resource-drop]table" (func (param i32)))"#,
        ..Guest::default()
    }
    .build()
}

#[test]
fn a_capability_that_nobody_has() {
    assert_says(
        &refusal(&uses_delta()),
        &["wasm-sink:delta", "no such capability", "`depot`"],
    );
}

#[test]
fn a_capability_that_this_build_lacks() {
    let without = Capabilities {
        known: &["delta"],
        ..Capabilities::default()
    };
    let engine = Engine::new(&EngineSettings::default(), without).unwrap();
    let error = engine.load("guest", &uses_delta(), None).unwrap_err();
    assert_says(&error, &["wasm-sink:delta", "--features delta"]);
    assert_eq!(error.blame(), Blame::Configuration);
}

#[test]
fn a_capability_without_a_connection() {
    let guest = Guest {
        world: "import wasm-sink:depot/depot@0.1.0;",
        imports: r#"(import "wasm-sink:depot/depot@0.1.0" "put" (func $put (param i32) (result i32)))"#,
        ..Guest::default()
    };
    let loaded = engine().load("guest", &guest.build(), None).unwrap();
    assert!(loaded.capabilities().contains("depot"));
    let granted = loaded.grant(
        "p",
        Grants::default(),
        unconfigured(),
        InstanceLimits::default(),
    );
    let Err(error) = granted else {
        panic!("granted without a connection");
    };
    assert_eq!(
        (error.kind(), error.blame()),
        (Kind::Denied, Blame::Configuration)
    );
    assert_says(&error, &["wasm-sink:depot", "[sink]", "type = \"depot\""]);
}

#[test]
fn only_what_is_imported_is_asked_for() {
    let loaded = engine()
        .load("guest", &Guest::default().build(), None)
        .unwrap();
    assert!(loaded.capabilities().is_empty());
    assert_eq!(loaded.hash().len(), 64);
}

/// The one file in a cache.
fn cached_file(cache: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(cache).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

#[test]
fn compiled_code_is_kept_and_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("state/compiled");
    let wasm = Guest::default().build();
    let load = || {
        engine()
            .load("guest", &wasm, Some(&cache))
            .unwrap()
            .compiled()
    };
    assert!(!load().from_cache);
    assert!(load().from_cache);
    let other = Guest {
        pages: 3,
        ..Guest::default()
    };
    let other = engine()
        .load("guest", &other.build(), Some(&cache))
        .unwrap();
    assert!(!other.compiled().from_cache);
}

#[test]
fn damaged_code_is_never_run() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("compiled");
    let wasm = Guest::default().build();
    let load = || {
        engine()
            .load("guest", &wasm, Some(&cache))
            .unwrap()
            .compiled()
    };
    load();
    let file = cached_file(&cache);
    let whole = fs::read(&file).unwrap();
    for at in [0, 20, 48, 60, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&file, damaged).unwrap();
        assert!(!load().from_cache, "byte {at} was changed");
    }
    for end in [0, 10, 40, whole.len() - 1] {
        fs::write(&file, &whole[..end]).unwrap();
        assert!(!load().from_cache, "cut after {end} bytes");
    }
    assert!(load().from_cache, "it was written anew");
}

#[test]
fn code_under_another_name_is_never_run() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("compiled");
    let first = Guest::default().build();
    engine().load("first", &first, Some(&cache)).unwrap();
    let file = cached_file(&cache);
    let stolen = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let second = Guest {
        pages: 3,
        ..Guest::default()
    }
    .build();
    engine().load("second", &second, Some(&cache)).unwrap();
    fs::write(cached_file(&cache), stolen).unwrap();
    let loaded = engine().load("second", &second, Some(&cache)).unwrap();
    assert!(!loaded.compiled().from_cache);
}

#[cfg(unix)]
#[test]
fn a_directory_that_others_can_enter_is_not_used() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("compiled");
    let wasm = Guest::default().build();
    let load = || {
        engine()
            .load("guest", &wasm, Some(&cache))
            .unwrap()
            .compiled()
    };
    load();
    assert_eq!(
        fs::metadata(&cache).unwrap().permissions().mode() & 0o777,
        0o700
    );
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o770)).unwrap();
    assert!(!load().from_cache);
}
