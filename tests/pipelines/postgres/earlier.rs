//! Tables of positions that an earlier version made.

use serde_json::json;
use wasm_sink_tests::postgres::Postgres;

use super::{PIPELINE, direct};
use crate::case::Case;

/// As they were before commits named the configuration, with commits in them.
fn earlier(server: &Postgres) -> Case {
    let case = Case::new(PIPELINE, direct(server, Postgres::USER));
    case.run().finish().expect_code(0);
    server.run("alter table _wasm_sink_commits drop column configuration");
    case
}

fn more() -> String {
    PIPELINE.replace("rows = 1_000", "rows = 3_000")
}

#[test]
fn what_they_lack_is_added() {
    let server = Postgres::start();
    let case = earlier(&server);
    case.rewrite(&more(), direct(&server, Postgres::USER));
    case.run().finish().expect_code(0);
    let found = server.query(
        "select count(*) filter (where configuration is null) > 0 as earlier, \
         count(distinct configuration) as one, max(length(configuration)) as digits \
         from _wasm_sink_commits",
    );
    assert_eq!(found, [json!({ "earlier": true, "one": 1, "digits": 64 })]);
}

/// Who may not add it is told the statement, and that is enough.
#[test]
fn who_may_not_add_it_is_told_what_is_needed() {
    let server = Postgres::start();
    let case = earlier(&server);
    server.run(&format!(
        "create role loader login password '{}';
         grant insert on rows to loader;
         grant select, insert, update, delete on _wasm_sink_positions, _wasm_sink_commits,
                                                 _wasm_sink_overwrites to loader",
        Postgres::PASSWORD
    ));
    case.rewrite(&more(), direct(&server, "loader"));
    let refused = case.run().finish().expect_code(1).said();
    let checked = case
        .command("check")
        .arg("--connect")
        .finish()
        .expect_code(1)
        .said();
    for said in [&refused, &checked] {
        assert!(said.contains("_wasm_sink_commits add column"), "{said}");
        assert!(!said.contains("create table"), "{said}");
    }
    let mut lines = checked.lines();
    server.run(lines.find(|line| line.contains("alter table")).unwrap());
    case.run().finish().expect_code(0);
    assert_eq!(
        server.query("select count(*) as n from rows"),
        [json!({ "n": 3_000 })]
    );
}
