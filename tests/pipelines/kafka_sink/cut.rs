//! The way to the brokers is cut in the middle of transactions: what was asked may have happened.

use wasm_sink_tests::kafka::{END_TXN, Kafka, TXN_OFFSET_COMMIT, fresh};
use wasm_sink_tests::{Cut, Cutter, Word};

use crate::kafka::faults::{RECORDS, deliver_through};
use crate::kafka::group::expect_no_lag;
use crate::kafka::{Out, Target, expect_nothing_new};

fn deliver(word: Word, cut: Cut) {
    // Of one kind at a time: the place is told to clients when the broker starts.
    let kafka = Kafka::start();
    let (place, upstream) = kafka.proxied();
    let topic = fresh("cut");
    let target = Target {
        kafka: &kafka,
        topic: format!("{topic}-to"),
    };
    let out = Out::Same(&target);
    kafka.create(&topic, 4);
    kafka.create(&target.topic, 4);
    let cutter = Cutter::start(place, upstream, word, cut, 2);
    deliver_through(&kafka, &cutter, &topic, out);
    assert!(cutter.cuts() > 3, "only {} cuts", cutter.cuts());
    out.expect_each_once(RECORDS as u64);
    expect_no_lag(&kafka, &topic, 4);
    expect_nothing_new(&kafka, &topic, "", out);
}

#[test]
fn answers_to_the_end_of_a_transaction_are_lost() {
    deliver(END_TXN, Cut::After);
}

#[test]
fn ends_of_transactions_are_cut_off() {
    deliver(END_TXN, Cut::Before);
}

#[test]
fn answers_to_offsets_in_a_transaction_are_lost() {
    deliver(TXN_OFFSET_COMMIT, Cut::After);
}

#[test]
fn offsets_in_a_transaction_are_cut_off() {
    deliver(TXN_OFFSET_COMMIT, Cut::Before);
}
