//! Which partition a record goes to, and in which order.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasm_sink_tests::kafka::{Kafka, fresh};

use super::{To, case, case_to, delivered};

const PARTITIONS: usize = 7;

/// A topic with several partitions.
fn topic(name: &str) -> String {
    let topic = fresh(name);
    Kafka::shared().create(&topic, PARTITIONS);
    topic
}

/// Where each key is.
fn places(records: &[Value]) -> BTreeMap<String, u64> {
    let place = |record: &Value| {
        let key = record["key"].as_str().unwrap().to_owned();
        (key, record["partition"].as_u64().unwrap())
    };
    records.iter().map(place).collect()
}

/// What org.apache.kafka.common.utils.UtilsTest says of these texts.
#[test]
fn keys_go_where_javas_clients_have_them_go() {
    let hashes = [
        ("21", -973_932_308_i32),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        (
            "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        ),
        ("abc", 479_470_107),
    ];
    let rows: Vec<_> = hashes.iter().map(|(key, _)| json!({ "id": key })).collect();
    let records = delivered(&topic("java"), "key = \"id\"", &rows);
    let expected = hashes.map(|(key, hash)| {
        let partition = (hash & i32::MAX) as u64 % PARTITIONS as u64;
        (key.to_owned(), partition)
    });
    assert_eq!(places(&records), BTreeMap::from(expected));
}

#[test]
fn keys_go_where_another_client_has_them_go() {
    let kafka = Kafka::shared();
    let keys: Vec<_> = (0..200)
        .map(|n| format!("k{}é{n}", "x".repeat(n % 9)))
        .collect();
    let rows: Vec<_> = keys.iter().map(|key| json!({ "id": key })).collect();
    let records: Vec<_> = keys.iter().map(|key| json!({ "key": key })).collect();
    for (partitioner, others) in [
        ("murmur2", "murmur2_random"),
        ("crc32", "consistent_random"),
        ("fnv1a", "fnv1a_random"),
    ] {
        let theirs = topic("theirs");
        let properties = json!({ "partitioner": others });
        kafka.ask(json!({ "produce": theirs, "records": records, "properties": properties }));
        let config = format!("key = \"id\"\npartitioner = \"{partitioner}\"");
        let ours = delivered(&topic("ours"), &config, &rows);
        assert_eq!(
            places(&ours),
            places(&kafka.consume(&theirs)),
            "{partitioner}"
        );
    }
}

#[test]
fn without_a_key_or_by_chance_all_partitions_get_some() {
    let rows: Vec<_> = (0..20_000)
        .map(|n| json!({ "id": "one", "n": n }))
        .collect();
    for config in ["key = \"id\"\npartitioner = \"random\"", ""] {
        let topic = topic("any");
        // Without a key the library stays with a partition for a while: for less than all of them take.
        let brief = To {
            properties: "producer_config = { \"sticky.partitioning.linger.ms\" = 1 }\n".to_owned(),
            ..To::shared()
        };
        let case = case_to(brief, &topic, config, &rows);
        case.run().finish().expect_code(0);
        let records = Kafka::shared().consume(&topic);
        assert_eq!(records.len(), rows.len());
        // They are in order.
        let mut found: Vec<_> = records
            .iter()
            .map(|record| record["partition"].as_u64())
            .collect();
        found.dedup();
        assert!(found.len() > 1, "{config}: {found:?}");
    }
}

#[test]
fn a_column_names_the_partition() {
    let rows = [
        json!({"id": "foobar", "to": 6}),
        json!({"id": "foobar", "to": 0}),
        json!({"id": "foobar", "to": null}),
    ];
    let config = "key = \"id\"\npartition = \"to\"";
    let records = delivered(&topic("named"), config, &rows);
    let by_key = (-790_332_482_i32 & i32::MAX) as u64 % PARTITIONS as u64;
    let mut expected = [(6, json!(6)), (0, json!(0)), (by_key, json!(null))];
    expected.sort_by_key(|(partition, _)| *partition);
    let expected = expected.map(|(partition, to)| {
        let value = json!({ "id": "foobar", "to": to });
        (Some(partition), value)
    });
    let found: Vec<_> = records
        .iter()
        .map(|record| {
            let value: Value = serde_json::from_str(record["value"].as_str().unwrap()).unwrap();
            (record["partition"].as_u64(), value)
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_partition_that_is_not_there_is_a_dead_letter() {
    let topic = topic("beyond");
    let rows = [
        json!({"n": 0, "to": 1}),
        json!({"n": 1, "to": 7}),
        json!({"n": 2, "to": -1}),
    ];
    let case = case(
        &topic,
        "partition = \"to\"\n[limits]\nmax_rejected = 10_000",
        &rows,
    );
    case.run().finish().expect_code(0);
    assert_eq!(Kafka::shared().consume(&topic).len(), 1);
    let letters = case.dead_letters(&topic);
    let lines: Vec<_> = letters.iter().map(|letter| letter.number("line")).collect();
    assert_eq!(lines, [Some(2), Some(3)]);
    assert!(
        letters
            .iter()
            .all(|letter| letter.text("reason").contains("partition")),
        "{letters:?}"
    );
}

/// Over several epochs.
#[test]
fn records_of_a_key_stay_in_order() {
    let rows: Vec<_> = (0..5_000)
        .map(|n| json!({ "id": n % 50, "n": n }))
        .collect();
    let config = "key = \"id\"\n[epoch]\nmax_rows = 700";
    let records = delivered(&topic("order"), config, &rows);
    let mut last = BTreeMap::new();
    for record in records {
        let value: Value = serde_json::from_str(record["value"].as_str().unwrap()).unwrap();
        let (key, n) = (
            record["key"].as_str().unwrap().to_owned(),
            value["n"].as_u64(),
        );
        let partition = record["partition"].as_u64();
        let before = last.insert(key, (partition, n));
        let is_behind = before.is_none_or(|(before, least)| before == partition && least < n);
        assert!(is_behind, "{n:?} comes after {before:?}");
    }
    assert_eq!(last.len(), 50);
}
