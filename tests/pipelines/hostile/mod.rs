//! A component that takes no notice of what a store answers. Others stand in the conformance kit.

use serde_json::json;
use wasm_sink_tests::{Fate, Proxy, Request, Versitygw, hostile_component};

use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");

/// The pipeline with the hostile component and this fault.
fn hostile(fault: &str, lake: Lake<'_>) -> Case {
    let component = hostile_component("delta");
    let sink = format!(
        "\n[sink]\ncomponent = \"{}\"\nconnection = \"lake\"\n\n[sink.config]\nfault = \"{fault}\"\n",
        component.display()
    );
    Case::new(&format!("{PIPELINE}{sink}"), lake)
}

fn rows(lake: Lake<'_>) -> serde_json::Value {
    lake.table().query_one("select count(*) as rows from t")
}

/// The same pipeline with the built-in component: nothing may have been acknowledged that is missing.
#[track_caller]
fn expect_a_good_component_delivers_everything(case: &Case, lake: Lake<'_>) {
    let sink = "\n[sink]\ncomponent = \"delta\"\nconnection = \"lake\"\n";
    case.rewrite(&format!("{PIPELINE}{sink}"), lake);
    case.run().finish().expect_code(0);
    assert_eq!(rows(lake), json!({ "rows": 20_000 }));
}

/// Whether the request commits a change of the schema to a table that exists.
fn changes_the_schema(request: &Request) -> bool {
    let creates = request.target.contains("/00000000000000000000.json");
    let body = String::from_utf8_lossy(&request.body);
    request.is_delta_commit() && !creates && body.contains("\"metaData\"")
}

/// The store refuses the new column; the component takes no notice, stages its rows and answers ok.
/// The data commit itself would succeed: only the doomed epoch stands in its way.
#[test]
fn an_error_that_the_component_swallows_still_counts() {
    let server = Versitygw::start();
    let proxy = Proxy::start(server.address(), |request| {
        if changes_the_schema(request) {
            Fate::Refuse(503)
        } else {
            Fate::Pass
        }
    });
    let lake = Lake::S3 {
        server: &server,
        endpoint: &proxy.endpoint(),
        prefix: "hostile",
    };
    let case = hostile("swallow-errors", lake);
    let outcome = case.run().finish().expect_code(1);
    assert!(
        !proxy.disturbed().is_empty(),
        "no change of the schema was asked for"
    );
    assert_eq!(rows(lake), json!({ "rows": 0 }));
    let said = outcome.said();
    assert!(said.contains("answered ok"), "it does not say why:\n{said}");
    assert_eq!(case.dead_letters("hostile"), []);
    expect_a_good_component_delivers_everything(&case, lake);
}
