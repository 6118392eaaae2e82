//! What PostgreSQL alone has: ways in, existing tables, limits of its own.

mod away;
mod earlier;
mod nested;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use wasm_sink_tests::postgres::Postgres;
use wasm_sink_tests::{Binary, Connected, Outcome, dead_letters};

use crate::case::Case;

const PIPELINE: &str = include_str!("pipeline.toml");
const LIMIT: Duration = Duration::from_secs(60);

/// A connection string, with a password beside it.
struct Database<'a> {
    string: String,
    password: &'a str,
}

impl Connected for Database<'_> {
    fn connection(&self) -> String {
        format!(
            "[connections.db]\ntype = \"postgres\"\nconnection_string = {}\n\
             password = \"${{PGPASSWORD}}\"\n",
            json!(self.string)
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![("PGPASSWORD".to_owned(), self.password.to_owned())]
    }
}

fn run(string: &str, password: &str) -> Outcome {
    let database = Database {
        string: string.to_owned(),
        password,
    };
    // What may pass later is not waited for.
    let pipeline = format!("{PIPELINE}\n[retry]\ngive_up_ms = 1\n");
    let outcome = Case::new(&pipeline, database).run().finish();
    let said = outcome.said();
    assert!(!said.contains(password), "the password is in: {said}");
    outcome
}

#[test]
fn the_way_in_is_as_safe_as_was_asked_for() {
    let mut server = Postgres::start();
    let port = server.address().port();
    let user = Postgres::USER;
    let plain = format!("postgresql://{user}@localhost:{port}/postgres?sslmode=require");
    run(&plain, Postgres::PASSWORD)
        .expect_code(1)
        .expect_said("TLS");
    server.speak_tls();
    let ca = server.certificate("ca.crt").display().to_string();
    let other = server.certificate("other-ca.crt").display().to_string();
    let at =
        |host: &str, query: &str| format!("postgresql://{user}@{host}:{port}/postgres?{query}");

    for way in [
        at("localhost", "sslmode=disable"),
        at("localhost", "sslmode=require"),
        at(
            "localhost",
            &format!("sslmode=verify-full&sslrootcert={ca}&channel_binding=require"),
        ),
        at("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={ca}")),
        format!(
            "host=localhost port={port} user={user} dbname=postgres sslmode=verify-full sslrootcert='{ca}'"
        ),
    ] {
        run(&way, Postgres::PASSWORD).expect_code(0);
    }
    for (way, why) in [
        (
            at(
                "127.0.0.1",
                &format!("sslmode=verify-full&sslrootcert={ca}"),
            ),
            "not valid for name",
        ),
        (
            at(
                "localhost",
                &format!("sslmode=verify-full&sslrootcert={other}"),
            ),
            "certificate",
        ),
        (
            at("localhost", &format!("sslmode=require&sslrootcert={other}")),
            "certificate",
        ),
        (
            at("localhost", "sslmode=verify-full&sslrootcert=/nowhere"),
            "/nowhere",
        ),
        (
            at("localhost", "sslmode=disable&channel_binding=require"),
            "channel binding",
        ),
    ] {
        run(&way, Postgres::PASSWORD)
            .expect_code(1)
            .expect_said(why);
    }
    run(&at("localhost", "sslmode=require"), "a-wrong-password")
        .expect_code(1)
        .expect_said("password authentication failed");

    let (certificate, key) = (
        server.certificate("client.crt").display().to_string(),
        server.certificate("client.key").display().to_string(),
    );
    let shown = format!(
        "postgresql://certonly@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca}\
         &sslcert={certificate}&sslkey={key}"
    );
    run(&shown, "no-password-at-all").expect_code(0);
    let hidden = format!("postgresql://certonly@localhost:{port}/postgres?sslmode=require");
    run(&hidden, "no-password-at-all")
        .expect_code(1)
        .expect_said("certificate");
}

/// A table that somebody else made, of other types than a new one would have.
#[test]
fn existing_columns_take_what_fits_them() {
    let server = Postgres::start();
    server.run(
        "create type mood as enum ('good', 'bad');
         create domain price as numeric(8,2) check (value >= 0);
         create table rows (
            id uuid primary key, mood mood, address inet, net cidr, price price, doc jsonb, plain json,
            name varchar(10), code char(3), seen timestamptz(3), small smallint, tags text[], prices numeric(6,1)[],
            later timestamptz not null default '2026-01-01+00', number int generated always as identity,
            doubled int generated always as (small * 2) stored)",
    );
    let database = Database {
        string: format!(
            "postgresql://{}@{}/{}",
            Postgres::USER,
            server.address(),
            Postgres::DATABASE
        ),
        password: Postgres::PASSWORD,
    };
    let pipeline = PIPELINE.replace(
        "type = \"generator\"\nrows = 1_000",
        "type = \"files\"\npath = \"rows.jsonl\"",
    ) + "field_mappings = [{ json_path = \"price\", column = \"price\", data_type = \"decimal(9,3)\" }, \
           { json_path = \"prices\", column = \"prices\", data_type = \"list<decimal(9,2)>\" }, \
           { json_path = \"seen\", column = \"seen\", data_type = \"timestamp(us,+00:00)\" }]\n";
    let case = Case::new(&pipeline, database);
    let good = json!({
        "id": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "mood": "good", "address": "10.0.0.1/8",
        "net": "10.0.0.0/8", "price": "1.250", "doc": {"a": [1, null]}, "plain": "{\"b\":  2}",
        "name": "ten letter", "code": "abc", "small": 7, "tags": ["x", null], "prices": ["1.50"],
        "seen": "2026-01-01T00:00:00.123Z",
    });
    let mut lines = vec![good.clone()];
    for (column, value) in [
        ("id", json!("no uuid")),
        ("mood", json!("indifferent")),
        ("address", json!("10.0.0.256")),
        ("net", json!("10.0.0.1/8")),
        ("price", json!("-1.00")),
        ("price", json!("1.255")),
        ("plain", json!("{")),
        ("name", json!("eleven char")),
        ("small", json!(40_000)),
        ("prices", json!(["1.55"])),
        ("name", json!("a\u{0}b")),
        ("seen", json!("2026-01-01T00:00:00.123456Z")),
    ] {
        let mut bad = good.clone();
        bad["id"] = json!(format!(
            "6f9619ff-8b86-d011-b42d-00c04fc9{:04}",
            lines.len()
        ));
        bad[column] = value;
        lines.push(bad);
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    case.write("rows.jsonl", text);
    case.run().finish().expect_code(0);
    let rows = server.query(
        "select id, mood, address, net, price, doc, plain->'b' as b, name, code, small, tags, prices,
                later = '2026-01-01+00' as is_default, number > 0 as has_number, doubled from rows",
    );
    let expected = json!([{
        "id": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "mood": "good", "address": "10.0.0.1/8",
        "net": "10.0.0.0/8", "price": 1.25, "doc": {"a": [1, null]}, "b": 2, "name": "ten letter",
        "code": "abc", "small": 7, "tags": ["x", null], "prices": [1.5], "is_default": true,
        "has_number": true, "doubled": 14,
    }]);
    assert_eq!(json!(rows), expected);
    let letters = case.dead_letters("server");
    let mut reasons: Vec<_> = letters
        .iter()
        .map(|letter| {
            let line = letter.number("line").unwrap_or_default();
            (line, letter.text("reason"))
        })
        .collect();
    reasons.sort();
    assert_eq!(letters.len(), lines.len() - 1, "{reasons:#?}");
    for ((line, reason), word) in reasons.iter().zip([
        "`id`",
        "mood",
        "`address`",
        "`net`",
        "price_check",
        "`price`",
        "json",
        "`name` has 11 characters",
        "`small`",
        "`prices`",
        "`name`",
        "`seen` has more digits",
    ]) {
        assert!(reason.contains(word), "line {line}: {reason}");
    }
}

/// What examples/postgres/README.md says.
#[test]
fn the_example_fills_a_table_once() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for file in ["postgres/pipeline.toml", "quickstart/orders.jsonl"] {
        let copy = folder.path().join(file);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(examples.join(file), copy).unwrap();
    }
    let url = format!(
        "postgresql://{}:{}@{}/{}",
        Postgres::USER,
        Postgres::PASSWORD,
        server.address(),
        Postgres::DATABASE
    );
    let run = || {
        let pipeline = folder.path().join("postgres/pipeline.toml");
        let run = Binary::find().run(&pipeline).env("DATABASE_URL", &url);
        run.finish().expect_code(0)
    };
    run();
    let delivered = server.query(
        "select count(*) as rows, count(distinct id) as ids,
                bool_and(pg_typeof(at) = 'timestamptz'::regtype) as instants,
                count(*) filter (where customer->>'name' = '山田 花子') > 0 as unicode,
                bool_and(jsonb_typeof(items) = 'array') as lists from orders",
    );
    let expected = json!({
        "rows": 3_000, "ids": 3_000, "instants": true, "unicode": true, "lists": true,
    });
    assert_eq!(delivered, [expected]);
    let letters = folder
        .path()
        .join("postgres/.wasm-sink/postgres-example/dead-letters");
    assert_eq!(dead_letters(&letters).len(), 3);
    run().expect_said("nothing new");
    assert_eq!(
        server.query("select count(*) as rows from orders"),
        [json!({ "rows": 3_000 })]
    );
}

fn direct(server: &Postgres, user: &str) -> Database<'static> {
    Database {
        string: format!(
            "postgresql://{user}@{}/{}",
            server.address(),
            Postgres::DATABASE
        ),
        password: Postgres::PASSWORD,
    }
}

/// Between two epochs somebody gives a column another type of the same width. What was looked up before
/// is looked up again, and no row has the bits of the old type.
#[test]
fn columns_that_change_under_a_run_are_seen() {
    let server = Postgres::start();
    let pipeline = format!("{PIPELINE}\n[epoch]\nmax_rows = 100\n").replace(
        "[source]\n",
        "[source]\nbatch_rows = 50\npartitions = 2\nrate = 500\n",
    );
    let case = Case::new(&pipeline, direct(&server, Postgres::USER));
    let run = case.run().start();
    await_activity(&server, "query like 'copy%'");
    // It waits for the open transaction, and has the table as soon as that is in.
    server.run("alter table rows alter column partition type real");
    let so_far = server.query("select count(*) between 1 and 999 as midway from rows");
    assert_eq!(so_far, [json!({ "midway": true })]);
    run.wait(LIMIT).expect_code(0);
    assert_eq!(
        server.query(
            "select count(*) as n, count(distinct (partition, \"offset\")) as d,
                             count(*) filter (where partition not in (0, 1)) as wrong from rows"
        ),
        [json!({ "n": 1_000, "d": 1_000, "wrong": 0 })]
    );
}

/// Somebody who may not create tables is told what an administrator has to run, and that is enough.
#[test]
fn who_may_create_nothing_is_told_what_is_needed() {
    let server = Postgres::start();
    server.run(&format!(
        "create role loader login password '{}';
         revoke create on schema public from public;
         create table rows (partition int, \"offset\" bigint, id text, at timestamptz, \"user\" text,
                            amount float8, tags text[], detail jsonb);
         grant insert on rows to loader",
        Postgres::PASSWORD
    ));
    let case = Case::new(PIPELINE, direct(&server, "loader"));
    let refused = case.run().finish().expect_code(1).said();
    let checked = case
        .command("check")
        .arg("--connect")
        .finish()
        .expect_code(1);
    for said in [refused, checked.said()] {
        assert!(said.contains("may not create or alter"), "{said}");
    }
    let statements: String = checked
        .said()
        .lines()
        .filter(|line| line.trim_start().starts_with("create table"))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        statements.matches("create table").count(),
        3,
        "{statements}"
    );
    server.run(&statements);
    server.run(
        "grant select, insert, update, delete on _wasm_sink_positions, _wasm_sink_commits,
                                                 _wasm_sink_overwrites to loader",
    );
    case.command("check")
        .arg("--connect")
        .finish()
        .expect_code(0);
    case.run().finish().expect_code(0);
    assert_eq!(
        server.query("select count(*) as n from rows"),
        [json!({ "n": 1_000 })]
    );
}

/// What is only checked at the end of a transaction is checked before it is too late to tell rows
/// apart.
#[test]
fn a_deferred_constraint_refuses_one_row() {
    let server = Postgres::start();
    server.run(
        "create table rows (n int unique deferrable initially deferred);
         insert into rows values (7)",
    );
    let pipeline = PIPELINE.replace(
        "type = \"generator\"\nrows = 1_000",
        "type = \"files\"\npath = \"rows.jsonl\"",
    );
    let case = Case::new(&pipeline, direct(&server, Postgres::USER));
    let text: String = (0..1_000).map(|n| format!("{{\"n\": {n}}}\n")).collect();
    case.write("rows.jsonl", text);
    case.run().finish().expect_code(0);
    assert_eq!(
        server.query("select count(*) as n, count(distinct n) as d from rows"),
        [json!({ "n": 1_000, "d": 1_000 })]
    );
    let letters = case.dead_letters("server");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].text("reason").contains("(n)=(7)"), "{letters:?}");
}

/// Two rows of one batch have the same key, neighbours or not: the first stays, the second is a dead
/// letter.
#[test]
fn a_key_that_comes_twice_is_refused_once() {
    let server = Postgres::start();
    server.run("create table rows (n int primary key, line int)");
    let pipeline = PIPELINE.replace(
        "type = \"generator\"\nrows = 1_000",
        "type = \"files\"\npath = \"rows.jsonl\"",
    );
    let case = Case::new(&pipeline, direct(&server, Postgres::USER));
    let line = |line: usize| {
        let n = match line {
            2 => 1,
            900 => 11,
            line => line,
        };
        format!("{{\"n\": {n}, \"line\": {line}}}\n")
    };
    case.write("rows.jsonl", (1..=1_000).map(line).collect::<String>());
    case.run().finish().expect_code(0);
    assert_eq!(
        server.query("select count(*) as n, count(distinct n) as d, sum(line) as lines from rows"),
        [json!({ "n": 998, "d": 998, "lines": 500_500 - 902 })]
    );
    let letters = case.dead_letters("server");
    let mut lines: Vec<_> = letters
        .iter()
        .filter_map(|letter| letter.number("line"))
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [2, 900]);
}

/// The role has no connection left, and then it has.
#[test]
fn connections_that_are_not_to_be_had_are_waited_for() {
    let server = Postgres::start();
    server.run(&format!(
        "create role loader login password '{}' connection limit 0;
         grant create on schema public to loader",
        Postgres::PASSWORD
    ));
    let case = Case::new(PIPELINE, direct(&server, "loader"));
    let run = case.run().start();
    run.await_stderr("too many connections", LIMIT);
    server.run("alter role loader connection limit 5");
    run.wait(LIMIT).expect_code(0);
    assert_eq!(
        server.query("select count(*) as n from rows"),
        [json!({ "n": 1_000 })]
    );
}

/// Somebody holds the table: the run waits as long as it was told to, tries again, and gets through.
#[test]
fn a_locked_table_is_waited_for() {
    let server = Postgres::start();
    let case = Case::new(PIPELINE, direct(&server, Postgres::USER));
    case.run().finish().expect_code(0);
    let connection = direct(&server, Postgres::USER).connection() + "lock_timeout_ms = 200\n";
    case.write(
        "pipeline.toml",
        format!("{}\n{connection}", PIPELINE.replace("1_000", "2_000")),
    );
    let holder = server.hold("begin; lock table rows in access exclusive mode");
    let run = case.run().start();
    run.await_stderr("lock timeout", LIMIT);
    drop(holder);
    run.wait(LIMIT).expect_code(0);
    assert_eq!(
        server
            .query("select count(*) as n, count(distinct (partition, \"offset\")) as d from rows"),
        [json!({ "n": 2_000, "d": 2_000 })]
    );
}

/// Our transaction and somebody else's wait for each other. The server ends ours; it is made again.
#[test]
fn a_deadlock_is_got_over() {
    let server = Postgres::start();
    server.run("alter system set deadlock_timeout = '50ms'");
    server.run(
        "create table rows (n int primary key, v int);
         insert into rows values (1, 0), (2, 0);
         create function wait() returns trigger language plpgsql as
             'begin if new.n = 2 then perform pg_sleep(1); end if; return new; end';
         create trigger wait before insert on rows for each row execute function wait()",
    );
    server.run("select pg_reload_conf()");
    let pipeline = PIPELINE.replace(
        "type = \"generator\"\nrows = 1_000",
        "type = \"files\"\npath = \"rows.jsonl\"",
    );
    let config = "write_mode = \"upsert\"\nkey_fields = [\"n\"]\n";
    let case = Case::new(
        &format!("{pipeline}{config}"),
        direct(&server, Postgres::USER),
    );
    case.write("rows.jsonl", "{\"n\": 1, \"v\": 7}\n{\"n\": 2, \"v\": 7}\n");
    let mut other = server.hold("begin; update rows set v = 1 where n = 2");
    let run = case.run().start();
    // It has row 1 by now, and will want row 2, which we have.
    await_activity(&server, "wait_event = 'PgSleep'");
    other.go_on("update rows set v = 1 where n = 1");
    run.await_stderr("deadlock detected", LIMIT);
    drop(other);
    run.wait(LIMIT).expect_code(0);
    assert_eq!(
        server.query("select n, v from rows order by n"),
        [json!({ "n": 1, "v": 7 }), json!({ "n": 2, "v": 7 })]
    );
}

/// The server takes a transaction for one that could not have run alone, twice: nothing is wrong with
/// its rows, and it is made again. A sequence counts, since that is not undone.
#[test]
fn a_serialization_failure_is_got_over() {
    let server = Postgres::start();
    let case = Case::new(PIPELINE, direct(&server, Postgres::USER));
    case.run().finish().expect_code(0);
    server.run(
        "create sequence attempts;
         create function fail() returns trigger language plpgsql as
             'begin
                  if nextval(''attempts'') <= 2 then
                      raise exception using errcode = ''40001'', message = ''could not serialize access'';
                  end if;
                  return null;
              end';
         create constraint trigger fail after insert on rows deferrable initially deferred
             for each row when (new.\"offset\" = 1500) execute function fail()",
    );
    case.rewrite(
        &PIPELINE.replace("1_000", "2_000"),
        direct(&server, Postgres::USER),
    );
    let outcome = case.run().finish().expect_code(0);
    outcome.expect_said("could not serialize access");
    assert_eq!(
        server.query("select count(*) as n, count(distinct \"offset\") as d from rows"),
        [json!({ "n": 2_000, "d": 2_000 })]
    );
    assert_eq!(
        server.query("select last_value as n from attempts"),
        [json!({ "n": 3 })]
    );
    assert_eq!(case.dead_letters("server"), []);
}

/// The server is gone while rows are on their way to it, and all that was not committed with it.
#[test]
fn a_server_that_dies_in_mid_copy_is_waited_for() {
    let mut server = Postgres::start();
    let pipeline = format!("{PIPELINE}\n[epoch]\nmax_rows = 1_500\n")
        .replace("[source]\n", "[source]\nbatch_rows = 50\nrate = 1_000\n")
        .replace("rows = 1_000", "rows = 6_000");
    let case = Case::new(&pipeline, direct(&server, Postgres::USER));
    let run = case.run().start();
    await_activity(&server, "query like 'copy%' and state = 'active'");
    server.stop();
    run.await_stderr("wait_ms", LIMIT);
    server.resume();
    run.wait(LIMIT).expect_code(0);
    assert_eq!(
        server
            .query("select count(*) as n, count(distinct (partition, \"offset\")) as d from rows"),
        [json!({ "n": 6_000, "d": 6_000 })]
    );
}

/// Waits until some client of the server is at something.
fn await_activity(server: &Postgres, condition: &str) {
    let started = Instant::now();
    let query = format!("select 1 as one from pg_stat_activity where {condition}");
    while server.query(&query).is_empty() {
        assert!(started.elapsed() < LIMIT, "nobody: {condition}");
    }
}

/// The password is another one from now on, and whoever was in is shown out: the run stops and says why.
/// With the new password it goes on where it was.
#[test]
fn a_password_that_changes_stops_the_run() {
    let server = Postgres::start();
    server.run(&format!(
        "create role loader login password '{}';
         grant create on schema public to loader",
        Postgres::PASSWORD
    ));
    let pipeline = format!("{PIPELINE}\n[epoch]\nmax_rows = 100\n")
        .replace("[source]\n", "[source]\nbatch_rows = 50\nrate = 1_000\n");
    let pipeline = pipeline.replace("rows = 1_000", "rows = 3_000");
    let case = Case::new(&pipeline, direct(&server, "loader"));
    let run = case.run().start();
    await_activity(&server, "usename = 'loader' and query like 'copy%'");
    server.run("alter role loader password 'another one'");
    server.run("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'loader'");
    let outcome = run.wait(LIMIT).expect_code(1);
    outcome.expect_said("password authentication failed");
    let arrived = server.query("select count(*) < 3000 as some from rows");
    assert_eq!(arrived, [json!({ "some": true })]);

    let changed = case.run().env("PGPASSWORD", "another one");
    changed.finish().expect_code(0);
    assert_eq!(
        server
            .query("select count(*) as n, count(distinct (partition, \"offset\")) as d from rows"),
        [json!({ "n": 3_000, "d": 3_000 })]
    );
}

/// Without a unique index two rows with one key could be there: the statement to run is shown.
#[test]
fn upsert_asks_for_a_unique_index() {
    let server = Postgres::start();
    server.run("create table rows (n int, \"other key\" int)");
    let pipeline = PIPELINE.replace(
        "type = \"generator\"\nrows = 1_000",
        "type = \"files\"\npath = \"rows.jsonl\"",
    );
    let config = "write_mode = \"upsert\"\nkey_fields = [\"other key\", \"n\"]\n";
    let case = Case::new(
        &format!("{pipeline}{config}"),
        direct(&server, Postgres::USER),
    );
    case.write("rows.jsonl", "{\"n\": 1, \"other key\": 1}\n");
    // Neither of these can tell two rows apart.
    server.run("create unique index on rows (n)");
    server.run("create unique index on rows (n, \"other key\") where n > 5");
    let statement = "create unique index on \"rows\" (\"other key\", \"n\")";
    let said = case.run().finish().expect_code(1).said();
    assert!(said.replace("\\\"", "\"").contains(statement), "{said}");
    server.run(statement);
    case.run().finish().expect_code(0);
    assert_eq!(server.query("select n from rows"), [json!({ "n": 1 })]);
}
