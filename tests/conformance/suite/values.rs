//! Every type that a pipeline can name, at its extremes: the same value in the table, or a dead
//! letter that says why not.

use serde_json::{Map, Value, json};

use wasm_sink_tests::duckdb::DuckDb;

use crate::destination::{Destination, Time, case};

const PIPELINE: &str = r#"
name = "values"

[source]
type = "files"
path = "values.jsonl"
"#;

/// Column, type, value in the record, and what must hold of it, in SQL that every reader knows.
type Row = (&'static str, &'static str, Value, &'static str);

fn values() -> Vec<Row> {
    let long = "x".repeat(1_000_000);
    vec![
        ("i8", "int8", json!(-128), "i8 = -128"),
        ("i16", "int16", json!(32_767), "i16 = 32767"),
        ("i32", "int32", json!(i32::MIN), "i32 = -2147483648"),
        (
            "i64_min",
            "int64",
            json!(i64::MIN),
            "i64_min = -9223372036854775808",
        ),
        (
            "i64_max",
            "int64",
            json!(i64::MAX),
            "i64_max = 9223372036854775807",
        ),
        ("u8", "uint8", json!(255), "u8 = 255"),
        ("u16", "uint16", json!(65_535), "u16 = 65535"),
        ("u32", "uint32", json!(u32::MAX), "u32 = 4294967295"),
        (
            "u64_max",
            "uint64",
            json!(u64::MAX),
            "u64_max = 18446744073709551615",
        ),
        ("yes", "boolean", json!(true), "yes"),
        ("nan", "float64", json!("NaN"), "nan = 'NaN'::float8"),
        ("inf", "float64", json!("inf"), "inf = 'Infinity'::float8"),
        (
            "ninf",
            "float32",
            json!("-inf"),
            "ninf = '-Infinity'::float8",
        ),
        ("tiny", "float64", json!(5e-324), "tiny = '5e-324'::float8"),
        (
            "huge",
            "float64",
            json!(f64::MAX),
            "huge = '1.7976931348623157e308'::float8",
        ),
        (
            "zero",
            "float64",
            json!(-0.0),
            "cast(zero as varchar) like '-0%'",
        ),
        ("f32", "float32", json!(0.1), "cast(f32 as varchar) = '0.1'"),
        (
            "dec38",
            "decimal(38,10)",
            json!("-1234567890123456789012345678.0123456789"),
            "dec38 = '-1234567890123456789012345678.0123456789'::decimal(38,10)",
        ),
        (
            "nines",
            "decimal(38,0)",
            json!("99999999999999999999999999999999999999"),
            "nines = '99999999999999999999999999999999999999'::decimal(38,0)",
        ),
        ("cents", "decimal(3,2)", json!("-0.01"), "cents = -0.01"),
        (
            "day1",
            "date32",
            json!("0001-01-01"),
            "day1 = date '0001-01-01'",
        ),
        (
            "day2",
            "date32",
            json!("9999-12-31"),
            "day2 = date '9999-12-31'",
        ),
        (
            "old",
            "date32",
            json!("1969-12-31"),
            "old = date '1969-12-31'",
        ),
        (
            "at",
            "timestamp(us)",
            json!("0001-01-01T00:00:00.000001"),
            "\"at\" = timestamp '0001-01-01 00:00:00.000001'",
        ),
        (
            "at_late",
            "timestamp(us,+00:00)",
            json!("9999-12-31T23:59:59.999999Z"),
            "at_late = timestamptz '9999-12-31 23:59:59.999999+00'",
        ),
        (
            "at_zone",
            "timestamp(ms,+00:00)",
            json!("1969-12-31T23:00:00.123-01:00"),
            "at_zone = timestamptz '1970-01-01 00:00:00.123+00'",
        ),
        (
            "at_ns",
            "timestamp(ns)",
            json!("2026-01-01T00:00:00.123456"),
            "at_ns = timestamp '2026-01-01 00:00:00.123456'",
        ),
        (
            "at_ns_zone",
            "timestamp(ns,+00:00)",
            json!("2026-01-01T01:00:00.123456+01:00"),
            "at_ns_zone = timestamptz '2026-01-01 00:00:00.123456+00'",
        ),
        (
            "at_s",
            "timestamp(s)",
            json!("1901-12-13T20:45:52"),
            "at_s = timestamp '1901-12-13 20:45:52'",
        ),
        ("empty", "utf8", json!(""), "empty = ''"),
        (
            "long",
            "utf8",
            json!(long),
            "length(long) = 1000000 and long like 'xxx%'",
        ),
        (
            "quotes",
            "utf8",
            json!("it's \"x\"; \\ 🦀\n"),
            "length(quotes) = 14",
        ),
        ("bytes", "binary", json!("abc"), "octet_length(bytes) = 3"),
        ("none", "int32", Value::Null, "none is null"),
        (
            "list",
            "list<int32>",
            json!([1, null, 3]),
            "list[1] = 1 and list[2] is null and list[3] = 3",
        ),
        ("no_items", "list<utf8>", json!([]), "no_items is not null"),
        (
            "day_list",
            "list<date32>",
            json!(["0001-01-01"]),
            "day_list[1] = date '0001-01-01'",
        ),
    ]
}

fn schema(columns: &[(&str, &str)]) -> String {
    let columns = columns.iter().map(|(name, data_type)| {
        format!(
            "{{ name = {}, data_type = {} }}",
            json!(name),
            json!(data_type)
        )
    });
    format!("schema = [{}]", columns.collect::<Vec<_>>().join(", "))
}

pub fn every_type_at_its_extremes<D: Destination>() {
    let destination = D::start();
    let values = values();
    let mut columns: Vec<(&str, &str)> = values
        .iter()
        .map(|(name, kind, ..)| (*name, *kind))
        .collect();
    let deep = "list<struct<a: list<int64>, b: struct<c: utf8>>>";
    columns.extend([("deep", deep), ("point", "struct<x: int32, name: utf8>")]);
    let wide: Vec<String> = (0..500).map(|column| format!("wide_{column}")).collect();
    columns.extend(wide.iter().map(|name| (name.as_str(), "int32")));
    let mut record: Map<String, Value> = values
        .iter()
        .map(|(name, _, value, _)| ((*name).to_owned(), value.clone()))
        .collect();
    record.insert(
        "deep".into(),
        json!([{"a": [1, null], "b": {"c": "x"}}, null]),
    );
    record.insert("point".into(), json!({"x": -1, "name": "here"}));
    for (column, name) in wide.iter().enumerate() {
        record.insert(name.clone(), json!(column));
    }
    let case = case(&destination, PIPELINE, "extremes", &schema(&columns));
    let nothing = "{}\n";
    case.write(
        "values.jsonl",
        format!("{}\n{nothing}", Value::Object(record)),
    );
    case.run().finish().expect_code(0);
    assert!(
        case.dead_letters("values").is_empty(),
        "{:?}",
        case.dead_letters("values")
    );

    let names: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(destination.columns("extremes"), names);
    let point = D::member("point", "name");
    let mut claims: Vec<(String, String)> = values
        .iter()
        .map(|(name, _, _, claim)| ((*name).to_owned(), (*claim).to_owned()))
        .collect();
    claims.push(("point".into(), format!("{point} = 'here'")));
    claims.push(("wide_499".into(), "wide_499 = 499".into()));
    // One question for all: each reader takes a while to start.
    let counts = claims.iter().enumerate().map(|(index, (name, claim))| {
        format!(
            "count(*) filter (where {claim} and i8 is not null) as held_{index}, \
             count(*) filter (where \"{name}\" is null) as nulls_{index}"
        )
    });
    let counts: Vec<_> = counts.collect();
    let found = destination.query_one("extremes", &format!("select {} from t", counts.join(", ")));
    for (index, (name, claim)) in claims.iter().enumerate() {
        let nulls = if name == "none" { 2 } else { 1 };
        assert_eq!(found[format!("held_{index}")], 1, "{name}: {claim}");
        assert_eq!(found[format!("nulls_{index}")], nulls, "{name}");
    }
}

pub fn what_does_not_fit_is_refused_alone<D: Destination>() {
    let destination = D::start();
    let columns = [
        ("n", "int64"),
        ("small", "int8"),
        ("money", "decimal(6,2)"),
        ("fine", "timestamp(ns)"),
        ("text", "utf8"),
    ];
    let case = case(&destination, PIPELINE, "misfits", &schema(&columns));
    let records = [
        json!({"n": 1, "small": 1, "money": "1.25", "fine": "2026-01-01T00:00:00.000001", "text": "a"}),
        json!({"n": 2, "small": 300}),
        json!({"n": 3, "money": "1.255"}),
        json!({"n": 4, "money": "12345.67"}),
        json!({"n": 5, "fine": "2026-01-01T00:00:00.000000001"}),
        json!({"n": 6, "text": "b"}),
    ];
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    case.write("values.jsonl", text);
    case.run().finish().expect_code(0);
    let rows = destination.query("misfits", "select n from t order by n");
    let mut fitting = vec![1, 6];
    let mut misfits = vec![(2, "small"), (3, "money"), (4, "money")];
    match D::FINEST_TIME {
        Time::Nanosecond => fitting.insert(1, 5),
        Time::Microsecond => misfits.push((5, "fine")),
    }
    let fitting: Vec<_> = fitting.iter().map(|n| json!({ "n": n })).collect();
    assert_eq!(rows, fitting);
    let letters = case.dead_letters("values");
    let lines: Vec<_> = letters
        .iter()
        .filter_map(|letter| letter.number("line"))
        .collect();
    let expected: Vec<_> = misfits.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, expected);
    for (letter, (_, column)) in letters.iter().zip(misfits) {
        let reason = letter.text("reason");
        assert!(reason.contains(&format!("`{column}`")), "{reason}");
    }
}

/// The table was made with narrower types than records bring: what is the same there goes in, and
/// nothing is rounded, cut or wrapped.
pub fn columns_that_are_there_take_what_fits<D: Destination>() {
    let destination = D::start();
    let columns = [
        ("n", "int64"),
        ("small", "int16"),
        ("single", "float32"),
        ("money", "decimal(6,2)"),
        ("items", "list<int32>"),
    ];
    let maker = PIPELINE.replace("\"values\"", "\"maker\"");
    let maker = case(&destination, &maker, "there", &schema(&columns));
    let whole = |n: i64| json!({"n": n, "small": 7, "single": 0.5, "money": 1.25, "items": [1, 2]});
    maker.write("values.jsonl", format!("{}\n", whole(1)));
    maker.run().finish().expect_code(0);

    let case = case(&destination, PIPELINE, "there", "");
    let with = |n: i64, name: &str, value: Value| {
        let mut record = whole(n);
        record[name] = value;
        record
    };
    let records = [
        whole(2),
        with(3, "small", json!(40_000)),
        with(4, "single", json!(0.1)),
        with(5, "money", json!(1.255)),
        with(6, "items", json!([1, 5_000_000_000_i64])),
        with(8, "small", json!(-32_768)),
        with(9, "items", Value::Null),
    ];
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    case.write("values.jsonl", lines);
    case.run().finish().expect_code(0);

    let rows = destination.query("there", "select n, small from t order by n");
    let there = [(1, 7), (2, 7), (8, -32_768), (9, 7)];
    let there = there.map(|(n, small)| json!({"n": n, "small": small}));
    assert_eq!(rows, there);
    let letters = case.dead_letters("values");
    let reasons: Vec<_> = letters.iter().map(|letter| letter.text("reason")).collect();
    let named = ["`small`", "`single`", "`money`", "`items`"];
    assert_eq!(reasons.len(), named.len(), "{reasons:?}");
    for name in named {
        let found = reasons
            .iter()
            .filter(|reason| reason.contains(name))
            .count();
        assert_eq!(found, 1, "{name} in {reasons:?}");
    }
}

/// JSON has no such years: they come from a database, by all columns of its table.
pub fn times_after_the_year_9999<D: Destination>() {
    let destination = D::start();
    let far = DuckDb::start();
    far.run(
        "create table far (n bigint, day date, \"at\" timestamp, at_zone timestamptz);
         insert into far values (1, '12000-02-29', '12000-02-29 01:02:03.000004',
                                 '12000-02-29 01:02:03.000004+00')",
    );
    let text = format!(
        "name = \"far\"\n[connections.far]\ntype = \"duckdb\"\npath = {}\n\
         [source]\nconnection = \"far\"\ntable_name = \"far\"\norder_by = \"n\"\n",
        json!(far.path().display().to_string())
    );
    let case = case(&destination, &text, "far", "");
    case.run().finish().expect_code(0);
    assert_eq!(case.dead_letters("far"), []);
    let found = destination.query_one(
        "far",
        "select count(*) filter (where day = date '12000-02-29') as days,
                count(*) filter (where \"at\" = timestamp '12000-02-29 01:02:03.000004') as times,
                count(*) filter (where at_zone = timestamptz '12000-02-29 01:02:03.000004+00') as zoned
         from t",
    );
    assert_eq!(found, json!({ "days": 1, "times": 1, "zoned": 1 }));
}
