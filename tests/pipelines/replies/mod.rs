//! The destination does what it is asked and does not say so: each epoch is committed once.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::{Fate, Proxy, Request, Versitygw};

use crate::case::{Case, Lake};

const PIPELINE: &str = include_str!("pipeline.toml");
const ROWS: u64 = 20_000;

/// Delivers everything through a proxy, and checks that each row came once.
///
/// # Panics
/// Also where the proxy disturbed nothing.
fn deliver_through(decide: impl Fn(&Request) -> Fate + Send + Sync + 'static) {
    let server = Versitygw::start();
    let proxy = Proxy::start(server.address(), decide);
    let lake = Lake::S3 {
        server: &server,
        endpoint: &proxy.endpoint(),
        prefix: "replies",
    };
    let case = Case::new(PIPELINE, lake);
    case.run().finish().expect_code(0);
    let rows = lake.table().query_one(
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows from t",
    );
    assert_eq!(rows, json!({ "rows": ROWS, "distinct_rows": ROWS }));
    assert!(!proxy.disturbed().is_empty(), "nothing was disturbed");
}

/// The first request for a target meets `fate`, later ones pass.
fn once_per_target(
    is_meant: impl Fn(&Request) -> bool + Send + Sync,
    fate: Fate,
) -> impl Fn(&Request) -> Fate + Send + Sync {
    let met = Mutex::new(HashSet::new());
    move |request| {
        let is_first = || {
            met.lock()
                .is_ok_and(|mut met| met.insert(request.target.clone()))
        };
        if is_meant(request) && is_first() {
            fate
        } else {
            Fate::Pass
        }
    }
}

#[test]
fn the_reply_to_every_commit_is_lost() {
    deliver_through(once_per_target(Request::is_delta_commit, Fate::LoseReply));
}

#[test]
fn every_commit_succeeds_and_is_answered_with_500() {
    deliver_through(once_per_target(Request::is_delta_commit, Fate::Answer(500)));
}

#[test]
fn every_commit_is_refused_once() {
    deliver_through(once_per_target(Request::is_delta_commit, Fate::Refuse(503)));
}

#[test]
fn every_commit_is_cut_off_once() {
    deliver_through(once_per_target(Request::is_delta_commit, Fate::Cut));
}

#[test]
fn commits_land_late() {
    let slow = Fate::Delay(Duration::from_millis(700));
    deliver_through(once_per_target(Request::is_delta_commit, slow));
}

#[test]
fn every_third_request_of_any_kind_loses_its_reply() {
    deliver_through(|request| {
        if request.number % 3 == 2 {
            Fate::LoseReply
        } else {
            Fate::Pass
        }
    });
}
