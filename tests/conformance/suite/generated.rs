//! Rows that a function of seed, partition and offset makes: what must arrive is known.

use serde_json::json;

use crate::destination::{Destination, case};

const PIPELINE: &str = r#"
name = "generated"

[source]
type = "generator"
rows = 1_000_000
partitions = 4
"#;

/// Sums that change with any value, and with the row in which it stands.
const SUMS: &str = r#"
    select count(*) as rows, count(distinct (partition, "offset")) as distinct_rows,
           min("offset") as first, max("offset") as last,
           cast(min("at") as varchar) like '2026-01-01 00:00:00%' as begins,
           cast(max("at") as varchar) like '2026-01-01 00:16:39.999%' as ends,
           count("user") as users, count(amount) as amounts, count(tags) as tags,
           cast(sum(ascii(substr(id, 3, 1)) * (1 + "offset" % 97)) as bigint) as ids,
           cast(sum(ascii(substr("user", 9, 1)) * (1 + "offset" % 97)) as bigint) as names,
           cast(sum(cast(round(cast(amount as decimal(18, 4)) * 100) as bigint) * (1 + "offset" % 97)) as bigint) as money,
           cast(sum(array_length(tags, 1) * (1 + "offset" % 97)) as bigint) as lengths,
           cast(sum(cast(SCORE as bigint) * (1 + "offset" % 97)) as bigint) as scores
    from t"#;

pub fn a_million_rows_arrive_with_their_values<D: Destination>() {
    let destination = D::start();
    let case = case(&destination, PIPELINE, "generated", "");
    case.run().finish().expect_code(0);
    let sums = SUMS.replace("SCORE", &D::member("detail", "score"));
    let arrived = destination.query_one("generated", &sums);
    // The same from every destination.
    let expected = json!({
        "rows": 1_000_000, "distinct_rows": 1_000_000, "first": 0, "last": 249_999,
        "begins": true, "ends": true,
        "users": 984_010, "amounts": 984_478, "tags": 968_874,
        "ids": 3_434_458_002_u64, "names": 2_531_128_920_u64, "money": 2_414_210_524_993_u64,
        "lengths": 71_176_005, "scores": -878_499,
    });
    assert_eq!(arrived, expected);
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
}

/// A component's memory is a cache: the same comes out of instances that live for one epoch each.
pub fn an_instance_for_each_epoch_makes_no_difference<D: Destination>() {
    let destination = D::start();
    let sums = SUMS.replace("SCORE", &D::member("detail", "score"));
    let deliver = |name: &str, fresh: &[(String, String)]| {
        let text = PIPELINE
            .replace("\"generated\"", &format!("\"{name}\""))
            .replace("1_000_000", "40_000");
        let text = format!("{text}batch_rows = 500\n[epoch]\nmax_rows = 2_000\n");
        let case = case(&destination, &text, name, "");
        let outcome = case
            .run()
            .env("WASM_SINK_LOG", "wasm_sink=debug")
            .envs(fresh)
            .finish()
            .expect_code(0);
        let opened = outcome.stderr.matches("opened an instance").count();
        (opened, destination.query_one(name, &sums))
    };
    let (kept, expected) = deliver("kept", &[]);
    let each = ("WASM_SINK_FRESH_INSTANCES".to_owned(), "1".to_owned());
    let (fresh, found) = deliver("fresh", &[each]);
    assert_eq!(found, expected);
    assert_eq!(found["rows"], 40_000);
    assert!(
        kept < 10 && fresh >= 20,
        "{fresh} instances for 20 epochs, {kept} without"
    );
}

pub fn two_tasks_deliver_each_row_once<D: Destination>() {
    let destination = D::start();
    let text = format!("{PIPELINE}\n[limits]\ntasks = 2\n[epoch]\nmax_rows = 5_000\n")
        .replace("1_000_000", "100_000");
    let case = case(&destination, &text, "tasks", "");
    case.run().finish().expect_code(0);
    let rows = destination.query_one(
        "tasks",
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows from t",
    );
    assert_eq!(rows, json!({ "rows": 100_000, "distinct_rows": 100_000 }));
}
