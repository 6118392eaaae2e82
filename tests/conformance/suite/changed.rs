//! What changes while rows flow.

use std::time::{Duration, Instant};

use serde_json::json;
use wasm_sink_tests::{Case, Outcome, Signal};

use crate::destination::{Destination, Through, case, pipeline};

const PIPELINE: &str = r#"
name = "changed"

[source]
type = "generator"
rate = 2_000
partitions = 4

[limits]
tasks = 2

[epoch]
max_ms = 200
min_commit_ms = 50
"#;

const LIMIT: Duration = Duration::from_secs(60);

/// `wasm-sink apply`, once the pipeline can be asked.
fn apply(case: &Case) -> Outcome {
    let started = Instant::now();
    loop {
        let command = case.command("apply").arg("--trial-epochs").arg("4");
        let outcome = command.finish();
        let is_early = outcome.said().contains("no process of this user");
        if !is_early || started.elapsed() > LIMIT {
            return outcome;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Instances of one configuration are at work while those of another are started, in every task: no row is lost or
/// there twice, and a column more is no reason.
pub fn another_configuration_takes_over<D: Destination>() {
    let destination = D::start();
    let case = case(&destination, PIPELINE, "changed", "");
    let process = case.run().start();
    for config in [
        "metadata_columns = [\"offset\"]",
        "",
        "metadata_columns = [\"offset\"]",
    ] {
        let through = Through {
            destination: &destination,
            address: None,
        };
        // Something is committed before, and after.
        apply(&case).expect_code(0);
        case.rewrite(&pipeline::<D>(PIPELINE, "changed", config), through);
        apply(&case).expect_code(0).expect_said("stays");
    }
    process.signal(Signal::TERM);
    process.wait(LIMIT).expect_code(0);
    let rows = destination.query_one(
        "changed",
        "select count(*) = count(distinct (partition, \"offset\")) as once, \
         count(*) = sum(highest) as all_there, count(_offset) between 1 and count(*) - 1 as both \
         from (select *, case when \"offset\" = max(\"offset\") over (partition by partition) \
         then \"offset\" + 1 else 0 end as highest from t) as numbered",
    );
    assert_eq!(
        rows,
        json!({ "once": true, "all_there": true, "both": true })
    );
}
