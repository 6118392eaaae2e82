//! From DuckDB.

use serde_json::json;
use wasm_sink_tests::duckdb::DuckDb;
use wasm_sink_tests::postgres::Postgres;

use super::{case, expect_refused, file, letters, server};

const EVERY_TYPE: &str = "
    id bigint primary key, yes boolean, one tinyint, two smallint, four integer, u1 utinyint, u2 usmallint,
    u4 uinteger, u8 ubigint, real4 float, real8 double, exact decimal(38,10), words varchar, bytes blob,
    day date, hour time, plain timestamp, at_s timestamp_s, at_ms timestamp_ms, at_ns timestamp_ns,
    zoned timestamptz, span interval, id2 uuid, big hugeint, bits bit, mood enum ('good', 'bad'),
    numbers integer[], pair integer[2], tree struct(a integer, b struct(c varchar)[]), dict map(varchar, integer)";

const ROWS: &str = r#"
    insert into every values
    (1, true, -128, -32768, -2147483648, 0, 0, 0, 0, '-3.4028235e38', 'nan', -1234567890.0123456789, '', '\x00\xFF',
     '0001-01-01', '00:00:00', '1969-12-31 23:59:59.999999', '1970-01-01', '1970-01-01 00:00:00.001',
     '1970-01-01 00:00:00.000000001', '2026-01-01 00:00:00+02', '1 month 2 days 3 microseconds',
     '00000000-0000-0000-0000-000000000000', -170141183460469231731687303715884105728, '0101', 'bad',
     [1, null], [1, 2], {'a': 1, 'b': [{'c': 'x'}, null]}, map {'k': 1}),
    (2, false, 127, 32767, 2147483647, 255, 65535, 4294967295, 18446744073709551615, '1e-45', '-0.0', 1, 'ünï', '',
     '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999999', '9999-12-31', '9999-12-31', '2200-01-01',
     '1900-01-01 00:00:00+00', '-5 years', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 5, '1', 'good', [], null, null, map {});
    insert into every (id) values (3);"#;

#[test]
fn every_type_comes_through_as_it_was() {
    let (from, to) = (DuckDb::start(), DuckDb::start());
    from.run(&format!("create table every ({EVERY_TYPE}); {ROWS}"));
    let as_text = EVERY_TYPE.replace("big hugeint", "big varchar");
    to.run(&format!("create table copies ({as_text})"));
    let source = "table_name = \"every\"\norder_by = \"id\"";
    let case = case(file(&from), source, "duckdb", file(&to), "");
    case.run().finish().expect_code(0);
    assert_eq!(letters(&case), []);
    let rows = |database: &DuckDb, table: &str| {
        database.query(&format!(
            "select {table}::varchar as t from {table} order by id"
        ))
    };
    assert_eq!(rows(&to, "copies"), rows(&from, "every"));
    assert_eq!(rows(&to, "copies").len(), 3);
}

#[test]
fn rows_go_on_where_the_last_run_ended() {
    let (from, to) = (DuckDb::start(), Postgres::start());
    from.run(
        "create schema s; create table s.events as
         select make_timestamptz(epoch_us(timestamp '2026-01-01') + range // 3) as at, range as n from range(100000)",
    );
    let source = "table_name = \"s.events\"\norder_by = [\"at\", \"n\"]\nbatch_rows = 2_000";
    let epochs = "[epoch]\nmax_rows = 5_000\nmin_commit_ms = 0";
    let case = case(file(&from), source, "postgres", server(&to), epochs);
    case.run().finish().expect_code(0);
    let counts =
        || to.query("select count(*) as n, count(distinct n) as each, max(n) as last from copies");
    let all = |n: u64| [json!({"n": n, "each": n, "last": n - 1})];
    assert_eq!(counts(), all(100_000));
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
    from.run(
        "insert into s.events select make_timestamptz(epoch_us(timestamp '2026-01-01') + range // 3), range
         from range(100000, 100004)",
    );
    case.run().finish().expect_code(0);
    assert_eq!(counts(), all(100_004));
}

#[test]
fn infinite_times_become_letters() {
    let (from, to) = (DuckDb::start(), DuckDb::start());
    from.run(
        "create table odd as select range as id, date '2026-01-01' as day, [timestamp '2026-01-01'] as times
         from range(10);
         update odd set day = 'infinity' where id = 3;
         update odd set times = ['-infinity'] where id = 5",
    );
    let source = "query = \"from odd\"\norder_by = \"id\"";
    let case = case(file(&from), source, "duckdb", file(&to), "");
    case.run().finish().expect_code(0);
    let told: Vec<_> = letters(&case).into_iter().map(|(from, _)| from).collect();
    assert_eq!(told, ["query where id = 3", "query where id = 5"]);
    assert_eq!(
        to.query("select count(*)::int as n from copies"),
        [json!({"n": 8})]
    );
}

#[test]
fn mistakes_are_told_before_anything_is_read() {
    let (from, to) = (DuckDb::start(), DuckDb::start());
    let source = "table_name = \"ids\"\norder_by = \"id\"";
    let missing = case(file(&from), source, "duckdb", file(&to), "");
    expect_refused(missing.run().finish(), "there is no DuckDB database");
    assert!(!from.path().exists(), "none is made");
    from.run("create table ids as select 1::bigint as id, 'a' as name union all select null, 'b'");
    for (source, why) in [
        (
            "table_name = \"none\"\norder_by = \"id\"",
            "none does not exist",
        ),
        (
            "table_name = \"ids\"\norder_by = \"key\"",
            "`order_by` names `key`",
        ),
        (
            "table_name = \"ids\"\norder_by = \"name\"",
            "which is of type VARCHAR",
        ),
        (
            "table_name = \"ids\"\norder_by = \"id\"",
            "rows without a value in `order_by`",
        ),
    ] {
        let case = case(file(&from), source, "duckdb", file(&to), "");
        expect_refused(case.run().finish(), why);
    }
}
