use std::sync::Arc;

use arrow::array::*;
use wasmtime::component::Resource;

use crate::batch::Rows;
use crate::dead_letter::RefusedBy;
use crate::guest::fixture::{ROWS, Test, again, json_rows, now, run, source};
use crate::guest::room::Room;
use crate::guest::wit::{Error, ErrorKind, HostBatch};
use crate::guest::{Batch, ipc};

fn numbers(test: &Test, handle: &Resource<Batch>) -> Vec<u32> {
    test.guest
        .rows(handle)
        .unwrap()
        .source_rows()
        .unwrap()
        .values()
        .to_vec()
}

#[test]
fn rows_remember_where_they_are_from() {
    let mut test = Test::new(ROWS);
    let guest = &mut test.guest;
    let tail = run(guest.slice(again(&test.input), 1, 3)).unwrap();
    let kept = run(guest.filter(again(&tail), vec![1, 0, 9])).unwrap();
    let added = run(guest.ipc(again(&kept), vec!["id".into()])).unwrap();
    let added = run(guest.from_ipc(added)).unwrap();
    assert!(run(guest.origin(again(&added))).is_none());
    let whole = run(guest.with_columns(again(&kept), added)).unwrap();
    let span = run(guest.origin(again(&whole))).unwrap();
    assert_eq!(
        (span.source.as_str(), span.partition.as_str()),
        ("files", "0")
    );
    assert_eq!((span.first.as_str(), span.last.as_str()), ("101", "104"));
    assert_eq!(numbers(&test, &whole), [1, 3]);
    let rows = test.guest.rows(&whole).unwrap().clone();
    test.guest
        .reject(&rows, RefusedBy::Component, |row| format!("reason {row}"))
        .unwrap();
    let letters = test.letters();
    assert_eq!(letters[1].origin.line, Some(4));
    assert_eq!(letters[1].reason, "reason 1");
    let whole = test.guest.rows(&test.input).unwrap().clone();
    test.guest
        .reject(&whole, RefusedBy::Component, |_| String::new())
        .unwrap();
    assert_eq!(test.letters()[0].record, "as read");
}

#[test]
fn wrong_arguments_are_invalid() {
    let mut test = Test::new(ROWS);
    let input = || Resource::new_borrow(test.input.rep());
    let guest = &mut test.guest;
    let kind = |error: Error| assert_eq!(error.kind, ErrorKind::Invalid, "{}", error.message);
    kind(run(guest.slice(input(), 4, 1)).unwrap_err());
    kind(run(guest.slice(input(), u32::MAX, u32::MAX)).unwrap_err());
    kind(run(guest.filter(input(), vec![1])).unwrap_err());
    kind(run(guest.ipc(input(), vec!["none".into()])).unwrap_err());
    kind(run(guest.ipc(input(), vec!["id".into(), "id".into()])).unwrap_err());
    kind(run(guest.split(input(), "none".into())).unwrap_err());
    kind(run(guest.from_ipc(vec![1, 2, 3])).unwrap_err());
    let one = run(guest.slice(input(), 0, 1)).unwrap();
    kind(run(guest.with_columns(input(), one)).unwrap_err());
    assert!(!guest.doom().is_set());
    assert_eq!(run(guest.row_count(input())), 4);
    assert!(run(guest.slice(input(), 4, 0)).is_ok());
}

#[test]
fn split_goes_by_first_appearance() {
    let batch = RecordBatch::try_from_iter_with_nullable([
        (
            "n",
            Arc::new(Int32Array::from(vec![
                Some(7),
                None,
                Some(7),
                Some(1),
                None,
            ])) as ArrayRef,
            true,
        ),
        (
            "i",
            Arc::new(Int32Array::from(vec![0, 1, 2, 3, 4])) as ArrayRef,
            false,
        ),
    ])
    .unwrap();
    let mut test = Test::new(ROWS);
    test.input = test.guest.push_rows(Rows::whole(source(batch))).unwrap();
    let parts = run(test.guest.split(again(&test.input), "n".into())).unwrap();
    let shown: Vec<_> = parts
        .iter()
        .map(|(value, rows)| (value.as_deref(), numbers(&test, rows)))
        .collect();
    assert_eq!(
        shown,
        [
            (Some("7"), vec![0, 2]),
            (None, vec![1, 4]),
            (Some("1"), vec![3])
        ]
    );
    assert_eq!(test.show(&parts[1].1), [r#"{"i":1}"#, r#"{"i":4}"#]);
    let error = run(test.guest.split(again(&test.input), "i".into())).unwrap_err();
    assert!(
        error.message.contains("more than 3 values"),
        "{}",
        error.message
    );
    // One value: nothing is copied.
    let one = run(test.guest.slice(again(&test.input), 3, 1)).unwrap();
    let parts = run(test.guest.split(again(&one), "n".into())).unwrap();
    let [(_, part)] = parts.as_slice() else {
        panic!("{} parts", parts.len());
    };
    let column = |handle| Arc::clone(test.guest.rows(handle).unwrap().values().column(0));
    assert!(Arc::ptr_eq(&column(part), &column(&one)));
    let none = run(test.guest.slice(again(&test.input), 0, 0)).unwrap();
    assert!(run(test.guest.split(none, "n".into())).unwrap().is_empty());
}

#[test]
fn columns_are_replaced_in_place_and_added_at_the_end() {
    let mut test = Test::new(ROWS);
    let columns = RecordBatch::try_from_iter([
        (
            "new",
            Arc::new(Int8Array::from(vec![1, 2, 3, 4])) as ArrayRef,
        ),
        (
            "at",
            Arc::new(Int8Array::from(vec![5, 6, 7, 8])) as ArrayRef,
        ),
    ])
    .unwrap();
    let columns = test.guest.push_rows(Rows::made_up(columns)).unwrap();
    let whole = run(test.guest.with_columns(again(&test.input), columns)).unwrap();
    let types = test.types(&whole);
    assert_eq!(types[1], "at: int8 not null");
    assert_eq!(types.last().unwrap(), "new: int8 not null");
    assert_eq!(types.len(), 6);
}

#[test]
fn a_late_use_traps_and_says_so() {
    let mut test = Test::new(ROWS);
    let guest = &mut test.guest;
    let dropped = run(guest.slice(again(&test.input), 0, 1)).unwrap();
    run(HostBatch::drop(guest, dropped));
    let handles = guest.handles();
    guest.end_epoch();
    assert_eq!(guest.handles(), handles);
    // What the guest has not dropped is dead, and its place is not given to another batch.
    let fresh = guest
        .push_rows(Rows::whole(source(json_rows(ROWS))))
        .unwrap();
    assert_ne!(fresh.rep(), test.input.rep());
    let late = guest.rows(&test.input).unwrap_err().to_string();
    assert!(
        late.contains("a batch of epoch 0 was used in epoch 1"),
        "{late}"
    );
    run(HostBatch::drop(guest, Resource::new_own(test.input.rep())));
}

#[test]
fn what_kernels_make_is_bounded_and_freed() {
    let mut test = Test::new(ROWS);
    test.guest.limits.derived_bytes = 4_000;
    let filter = |test: &mut Test| {
        run(test
            .guest
            .filter(Resource::new_borrow(test.input.rep()), vec![1, 0, 1, 0]))
    };
    let mut handles = Vec::new();
    let error = loop {
        match filter(&mut test) {
            Ok(handle) => handles.push(handle),
            Err(error) => break error,
        }
    };
    assert!(
        error.message.contains("drop what is no longer needed"),
        "{}",
        error.message
    );
    assert!(!handles.is_empty());
    run(HostBatch::drop(&mut test.guest, handles.remove(0)));
    assert!(filter(&mut test).is_ok());
    assert!(filter(&mut test).is_err());
    test.guest.end_epoch();
    assert_eq!(test.guest.ledger.bytes(), 0);
}

/// A guest with room for two MiB, and a batch of one.
fn one_of_two_mebibytes() -> (Test, Resource<Batch>) {
    let mut test = Test::new(ROWS);
    test.guest.limits.derived_bytes = (2 << 20) + (64 << 10);
    let numbers = Arc::new(Int64Array::from(vec![7; 64 << 10])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    let bytes = ipc::encode(&batch).unwrap();
    let handle = run(test.guest.from_ipc(bytes)).unwrap();
    assert!(test.guest.ledger.bytes() >= 1 << 20);
    (test, handle)
}

fn drop_handle(test: &mut Test, handle: Resource<Batch>) {
    run(HostBatch::drop(&mut test.guest, handle));
}

#[test]
fn rows_that_share_memory_hold_it_when_the_first_batch_is_dropped() {
    type Derive = fn(&mut Test, Resource<Batch>) -> Resource<Batch>;
    let ways: [(&str, Derive); 6] = [
        ("slice", |test, batch| {
            run(test.guest.slice(batch, 0, 1)).unwrap()
        }),
        ("filter, all", |test, batch| {
            run(test.guest.filter(batch, vec![1; 64 << 10])).unwrap()
        }),
        ("filter, none", |test, batch| {
            run(test.guest.filter(batch, vec![0; 64 << 10])).unwrap()
        }),
        ("split", |test, batch| {
            let parts = run(test.guest.split(batch, "n".into())).unwrap();
            parts.into_iter().next().unwrap().1
        }),
        ("with-columns", |test, batch| {
            let same = again(&batch);
            run(test.guest.with_columns(batch, same)).unwrap()
        }),
        ("apply", |test, batch| {
            test.input = batch;
            test.rest(&[]).unwrap();
            test.apply().unwrap()
        }),
    ];
    for (way, derive) in ways {
        let (mut test, first) = one_of_two_mebibytes();
        let derived = derive(&mut test, again(&first));
        drop_handle(&mut test, first);
        let held = test.guest.ledger.bytes();
        assert!((1 << 20..2 << 20).contains(&held), "{way}: {held}");
        // And through one more.
        let last = run(test.guest.slice(again(&derived), 0, 0)).unwrap();
        drop_handle(&mut test, derived);
        assert!(test.guest.ledger.bytes() >= 1 << 20, "{way}");
        drop_handle(&mut test, last);
        let left = test.guest.ledger.bytes();
        assert!(left < 4 << 10, "{way}: {left}");
    }
}

#[test]
fn keeping_a_slice_of_each_batch_runs_out_of_room() {
    let (mut test, first) = one_of_two_mebibytes();
    let bytes = run(test.guest.ipc(again(&first), vec![])).unwrap();
    let _kept = run(test.guest.slice(again(&first), 0, 1)).unwrap();
    drop_handle(&mut test, first);
    let second = run(test.guest.from_ipc(bytes.clone())).unwrap();
    let _kept = run(test.guest.slice(again(&second), 0, 1)).unwrap();
    drop_handle(&mut test, second);
    let error = run(test.guest.from_ipc(bytes.clone())).unwrap_err();
    assert!(error.message.contains("would hold more"), "{error:?}");
    test.guest.end_epoch();
    assert_eq!(test.guest.ledger.bytes(), 0);
    assert!(run(test.guest.from_ipc(bytes)).is_ok());
}

#[test]
fn with_columns_holds_what_both_hold() {
    let (mut test, left) = one_of_two_mebibytes();
    let numbers = Arc::new(Int8Array::from(vec![7; 64 << 10])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("m", numbers)]).unwrap();
    let right = run(test.guest.from_ipc(ipc::encode(&batch).unwrap())).unwrap();
    let held = test.guest.ledger.bytes();
    let both = run(test.guest.with_columns(again(&left), again(&right))).unwrap();
    drop_handle(&mut test, left);
    drop_handle(&mut test, right);
    assert!(test.guest.ledger.bytes() > held - 4_000);
    drop_handle(&mut test, both);
    assert_eq!(test.guest.ledger.bytes(), 0);
}

#[test]
fn slices_of_many_columns_take_room_for_each() {
    let mut test = Test::new(ROWS);
    test.guest.limits.derived_bytes = 1 << 20;
    let column = |n: usize| {
        (
            format!("c{n}"),
            Arc::new(Int8Array::from(vec![1])) as ArrayRef,
        )
    };
    let wide = RecordBatch::try_from_iter((0..1_000).map(column)).unwrap();
    let wide = test.guest.push_rows(Rows::whole(source(wide))).unwrap();
    let refused = (0..100).find(|_| run(test.guest.slice(again(&wide), 0, 1)).is_err());
    assert!(refused.is_some_and(|slices| slices > 0), "{refused:?}");
}

#[test]
fn columns_of_one_array_are_copied_one_by_one() {
    // 1000 columns of 512 KiB, all the same.
    let (mut test, first) = one_of_two_mebibytes();
    let wide = test.guest.rows(&first).unwrap().values().column(0).clone();
    let wide = (0..1_000).map(|n| (format!("c{n}"), Arc::clone(&wide)));
    let wide = Rows::whole(source(RecordBatch::try_from_iter(wide).unwrap()));
    let keep: BooleanArray = (0..64 << 10).map(|row| Some(row > 0)).collect();
    let mut room = Room::new(2 << 20);
    assert!(super::filtered(&wide, &keep, &mut room).is_err());
    // The next did not fit, and was the last that was made.
    assert!(room.left() < 1 << 20);
    let wide = test.guest.push_rows(wide).unwrap();
    let error = run(test.guest.ipc(wide, vec![])).unwrap_err();
    assert!(error.message.contains("ask for fewer columns"), "{error:?}");
}

#[test]
fn asking_about_ever_new_schemas_traps_and_says_so() {
    let mut test = Test::new(ROWS);
    let mut refused = None;
    for n in 0..1_000 {
        let column = |m: usize| {
            let column = Arc::new(Int8Array::from(vec![1])) as ArrayRef;
            (format!("{n} {m}"), column)
        };
        let wide = RecordBatch::try_from_iter((0..2_000).map(column)).unwrap();
        let wide = test.guest.push_rows(Rows::made_up(wide)).unwrap();
        assert!(n > 0 || !test.guest.is_worn());
        if let Err(error) = now(test.guest.schema_id(again(&wide))) {
            refused = Some(error.to_string());
            break;
        }
        drop_handle(&mut test, wide);
    }
    let refused = refused.unwrap();
    assert!(refused.contains("`schema-id` was asked"), "{refused}");
    assert!(test.guest.is_worn());
}

#[test]
fn a_batch_that_a_guest_makes_has_a_million_rows_at_most() {
    let (mut test, _) = one_of_two_mebibytes();
    test.guest.limits.derived_bytes = 64 << 20;
    let mut taken = |rows: usize| {
        let flags = Arc::new(BooleanArray::from(vec![true; rows])) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("m", flags)]).unwrap();
        run(test.guest.from_ipc(ipc::encode(&batch).unwrap()))
    };
    assert!(taken(1 << 20).is_ok());
    let error = taken((1 << 20) + 1).unwrap_err();
    assert!(error.message.contains("1048577 rows"), "{}", error.message);
}
