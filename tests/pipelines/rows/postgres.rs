//! From PostgreSQL.

use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::duckdb::DuckDb;
use wasm_sink_tests::postgres::Postgres;

use super::{case, expect_refused, file, letters, server};

const LIMIT: Duration = Duration::from_secs(60);

/// What a column of each type holds, twice: as a value and as the one that is at the other end of what the
/// type has. A third row has nulls.
const EVERY_TYPE: &str = "
    id bigint primary key, yes boolean, two smallint, four integer, eight bigint, real4 real,
    real8 double precision, exact numeric(38,10), long numeric(76,5), any_number numeric, words text,
    few varchar(20), three char(3), plain json, doc jsonb, bytes bytea, day date, hour time,
    at timestamp, zoned timestamptz, span interval, id2 uuid, mood mood, address inet, net cidr,
    numbers integer[], texts text[], ids uuid[], moods mood[], prices numeric(8,2)[], times timestamptz[]";

const ROWS: &str = r#"
    insert into every values
    (1, true, -32768, -2147483648, -9223372036854775808, '-3.4028235e38', '-1.7976931348623157e308',
     -9999999999999999999999999999.9999999999, -0.00001, '1e-400', '', '', 'a', '{"a" :1}',
     '{"b": [1.50, null], "a": "ü"}', '\x00ff', '0001-01-01 BC', '00:00:00', '4713-01-01 00:00:00 BC',
     '0001-01-01 00:00:00+00 BC', '-178000000 years', '00000000-0000-0000-0000-000000000000', 'bad',
     '::1', '10.0.0.0/8', '{}', '{"",null,"a,b","\"q\""}', '{00000000-0000-0000-0000-000000000001}',
     '{bad,good}', '{-1.25,null,999999.99}', '{"2026-01-01 00:00:00.000001+02"}'),
    (2, false, 32767, 2147483647, 9223372036854775807, '1e-45', 'NaN', 9999999999999999999999999999.9999999999,
     99999999999999999999999999999999999999999999999999999999999999999999999.99999, 'NaN',
     E'line\nline\ttab', 'ünïcödé', 'abc', '[]', '"text"', '', '9999-12-31', '23:59:59.999999',
     '294000-12-31 23:59:59.999999', '2026-11-22 12:00:00.123456+05:30', '1 mon 2 days 03:04:05.000006',
     'ffffffff-ffff-ffff-ffff-ffffffffffff', 'good', '192.168.0.1/24', '2001:db8::/32',
     '{1,null,-1}', '{}', '{}', '{}', '{}', '{}');
    insert into every (id) values (3);"#;

#[test]
fn every_type_comes_through_as_it_was() {
    let from = Postgres::start();
    from.run(&format!(
        "create type mood as enum ('good', 'bad'); create table every ({EVERY_TYPE});
         create table copies (like every); {ROWS}"
    ));
    let source = "table_name = \"every\"\norder_by = \"id\"";
    let case = case(server(&from), source, "postgres", server(&from), "");
    case.run().finish().expect_code(0);
    assert_eq!(letters(&case), []);
    let rows = |table: &str| from.run(&format!("select t::text from {table} t order by id"));
    let there = rows("every");
    assert_eq!(rows("copies"), there);
    assert_eq!(there.lines().count(), 4, "one of them has a line break");
}

/// What Arrow does not have is a dead letter, and nothing else is lost.
#[test]
fn what_has_no_counterpart_becomes_a_letter() {
    let from = Postgres::start();
    from.run(
        "create table odd (id int primary key, day date, at timestamptz, grid int[], price numeric(5,2), t time);
         insert into odd (id) select generate_series(1, 20);
         update odd set day = 'infinity' where id = 3;
         update odd set at = '-infinity', grid = '{{1,2},{3,4}}' where id = 7;
         update odd set price = 'NaN' where id = 11;
         update odd set t = '24:00:00' where id = 20",
    );
    let to = DuckDb::start();
    let source = "table_name = \"public.odd\"\norder_by = \"id\"\nbatch_rows = 4";
    let case = case(server(&from), source, "duckdb", file(&to), "");
    case.run().finish().expect_code(0);
    let told: Vec<_> = letters(&case).into_iter().map(|(from, _)| from).collect();
    let wanted = [3, 7, 11, 20].map(|id| format!("public.odd where id = {id}"));
    assert_eq!(told, wanted);
    for ((_, reason), column) in letters(&case).iter().zip(["day", "at", "price", "t"]) {
        assert!(reason.contains(&format!("`{column}`")), "{reason}");
    }
    let rows = to.query("select count(*)::int as n, sum(id)::int as ids from copies");
    assert_eq!(rows, [json!({"n": 16, "ids": 210 - 3 - 7 - 11 - 20})]);
}

/// A transaction that was first and commits last: its row has a number that others are beyond already.
#[test]
fn rows_that_are_still_on_their_way_are_waited_for() {
    let from = Postgres::start();
    from.run(
        "create table parts (id bigserial primary key, text text) partition by range (id);
         create table part partition of parts for values from (0) to (1000000)",
    );
    let mut first = from.hold("begin; insert into parts (text) values ('first')");
    let mut second = from.hold("begin; insert into part (id, text) values (2, 'second')");
    from.run("insert into parts (id, text) values (3, 'third'); analyze parts");
    let to = DuckDb::start();
    let source = "table_name = \"parts\"\norder_by = \"id\"";
    let case = case(server(&from), source, "duckdb", file(&to), "");
    let mut run = case.run().start();
    // Asked for who writes, it has seen the third row.
    from.run(
        "do $$ begin
           while not exists (select from pg_stat_activity where query like '%with recursive below%'
                             and application_name like 'wasm-sink%') loop
             perform pg_sleep(0.01), pg_stat_clear_snapshot();
           end loop;
         end $$",
    );
    first.go_on("commit");
    second.go_on("commit");
    assert!(run.is_running(), "it waits for both");
    run.wait(LIMIT).expect_code(0);
    let rows = to.query("select id, text from copies order by id");
    let texts: Vec<_> = rows.iter().map(|row| row["text"].clone()).collect();
    assert_eq!(texts, ["first", "second", "third"]);
}

/// Killed wherever it happens to be, and begun again: every row once, whatever order ties are in.
#[test]
fn rows_arrive_once_under_kills() {
    let from = Postgres::start();
    from.run(
        "create table events (at timestamp, n int, text text);
         insert into events select timestamp '2026-01-01' + (i / 7) * interval '1 second', i,
                                   repeat('x', i % 50)
         from generate_series(0, 149999) i;
         create index on events (at)",
    );
    let source = "query = \"\"\"\nselect at, n, length(text) as letters from events -- all of them\n;\n\"\"\"\n\
                  order_by = \"at\"\nbatch_rows = 1_000";
    let epochs = "[epoch]\nmax_rows = 3_000\nmin_commit_ms = 0";
    let case = case(server(&from), source, "postgres", server(&from), epochs);
    let (mut kills, mut wait_ms) = (0, 50);
    loop {
        let mut run = case.run().start();
        std::thread::sleep(Duration::from_millis(wait_ms));
        if !run.is_running() {
            run.wait(LIMIT).expect_code(0);
            break;
        }
        run.kill();
        kills += 1;
        wait_ms = (wait_ms + 17).min(600) + kills % 3 * 20;
    }
    assert!(kills > 2, "{kills} kills");
    let rows = from.query(
        "select count(*) as n, count(distinct n) as each, sum(letters) as letters,
                count(*) - count(at) as nulls from copies",
    );
    let letters: u64 = (0..150_000).map(|i| i % 50).sum();
    assert_eq!(
        rows,
        [json!({"n": 150_000, "each": 150_000, "letters": letters, "nulls": 0})]
    );
}

#[test]
fn with_a_poll_rows_that_come_later_follow() {
    let from = Postgres::start();
    from.run("create table later (a date, b smallint, primary key (a, b))");
    let source = "table_name = \"later\"\norder_by = [\"a\", \"b\"]\npoll_ms = 20";
    let epochs = "[epoch]\nmax_ms = 100\nmin_commit_ms = 0";
    let case = case(server(&from), source, "postgres", server(&from), epochs);
    let await_rows = |run: &mut wasm_sink_tests::Process, n: u64| {
        let begun = std::time::Instant::now();
        let count = "select case when to_regclass('copies') is null then '0' else
                       (xpath('//n/text()', query_to_xml('select count(*) as n from copies', true, false, '')))[1]::text
                     end";
        while from.run(count).trim() != n.to_string() {
            assert!(run.is_running(), "it goes on");
            if begun.elapsed() > LIMIT {
                run.signal(wasm_sink_tests::Signal::KILL);
                panic!("no {n} rows in a minute");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let mut run = case.run().start();
    from.run(
        "insert into later values ('2026-01-01', -5), ('2026-01-01', 7), ('0001-01-01 BC', 0)",
    );
    await_rows(&mut run, 3);
    from.run("insert into later values ('2026-01-01', 8), ('2026-01-02', -32768)");
    await_rows(&mut run, 5);
    run.signal(wasm_sink_tests::Signal::TERM);
    run.wait(LIMIT).expect_code(0);
    from.run("insert into later values ('2026-01-03', 0)");
    let mut again = case.run().start();
    await_rows(&mut again, 6);
    drop(again);
    let same = from
        .run("select count(*) from (table later except table copies) d")
        .trim()
        .to_owned();
    assert_eq!(same, "0");
}

#[test]
fn mistakes_are_told_before_anything_is_read() {
    let from = Postgres::start();
    from.run(
        "create table ids (id bigint, name text, at timestamptz);
         insert into ids values (1, 'a', 'infinity'), (null, 'b', now());
         create table far (at timestamptz not null); insert into far values ('infinity');
         create view seen as select * from ids; create sequence writes",
    );
    let to = DuckDb::start();
    for (source, why) in [
        (
            "table_name = \"none\"\norder_by = \"id\"",
            "there is no table",
        ),
        (
            "table_name = \"ids\"\norder_by = \"key\"",
            "has: id, name, at",
        ),
        (
            "table_name = \"ids\"\norder_by = \"name\"",
            "`order_by` names `name`, which is read as utf8",
        ),
        (
            "table_name = \"ids\"\norder_by = \"id\"",
            "rows without a value in `order_by`",
        ),
        (
            "query = \"select * from ids where id > 0\"\norder_by = \"at\"",
            "is infinite in `at`",
        ),
        (
            "table_name = \"far\"\norder_by = \"at\"",
            "is infinite in `at`",
        ),
        (
            "table_name = \"seen\"\norder_by = \"id\"",
            "is no table but is made of others",
        ),
        (
            "query = \"select nextval('writes') as id\"\norder_by = \"id\"",
            "the query writes",
        ),
        (
            "query = \"select id, id from ids\"\norder_by = \"id\"",
            "two columns `id`",
        ),
        ("query = \"selct 1\"\norder_by = \"id\"", "syntax error"),
    ] {
        let case = case(server(&from), source, "duckdb", file(&to), "");
        expect_refused(case.run().finish(), why);
    }
}

/// Reading takes no right to write.
#[test]
fn a_reader_needs_no_more_than_to_read() {
    let from = Postgres::start();
    from.run(
        "create table ids (id bigint primary key); insert into ids values (1), (2);
         create role reader login password 'reading'; grant select on ids to reader;
         revoke create on schema public from public",
    );
    let to = DuckDb::start();
    let way = server(&from)
        .replace(Postgres::USER, "reader")
        .replace("\"${PGPASSWORD}\"", "\"${READER}\"");
    let source = "table_name = \"ids\"\norder_by = \"id\"";
    let case = case(way, source, "duckdb", file(&to), "");
    let check = case
        .command("check")
        .arg("--connect")
        .env("READER", "reading");
    check.finish().expect_code(0).expect_said("is ready");
    case.run().env("READER", "reading").finish().expect_code(0);
    assert_eq!(
        to.query("select count(*)::int as n from copies"),
        [json!({"n": 2})]
    );
}
