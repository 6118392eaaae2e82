use std::sync::Arc;

use arrow::array::*;
use wasmtime::component::Resource;

use super::apply::{Applied, apply};
use crate::batch::Rows;
use crate::dead_letter::RefusedBy;
use crate::guest::Batch;
use crate::guest::charge::Ledger;
use crate::guest::fixture::{ROWS, Test, again, run, source};
use crate::guest::room::Room;
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
    // What the plan keeps for the schema, and the frames.
    assert!(test.guest.ledger.bytes() < 4_000);
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
fn items_take_room_as_they_are_copied() {
    let mut test = Test::new(ROWS);
    test.guest.limits.derived_bytes = 4 << 20;
    // 256 KiB for each column that is made of the items.
    let mut lists = ListBuilder::new(Int64Builder::new());
    for row in 0..32 << 10 {
        lists.append_value([Some(row)]);
    }
    let lists = Arc::new(lists.finish()) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("items", lists)]).unwrap();
    test.input = test.guest.push_rows(Rows::whole(source(batch))).unwrap();
    for n in 0..1_000 {
        test.column(&format!("c{n}"), &["items", "0"], None, true)
            .unwrap();
    }
    let error = test.apply().unwrap_err();
    assert!(error.message.contains("would hold more"), "{error:?}");
    assert!(matches!(applied(&mut test, 4 << 20), Applied::Full(_)));

    // Conversions, too.
    test.plan = run(HostPlan::new(&mut test.guest));
    for n in 0..1_000 {
        test.column(&format!("c{n}"), &["items", "0"], Some("utf8"), true)
            .unwrap();
    }
    assert!(matches!(applied(&mut test, 4 << 20), Applied::Full(_)));
}

/// What the plan comes to with so many bytes of room, before anybody else looks at the result.
fn applied(test: &mut Test, room: usize) -> Applied {
    let rows = test.guest.rows(&test.input).unwrap().clone();
    let plan = test.guest.table.get_mut(&test.plan).unwrap();
    let (ledger, mut any) = (Ledger::default(), Room::new(usize::MAX));
    let known = plan.compiled(&rows.values().schema(), &ledger, &mut any);
    let compiled = known.unwrap().unwrap().compiled;
    apply(&compiled, &rows, Mismatch::Fail, &mut Room::new(room)).unwrap()
}

#[test]
fn masks_below_null_structs_take_room() {
    let mut test = Test::new(ROWS);
    test.column("name", &["user", "name"], None, true).unwrap();
    // A bit for each row.
    assert!(matches!(
        applied(&mut test, 1),
        Applied::Whole {
            bytes: 1,
            is_shared: true,
            ..
        }
    ));
    assert!(matches!(applied(&mut test, 0), Applied::Full(_)));
}

#[test]
fn rows_that_are_left_of_a_batch_are_paid_for() {
    let mut test = Test::new(ROWS);
    let columns: [(&str, ArrayRef); 2] = [
        (
            "n",
            Arc::new(StringArray::from_iter_values(
                (0..32 << 10).map(|n| n.to_string()),
            )),
        ),
        (
            "id",
            Arc::new(Int64Array::from_iter(
                (0..32 << 10).map(|n| (n > 0).then_some(n)),
            )),
        ),
    ];
    let rows = Rows::whole(source(RecordBatch::try_from_iter(columns).unwrap()));
    test.input = test.guest.push_rows(rows).unwrap();
    test.column("id", &["id"], None, false).unwrap();
    test.rest(&[]).unwrap();
    let output = test.apply().unwrap();
    assert_eq!(test.letters().len(), 1);
    // Nothing is converted, and yet it is a copy.
    assert!(test.guest.ledger.bytes() > 256 << 10);
    run(HostBatch::drop(&mut test.guest, output));
    assert!(test.guest.ledger.bytes() < 4_000);
}

#[test]
fn what_plans_keep_for_schemas_takes_room() {
    let mut test = Test::new(ROWS);
    test.guest.limits.derived_bytes = 1 << 20;
    let column = |n: usize| {
        (
            format!("c{n}"),
            Arc::new(Int8Array::from(vec![1])) as ArrayRef,
        )
    };
    let wide = RecordBatch::try_from_iter((0..1_000).map(column)).unwrap();
    test.input = test.guest.push_rows(Rows::whole(source(wide))).unwrap();
    let mut plans = Vec::new();
    let error = loop {
        plans.push(Resource::new_own(test.plan.rep()));
        test.rest(&["c0"]).unwrap();
        match test.apply() {
            Ok(output) => run(HostBatch::drop(&mut test.guest, output)),
            Err(error) => break error,
        }
        test.plan = run(HostPlan::new(&mut test.guest));
        assert!(plans.len() < 100);
    };
    assert!(error.message.contains("would hold more"), "{error:?}");
    for plan in plans {
        run(HostPlan::drop(&mut test.guest, plan));
    }
    assert_eq!(test.guest.ledger.bytes(), 0);
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

#[test]
fn a_row_becomes_one_dead_letter_however_often_it_is_rejected() {
    let mut test = Test::new(ROWS);
    test.column("amount", &["amount"], Some("float64"), true)
        .unwrap();
    test.apply().unwrap();
    test.column("id", &["id"], None, false).unwrap();
    test.apply().unwrap();
    let rows = test.guest.rows(&test.input).unwrap().clone();
    test.guest
        .reject(&rows, RefusedBy::Component, |_| "all of them".into())
        .unwrap();
    let letters = test.letters();
    let shown: Vec<String> = letters
        .iter()
        .map(|letter| format!("{} | {}", letter.origin, letter.reason))
        .collect();
    assert_eq!(
        shown,
        [
            "in.jsonl line 2 | column `amount`: \"n/a\" (utf8) does not convert to float64",
            "in.jsonl line 4 | column `amount`: \"x\" (utf8) does not convert to float64",
            "in.jsonl line 3 | column `id` must not be null, and there is nothing at `id`",
            "in.jsonl line 1 | all of them",
        ]
    );
    assert_eq!(test.guest.account().rejected, 4);
}

#[test]
fn the_next_epoch_may_reject_the_same_rows() {
    let mut test = Test::new(ROWS);
    let rows = test.guest.rows(&test.input).unwrap().clone();
    for _ in 0..2 {
        test.guest
            .reject(&rows, RefusedBy::Component, |_| "no".into())
            .unwrap();
        assert_eq!(test.letters().len(), 4);
        test.guest.end_epoch();
    }
}

#[test]
fn reasons_are_of_a_length_that_can_be_kept() {
    let mut test = Test::new(ROWS);
    test.column(&"n".repeat(100_000), &[&"p".repeat(100_000)], None, false)
        .unwrap();
    test.apply().unwrap();
    for letter in test.letters() {
        assert!(letter.reason.len() < 2_100, "{}", letter.reason.len());
    }
    let rows = test.guest.rows(&test.input).unwrap().clone();
    test.guest.end_epoch();
    test.guest
        .reject(&rows, RefusedBy::Component, |_| "long".repeat(10_000))
        .unwrap();
    for letter in test.letters() {
        assert!(letter.reason.ends_with('…'));
        assert!(letter.reason.len() < 4_100, "{}", letter.reason.len());
    }
}

#[test]
fn rows_without_origin_are_refused_before_reasons_are_made() {
    let asked = std::cell::Cell::new(0);
    let mut test = Test::new(ROWS);
    let values = test.guest.rows(&test.input).unwrap().values().clone();
    let refused = test
        .guest
        .reject(&Rows::made_up(values), RefusedBy::Host, |_| {
            asked.set(asked.get() + 1);
            String::new()
        });
    assert!(refused.is_err());
    assert_eq!(asked.get(), 0);
}

#[test]
fn columns_that_share_their_values_count_each() {
    let mut test = Test::new(ROWS);
    let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
    let rows = RecordBatch::try_from_iter([("a", long)]).unwrap();
    test.input = test.guest.push_rows(Rows::made_up(rows)).unwrap();
    for number in 0..60 {
        test.column(&format!("a{number}"), &["a"], None, true)
            .unwrap();
    }
    let shared = test.apply().unwrap();
    for number in 60..64 {
        test.column(&format!("a{number}"), &["a"], None, true)
            .unwrap();
    }
    let error = test.apply().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("65 MiB"), "{}", error.message);
    // Nor by adding them up.
    let plan = run(HostPlan::new(&mut test.guest));
    for number in 60..70 {
        let name = format!("a{number}");
        run(test
            .guest
            .column(again(&plan), name, vec!["a".into()], None, true))
        .unwrap();
    }
    let input = again(&test.input);
    let more = run(HostPlan::apply(&mut test.guest, plan, input)).unwrap();
    let error = run(test.guest.with_columns(shared, more)).unwrap_err();
    assert!(error.message.contains("derived_bytes"), "{}", error.message);
}

#[test]
fn types_with_a_great_many_members_are_charged() {
    let mut test = Test::new(ROWS);
    let members: Vec<String> = (0..40_000)
        .map(|number| format!("m{number}: int8"))
        .collect();
    let wide = format!("struct<{}>", members.join(","));
    let mut taken = 0;
    let error = loop {
        match test.column(&format!("c{taken}"), &["id"], Some(&wide), true) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!((2..20).contains(&taken), "{taken}");
    assert!(error.message.contains("derived_bytes"), "{}", error.message);
    let longer = format!("struct<{}>", vec![members.join(","); 3].join(","));
    let error = test.column("c", &["id"], Some(&longer), true).unwrap_err();
    assert!(
        error.message.contains("longer than 1 MiB"),
        "{}",
        error.message
    );
}
