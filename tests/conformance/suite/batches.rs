//! Batches of every size, and little memory for them.

use std::fmt::Write as _;

use serde_json::json;

use crate::destination::{Destination, case};

const COLUMNS: usize = 500;
const WIDE_ROWS: usize = 6_000;

#[track_caller]
fn expect_generated<D: Destination>(name: &str, rows: u64, source: &str, others: &str) {
    let destination = D::start();
    let text = format!(
        "name = \"{name}\"\n[source]\ntype = \"generator\"\nrows = {rows}\n{source}\n{others}\n"
    );
    let case = case(&destination, &text, name, "");
    case.run().finish().expect_code(0);
    let delivered = destination.query_one(
        name,
        "select count(*) as rows, count(distinct (partition, \"offset\")) as distinct_rows,
                count(distinct id) as ids from t",
    );
    assert_eq!(
        delivered,
        json!({ "rows": rows, "distinct_rows": rows, "ids": rows })
    );
}

pub fn one_row_at_a_time<D: Destination>() {
    let source = "partitions = 3\nbatch_rows = 1";
    expect_generated::<D>("single", 60, source, "[epoch]\nmax_rows = 2");
}

pub fn a_million_rows_at_once<D: Destination>() {
    let others = "[epoch]\nmax_rows = 2_000_000\nmax_bytes = \"1GiB\"\n[limits]\nbytes = \"1GiB\"";
    expect_generated::<D>("large", 1_000_000, "batch_rows = 1_000_000", others);
}

/// Less than two batches fit into it.
pub fn little_memory<D: Destination>() {
    let source = "partitions = 4\nbatch_rows = 5_000";
    expect_generated::<D>(
        "little",
        100_000,
        source,
        "[limits]\nbytes = \"1MiB\"\ntasks = 2",
    );
}

pub fn five_hundred_columns<D: Destination>() {
    let destination = D::start();
    let text = "name = \"wide\"\n[source]\ntype = \"files\"\npath = \"wide.csv\"\n";
    let case = case(&destination, text, "wide", "");
    let mut rows = String::new();
    let names: Vec<String> = (0..COLUMNS).map(|column| format!("c{column}")).collect();
    writeln!(rows, "{}", names.join(",")).expect("a line of text");
    for row in 0..WIDE_ROWS {
        for column in 0..COLUMNS {
            let between = if column == 0 { "" } else { "," };
            write!(rows, "{between}{}", row + column).expect("a value");
        }
        rows.push('\n');
    }
    case.write("wide.csv", rows);
    case.run().finish().expect_code(0);
    let delivered = destination.query_one(
        "wide",
        "select count(*) as rows, cast(sum(c0) as bigint) as first, cast(sum(c499) as bigint) as last from t",
    );
    let sum = WIDE_ROWS * (WIDE_ROWS - 1) / 2;
    assert_eq!(
        delivered,
        json!({ "rows": WIDE_ROWS, "first": sum, "last": sum + WIDE_ROWS * (COLUMNS - 1) })
    );
}

/// A batch may have dead letters, and no rows.
pub fn nothing_but_dead_letters<D: Destination>() {
    let destination = D::start();
    let text = "name = \"nothing\"\n[source]\ntype = \"files\"\npath = \"rows.jsonl\"\n\
                [limits]\nmax_rejected = 10_000\n";
    let case = case(&destination, text, "nothing", "");
    let mut lines = String::new();
    for (more, letters) in [
        ("{\"n\": 1}\n", 0),
        ("{\"n\": 2\n{oops\n", 2),
        ("{\"n\": 3}\n", 2),
    ] {
        lines.push_str(more);
        case.write("rows.jsonl", &lines);
        case.run().finish().expect_code(0);
        assert_eq!(case.dead_letters("nothing").len(), letters);
    }
    assert_eq!(
        destination.query("nothing", "select n from t order by n"),
        [json!({ "n": 1 }), json!({ "n": 3 })]
    );
}

/// As columns come from readers that found few values: by their places in a list of them.
pub fn values_by_their_places_in_a_list<D: Destination>() {
    let destination = D::start();
    let text = "name = \"places\"\n[source]\ntype = \"files\"\npath = \"rows.jsonl\"\n";
    let config = "schema = [
        { name = \"n\", data_type = \"int64\" },
        { name = \"city\", data_type = \"dictionary<int32, utf8>\" },
        { name = \"floor\", data_type = \"dictionary<uint8, int16>\" },
    ]";
    let case = case(&destination, text, "places", config);
    let cities = [json!("Wien"), json!(null), json!("Graz")];
    let row = |n: usize| json!({ "n": n, "city": cities[n % 3], "floor": n % 5 });
    let lines: String = (0..1_000).map(|n| format!("{}\n", row(n))).collect();
    case.write("rows.jsonl", lines);
    case.run().finish().expect_code(0);
    assert_eq!(case.dead_letters("places"), []);
    let rows = destination.query("places", "select n, city, floor from t order by n");
    assert_eq!(rows, (0..1_000).map(row).collect::<Vec<_>>());
}
