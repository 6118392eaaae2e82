use std::sync::Arc;

use arrow::array::*;
use wasmtime::component::Resource;

use crate::batch::Rows;
use crate::dead_letter::RefusedBy;
use crate::guest::Batch;
use crate::guest::fixture::{ROWS, Test, again, run, source};
use crate::guest::wit::{Error, ErrorKind, HostBatch, HostPlan, Mismatch};
use crate::position::Position;

#[test]
fn values_are_selected_dug_out_and_converted() {
    let mut test = Test::new(ROWS);
    test.policy(Mismatch::SetNull);
    test.column("day", &["at"], Some("date32"), true).unwrap();
    test.column("amount", &["amount"], Some("decimal(10,2)"), true)
        .unwrap();
    test.column("name", &["user", "name"], None, true).unwrap();
    test.column("second", &["user", "scores", "1"], None, true)
        .unwrap();
    test.column("none", &["user", "nothing", "here"], None, true)
        .unwrap();
    test.column("number", &["nothing"], Some("int32"), true)
        .unwrap();
    test.rest(&["user"]).unwrap();
    let output = test.apply().unwrap();
    assert_eq!(
        test.show(&output),
        [
            r#"{"day":"2026-11-21","amount":1.50,"name":"a","second":300,"id":1,"extra":true}"#,
            r#"{"day":"2026-11-21","name":"b","id":2}"#,
            r#"{"amount":2.00,"extra":false}"#,
            r#"{"id":4}"#,
        ]
    );
    assert_eq!(
        test.types(&output),
        [
            "day: date32",
            "amount: decimal(10,2)",
            "name: utf8",
            "second: int64",
            "none: utf8",
            "number: int32",
            "id: int64",
            "extra: boolean"
        ]
    );
    assert!(test.letters().is_empty());
}

#[test]
fn rows_that_do_not_fit_become_dead_letters() {
    let mut test = Test::new(ROWS);
    test.column("id", &["id"], None, false).unwrap();
    test.column("amount", &["amount"], Some("float64"), true)
        .unwrap();
    assert_eq!(test.applied(), [r#"{"id":1,"amount":1.5}"#]);
    let letters = test.letters();
    let shown: Vec<String> = letters
        .iter()
        .map(|letter| format!("{} | {}", letter.origin, letter.reason))
        .collect();
    assert_eq!(
        shown,
        [
            "in.jsonl line 2 | column `amount`: \"n/a\" (utf8) does not convert to float64",
            "in.jsonl line 3 | column `id` must not be null, and there is nothing at `id`",
            "in.jsonl line 4 | column `amount`: \"x\" (utf8) does not convert to float64",
        ]
    );
    assert!(letters.iter().all(|letter| letter.by == RefusedBy::Host));
    assert_eq!(letters[0].position, Some(Position::from_offset(102)));
    assert_eq!(letters[2].record, r#"{"id":4,"amount":"x"}"#);
    assert_eq!(test.guest.account().rejected, 3);
}

#[test]
fn set_null_does_not_reach_where_null_is_not_allowed() {
    let mut test = Test::new(ROWS);
    test.policy(Mismatch::SetNull);
    test.column("amount", &["amount"], Some("float64"), false)
        .unwrap();
    test.column("id", &["id"], None, true).unwrap();
    assert_eq!(
        test.applied(),
        [r#"{"amount":1.5,"id":1}"#, r#"{"amount":2.0}"#]
    );
    assert_eq!(test.letters().len(), 2);
}

#[test]
fn fail_names_the_first_and_rejects_nothing() {
    let mut test = Test::new(ROWS);
    test.policy(Mismatch::Fail);
    test.column("amount", &["amount"], Some("float64"), true)
        .unwrap();
    let error = test.apply().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(
        error.message,
        "row 1 of the batch: column `amount`: \"n/a\" (utf8) does not convert to float64 (2 of 4 rows do not fit the plan)"
    );
    assert!(test.letters().is_empty());
    assert!(!test.guest.doom().is_set());
}

#[test]
fn metadata_and_json() {
    let mut test = Test::new(ROWS);
    for (name, key) in [
        ("topic", "topic"),
        ("offset", "offset"),
        ("key", "key"),
        ("time", "timestamp"),
        ("all", "all"),
    ] {
        run(test
            .guest
            .metadata(again(&test.plan), name.into(), key.into()))
        .unwrap();
    }
    run(test
        .guest
        .json(again(&test.plan), "user".into(), vec!["user".into()]))
    .unwrap();
    run(test.guest.json(again(&test.plan), "record".into(), vec![])).unwrap();
    let output = test.apply().unwrap();
    assert_eq!(
        test.types(&output),
        [
            "topic: utf8",
            "offset: int64",
            "key: utf8",
            "time: timestamp(us,+00:00)",
            "all: utf8",
            "user: utf8",
            "record: utf8"
        ]
    );
    let rows = test.show(&output);
    assert_eq!(
        rows[0],
        concat!(
            r#"{"topic":"in.jsonl","offset":0,"all":"{\"topic\":\"in.jsonl\",\"offset\":0,\"headers\":{\"a\": [1]}}","#,
            r#""user":"{\"name\":\"a\",\"scores\":[7,300]}","#,
            r#""record":"{\"id\":1,\"at\":\"2026-11-21T10:00:00Z\",\"amount\":\"1.50\",\"user\":{\"name\":\"a\",\"scores\":[7,300]},\"extra\":true}"}"#
        )
    );
    assert!(
        rows[1].contains(r#"\"headers\":\"not json\""#),
        "{}",
        rows[1]
    );
    assert!(!rows[2].contains("\"user\":\"null\""));
}

#[test]
fn wrong_plans_are_refused_at_the_call() {
    let mut test = Test::new(ROWS);
    test.column("a", &["id"], None, true).unwrap();
    let message = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        error.message
    };
    assert!(message(test.column("a", &["at"], None, true)).contains("column `a` already"));
    assert!(message(test.column("b", &["at"], Some("string"), true)).contains("`utf8`"));
    assert!(message(test.column("b", &[], None, true)).contains("empty path"));
    assert!(
        message(test.column("b", &["at"], Some("list<null>"), true)).contains("nothing converts")
    );
    test.rest(&[]).unwrap();
    assert!(message(test.rest(&[])).contains("`rest` already"));
    assert!(
        message(run(test.guest.metadata(
            again(&test.plan),
            "m".into(),
            "size".into()
        )))
        .contains("no metadata `size`")
    );
    // A name that only some records bring is found when they come.
    test.column("extra", &["id"], None, true).unwrap();
    let error = test.apply().unwrap_err();
    assert!(
        error.message.contains("column `extra` is made by the plan"),
        "{}",
        error.message
    );
}

#[test]
fn a_plan_serves_any_schema_and_shares_what_it_only_names() {
    let mut test = Test::new(ROWS);
    test.column("key", &["id"], None, true).unwrap();
    test.rest(&[]).unwrap();
    let first = test.apply().unwrap();
    let output = test.guest.rows(&first).unwrap().values().clone();
    let input = test.guest.rows(&test.input).unwrap().values().clone();
    assert!(Arc::ptr_eq(output.column(0), input.column(0)));
    assert_eq!(test.guest.derived_bytes, 0);
    let second = test.apply().unwrap();
    assert!(Arc::ptr_eq(
        &output.schema(),
        &test.guest.rows(&second).unwrap().values().schema()
    ));
    let ids = |test: &mut Test, handle: &Resource<Batch>| run(test.guest.schema_id(again(handle)));
    assert_eq!(ids(&mut test, &first), ids(&mut test, &second));

    let other =
        RecordBatch::try_from_iter([("id", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)])
            .unwrap();
    test.input = test.guest.push_rows(Rows::whole(source(other))).unwrap();
    assert_eq!(test.applied(), [r#"{"key":"x"}"#]);
}

#[test]
fn rows_without_origin_cannot_be_rejected() {
    let mut test = Test::new(ROWS);
    let bytes = run(test.guest.ipc(again(&test.input), vec!["amount".into()])).unwrap();
    test.input = run(test.guest.from_ipc(bytes)).unwrap();
    test.column("amount", &["amount"], Some("float64"), true)
        .unwrap();
    let error = test.apply().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("with-columns"), "{}", error.message);
}

#[test]
fn too_many_dead_letters_are_refused_as_a_whole() {
    let mut test = Test::new(ROWS);
    test.guest.limits.dead_letters = 1;
    test.column("amount", &["amount"], Some("float64"), true)
        .unwrap();
    assert_eq!(test.apply().unwrap_err().kind, ErrorKind::Invalid);
    assert!(test.letters().is_empty());
}
