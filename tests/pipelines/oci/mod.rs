//! Components in a registry: pushed, run by digest, kept on the machine, and refused where they are not what they were.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use wasm_sink_tests::{
    Binary, DeltaTable, Door, Invocation, OciRegistry, Outcome, sha256, versioned_component,
};

use crate::kafka::{await_that, end};

const ROWS: u64 = 1_000;

/// A machine: a folder with a pipeline, and a place for what is fetched.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Invocation {
        Binary::find()
            .command(args)
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("DOCKER_CONFIG", self.path("nowhere"))
    }

    fn write(&self, component: &str, rows: &str) {
        let text = format!(
            "name = \"fetched\"\n[source]\ntype = \"generator\"\n{rows}\n[sink]\ncomponent = \"{component}\"\n\
             connection = \"lake\"\n[sink.config]\ntable_name = \"t\"\n[connections.lake]\ntype = \"delta\"\n\
             path = \"lake\"\n[epoch]\nmax_ms = 200\nmin_commit_ms = 50\n"
        );
        std::fs::write(self.path("pipeline.toml"), text).unwrap();
    }

    fn run(&self, component: &str) -> Outcome {
        self.write(component, &format!("rows = {ROWS}"));
        self.command(&["run", "pipeline.toml"]).finish()
    }

    fn rows(&self) -> u64 {
        let table = DeltaTable::local(&self.path("lake/t"));
        match table.exists() {
            true => table.query_one("select count(*)::int as n from t")["n"]
                .as_u64()
                .unwrap(),
            false => 0,
        }
    }
}

/// Where it is by its digest, as `push` prints it.
fn pushed(machine: &Machine, component: &Path, reference: &str) -> String {
    let component = component.to_str().unwrap();
    let pushed = machine.command(&["push", component, reference]).finish();
    pushed.expect_code(0).stdout.trim().to_owned()
}

fn digest(pinned: &str) -> &str {
    pinned.split_once('@').unwrap().1
}

#[test]
fn what_is_pushed_by_tag_runs_by_digest_and_then_without_the_registry() {
    let mut registry = OciRegistry::start(Door::Open);
    let (author, machine) = (Machine::new(), Machine::new());
    let component = versioned_component("delta");
    let tagged = registry.reference("sinks/versioned:1.0");
    let pinned = pushed(&author, &component, &tagged);
    assert!(
        pinned.starts_with(&registry.reference("sinks/versioned@sha256:")),
        "{pinned}"
    );
    // Nothing in it depends on when it is pushed.
    assert_eq!(pushed(&author, &component, &tagged), pinned);

    // As others read it.
    let manifest = registry.json(digest(&pinned));
    let layer = &manifest["layers"][0];
    assert_eq!(
        manifest["mediaType"],
        "application/vnd.oci.image.manifest.v1+json"
    );
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.wasm.config.v0+json"
    );
    assert_eq!(layer["mediaType"], "application/wasm");
    assert_eq!(
        layer["digest"],
        json!(format!("sha256:{}", sha256(&component)))
    );
    let config = registry.json(manifest["config"]["digest"].as_str().unwrap());
    assert_eq!(
        (&config["os"], &config["architecture"]),
        (&json!("wasip2"), &json!("wasm"))
    );
    assert_eq!(
        config["component"]["exports"],
        json!(["wasm-sink:sink/sink@0.1.0"])
    );

    machine.run(&pinned).expect_code(0);
    assert_eq!(machine.rows(), ROWS);
    let by_tag = Machine::new();
    let ran = by_tag.run(&tagged).expect_code(0);
    ran.expect_said(&format!("component = \\\"{pinned}\\\""));
    assert_eq!(by_tag.rows(), ROWS);

    let inspected = machine.command(&["inspect", &pinned, "--json"]).finish();
    inspected.expect_code(0).expect_said(&sha256(&component));
    let pulled = machine.command(&["pull", &tagged]).finish().expect_code(0);
    assert_eq!(pulled.stdout.trim(), pinned);
    assert_eq!(sha256(&machine.path("versioned.wasm")), sha256(&component));

    registry.stop();
    std::fs::remove_dir_all(machine.path("lake")).unwrap();
    std::fs::remove_dir_all(machine.path(".wasm-sink")).unwrap();
    machine.run(&pinned).expect_code(0);
    assert_eq!(machine.rows(), ROWS);
    let elsewhere = Machine::new();
    elsewhere
        .run(&pinned)
        .expect_code(1)
        .expect_said("does not answer");
}

/// Other bytes, the same component: an empty section of one's own behind it.
fn next_version(component: &Path, folder: &Path) -> PathBuf {
    let mut wasm = std::fs::read(component).unwrap();
    wasm.extend([0, 2, 1, b'x']);
    let path = folder.join("next.wasm");
    std::fs::write(&path, wasm).unwrap();
    path
}

#[test]
fn the_next_version_is_compared_and_swapped_in_from_the_registry() {
    let registry = OciRegistry::start(Door::Open);
    let (author, machine) = (Machine::new(), Machine::new());
    let component = versioned_component("delta");
    let newer = next_version(&component, author.folder.path());
    let [first, next] = [(&component, "versioned:1"), (&newer, "versioned:2")]
        .map(|(file, tag)| pushed(&author, file, &registry.reference(tag)));
    machine.write(&first, "rate = 2_000");
    let running = machine.command(&["run", "pipeline.toml"]).start();
    await_that("rows", || (machine.rows() > 0, ()));
    let ask = |args: &[&str]| machine.command(args).finish();
    let shadow = ["shadow", "pipeline.toml", &next, "--epochs", "2"];
    ask(&shadow).expect_code(0);
    let swap = ["swap", "pipeline.toml", &next, "--trial-epochs", "1"];
    let swapped = ask(&swap).expect_code(0);
    swapped.expect_said(&format!("{} stays", &sha256(&newer)[..12]));
    end(running).expect_code(0);
}

/// Changes one byte in the middle of a file, which keeps its length.
fn alter(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_is_not_what_its_digest_names_is_refused() {
    let registry = OciRegistry::start(Door::Open);
    let author = Machine::new();
    let component = versioned_component("delta");
    let pinned = pushed(&author, &component, &registry.reference("versioned:1"));
    let layer = registry.file(&format!("sha256:{}", sha256(&component)));
    let manifest = registry.file(digest(&pinned));
    for altered in [layer, manifest] {
        let before = std::fs::read(&altered).unwrap();
        alter(&altered);
        let machine = Machine::new();
        let refused = machine.run(&pinned).expect_code(1);
        refused.expect_said("is not what the digest names");
        assert_eq!(machine.rows(), 0);
        std::fs::write(&altered, before).unwrap();
    }

    // Nor is what was changed on this machine: it is fetched once more.
    let machine = Machine::new();
    machine.run(&pinned).expect_code(0);
    let kept = machine.path(&format!(
        "cache/wasm-sink/components/sha256{}.wasm",
        sha256(&component)
    ));
    alter(&kept);
    let again = machine.run(&pinned).expect_code(0);
    again.expect_said("was changed, and is fetched anew");
    assert_eq!(sha256(&kept), sha256(&component));
}

#[test]
fn a_registry_that_is_locked_opens_to_who_is_logged_in() {
    let registry = OciRegistry::start(Door::Locked);
    let machine = Machine::new();
    let component = versioned_component("delta");
    let reference = registry.reference("versioned:1");
    let push = |folder: &Path| {
        let args = ["push", component.to_str().unwrap(), &reference];
        machine.command(&args).env("DOCKER_CONFIG", folder).finish()
    };
    let login = |password: &str| {
        let encoded = BASE64_STANDARD.encode(format!("{}:{password}", OciRegistry::USER));
        registry.logged_in(&encoded)
    };
    let refused = push(&machine.path("nowhere")).expect_code(1);
    refused.expect_said(&format!("docker login {}", registry.address()));
    let refused = push(&login("another-password")).expect_code(1);
    refused.expect_said("docker login");
    assert!(
        !refused.said().contains("another-password"),
        "{}",
        refused.said()
    );
    let let_in = push(&login(OciRegistry::PASSWORD)).expect_code(0);
    let said = let_in.said();
    assert!(!said.contains(OciRegistry::PASSWORD), "{said}");
}

#[test]
fn what_is_no_sink_is_not_pushed_and_what_is_not_there_is_told() {
    let registry = OciRegistry::start(Door::Open);
    let machine = Machine::new();
    std::fs::write(machine.path("text.wasm"), "text").unwrap();
    let reference = registry.reference("text:1");
    let refused = machine.command(&["push", "text.wasm", &reference]).finish();
    refused
        .expect_code(1)
        .expect_said("this is not WebAssembly");
    let missing = machine.command(&["pull", &reference]).finish();
    missing
        .expect_code(1)
        .expect_said("the registry has no such component");
    let nameless = machine.command(&["pull", "oci://text:1"]).finish();
    nameless.expect_code(2).expect_said("it names no registry");
}
