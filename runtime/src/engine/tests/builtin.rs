//! A real component, built with the SDK: it imports WASI as every Rust guest does.

use wasm_sink_core::epoch::CommitId;
use wasm_sink_core::stage::Purpose;

use super::super::{Compiling, Engine, EngineSettings, Grants, InstanceLimits, Loaded};
use super::destination::unconfigured;
use super::rows::rows;
use crate::connectors::{BUILT, capabilities};

fn discard(cache: Option<&std::path::Path>) -> Loaded {
    let builtin = wasm_sink_builtin::find("discard").unwrap();
    Engine::new(&EngineSettings::default(), capabilities(&BUILT))
        .unwrap()
        .load(builtin.name, builtin.wasm, cache)
        .unwrap()
}

#[tokio::test]
async fn discard_skips_what_it_is_given() {
    let limits = InstanceLimits::default();
    let loaded = discard(None);
    assert!(loaded.capabilities().is_empty());
    let schema = loaded.config_schema(&limits).await.unwrap();
    assert!(schema.contains("\"type\""), "{schema}");
    assert!(loaded.validate("{}", &limits).await.unwrap().is_empty());

    let component = loaded
        .grant("pipeline", Grants::default(), unconfigured(), limits)
        .unwrap();
    assert_eq!(component.hash(), loaded.hash());
    let mut instance = component.start(Purpose::Commit).await.unwrap();
    for epoch in 0..3 {
        instance.begin(CommitId::from_random(epoch));
        for batch in 0..3 {
            instance
                .write(rows("0", epoch * 30 + batch * 10, 10))
                .await
                .unwrap();
        }
        let account = instance.flush().await.unwrap().account;
        assert_eq!((account.taken, account.skipped), (30, 30));
    }
}

#[test]
fn code_of_a_real_component_survives_the_cache() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("compiled");
    let first = discard(Some(&cache)).compiled();
    let second = discard(Some(&cache)).compiled();
    assert!(
        !first.from_cache && second.from_cache,
        "{first:?} {second:?}"
    );
}

/// What is compiled in parts runs like what is compiled as a whole.
#[tokio::test]
async fn the_next_version_is_made_of_functions_of_the_former() {
    let settings = EngineSettings {
        compiling: Compiling::Incremental,
        ..EngineSettings::default()
    };
    let engine = Engine::new(&settings, capabilities(&BUILT)).unwrap();
    let builtin = wasm_sink_builtin::find("discard").unwrap();
    let mut wasm = builtin.wasm.to_vec();
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let loaded = engine.load("discard", &wasm, None).unwrap();
        let schema = loaded.config_schema(&InstanceLimits::default()).await;
        assert!(schema.unwrap().contains("\"type\""));
        hashes.push(loaded.hash().to_owned());
        // An empty section of one's own: other bytes, the same functions.
        wasm.extend([0, 2, 1, b'x']);
    }
    assert_ne!(hashes[0], hashes[1]);
}
