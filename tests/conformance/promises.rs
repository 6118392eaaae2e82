//! The README's table of destinations says what the kit shows, and nothing else.

use std::path::PathBuf;

use wasm_sink::connectors::BUILT;

use crate::PROMISES;
use crate::destination::Delivery;

const BEGIN: &str = "<!-- from tests/conformance: make promises -->\n";
const END: &str = "<!-- end -->\n";

fn readme() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"))
}

fn table() -> String {
    let mut table = String::from("| destination | promise | positions |\n|---|---|---|\n");
    for promise in PROMISES {
        let delivery = match promise.delivery {
            Delivery::ExactlyOnce => "exactly once",
            Delivery::AtLeastOnce => "at least once, with stable ids",
        };
        table.push_str(&format!(
            "| [{}](docs/{}.md) | {delivery} | {} |\n",
            promise.title, promise.connector, promise.positions
        ));
    }
    table
}

#[test]
fn the_readme_claims_what_the_kit_shows() {
    let text = std::fs::read_to_string(readme()).expect("README.md");
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (claimed, after) = rest.split_once(END).expect("the end of the table");
    if std::env::var_os("WASM_SINK_UPDATE_README").is_some() {
        let text = format!("{before}{BEGIN}{}{END}{after}", table());
        std::fs::write(readme(), text).expect("README.md");
        return;
    }
    assert_eq!(claimed, table(), "run `make promises`");
}

#[test]
fn every_connector_with_a_capability_has_a_kit() {
    for connector in BUILT.iter().filter(|built| built.capability.is_some()) {
        let name = connector.name;
        assert!(
            PROMISES.iter().any(|promise| promise.connector == name),
            "`{name}` has no file in tests/conformance"
        );
    }
}
