//! Records that are made to do harm.

use std::time::Instant;

use super::stub::Stub;
use super::value::rows;
use super::{decoder, decoder_for, long, message, messages, string};

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
}

/// Decodes a broken record between two good ones; what was wrong with it.
async fn reason(schema: &str, good: &[u8], bad: &[u8]) -> String {
    let registry = Stub::with(&[(1, schema)]).await;
    let all = messages(&[message(1, good), message(1, bad), message(1, good)]);
    let mut decoder = decoder(&registry.url);
    let (mut from, mut numbers, mut letters) = (0, Vec::new(), Vec::new());
    while from < all.len() {
        let decoded = decoder.decode(&all, from).await.unwrap();
        numbers.extend(decoded.messages);
        letters.extend(decoded.undecodable);
        from = decoded.end;
    }
    assert_eq!(numbers, [0, 2]);
    assert_eq!(letters.len(), 1);
    letters.remove(0).reason
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let two = record(r#"{"name":"s","type":"string"},{"name":"n","type":["null","int"]}"#);
    let good = [string("ok"), long(0)].concat();
    for (bad, why) in [
        (
            vec![],
            "`s` the record breaks off: 1 bytes are wanted, and 0 follow (byte 6 of the record)",
        ),
        (long(-1), "`s` a length is negative (byte 6 of the record)"),
        (
            long(i64::MAX),
            "`s` the record breaks off: 9223372036854775807 bytes are wanted, and 0 follow",
        ),
        (vec![0xff; 11], "`s` a number has more than 64 bits"),
        (
            [&[0x80; 9][..], &[2]].concat(),
            "`s` a number has more than 64 bits",
        ),
        (
            vec![4, b'a', 0xff, 0],
            "`s` the bytes are not UTF-8 (byte 8 of the record)",
        ),
        (
            [string("a"), long(2)].concat(),
            "`n` 2 is the number of no branch or symbol, of which there are 2",
        ),
        (
            [string("a"), long(-1)].concat(),
            "`n` -1 is the number of no branch",
        ),
        (
            [string("a"), long(1), long(1 << 31)].concat(),
            "`n` an int has 32 bits, and the value is 2147483648",
        ),
        (
            [good.as_slice(), b"xyz"].concat(),
            "the record ends here by its schema, and 3 bytes follow",
        ),
    ] {
        let reason = reason(&two, &good, &bad).await;
        assert!(reason.starts_with(why), "{reason}");
    }
    let flag = record(r#"{"name":"b","type":"boolean"}"#);
    let reason = reason(&flag, &[1], &[2]).await;
    assert!(reason.contains("`b` a boolean is 0 or 1"), "{reason}");
}

#[tokio::test]
async fn what_is_no_record_of_the_registry_is_said() {
    let registry = Stub::with(&[(1, &record(r#"{"name":"a","type":"long"}"#))]).await;
    let all = messages(&[
        message(1, &long(5)),
        b"".to_vec(),
        vec![0, 0, 0],
        b"{\"a\": 1}".to_vec(),
        message(2, &long(5)),
        message(1, &long(6)),
    ]);
    let decoded = decoder(&registry.url).decode(&all, 0).await.unwrap();
    assert_eq!(decoded.messages, [0, 5]);
    let begins = "a record begins with a byte 0 and the number of its schema in four";
    let reasons: Vec<_> = decoded.undecodable.iter().map(|one| &one.reason).collect();
    assert_eq!(
        reasons,
        [
            &format!("{begins}, and this is empty (byte 1 of the record)"),
            &format!("{begins}, and this ends after 3 (byte 4 of the record)"),
            &format!("{begins}, and this begins with 123 (byte 1 of the record)"),
            "the registry has no schema 2 (byte 2 of the record)",
        ]
    );
}

#[tokio::test]
async fn an_absent_payload_is_a_row_of_nulls() {
    let registry = Stub::with(&[(1, &record(r#"{"name":"a","type":"long"}"#))]).await;
    let mut builder = wasm_sink_formats::MessagesBuilder::default();
    assert!(builder.push(None));
    assert!(builder.push(Some(&message(1, &long(5)))));
    let decoded = decoder(&registry.url)
        .decode(&builder.finish(), 0)
        .await
        .unwrap();
    assert_eq!(
        rows(&decoded.rows),
        [serde_json::json!({"a": null}), serde_json::json!({"a": 5})]
    );
}

#[tokio::test]
async fn few_bytes_do_not_take_much_memory() {
    // Lists of nothing, as long as a number can say; also in blocks of what is just allowed.
    let nulls = record(r#"{"name":"a","type":{"type":"array","items":"null"}}"#);
    for bad in [
        long(i64::MAX),
        [long(i64::MIN), long(0)].concat(),
        [long(60_000), long(60_000), long(0)].concat(),
    ] {
        let reason = reason(&nulls, &long(0), &bad).await;
        assert!(reason.contains("values by its head"), "{reason}");
    }
    let maps = record(r#"{"name":"a","type":{"type":"map","values":"null"}}"#);
    let reason_of_map = reason(&maps, &long(0), &long(1 << 40)).await;
    assert!(
        reason_of_map.contains("values by its head"),
        "{reason_of_map}"
    );
    // A block that says it is longer than what follows.
    let reason = reason(&nulls, &long(0), &[long(-1), long(100), long(0)].concat()).await;
    assert!(
        reason.contains("a block has 100 bytes by its head"),
        "{reason}"
    );
}

#[tokio::test]
async fn schemas_that_unfold_without_end_are_bounded() {
    // 2^40 nulls in no byte, as columns and as text; and a list of lists of such.
    let mut types =
        r#"{"type":"record","name":"R0","fields":[{"name":"n","type":"null"}]}"#.to_owned();
    for level in 1..=40 {
        types = format!(
            r#"{{"type":"record","name":"R{level}","fields":[{{"name":"a","type":{types}}},{{"name":"b","type":"R{}"}}]}}"#,
            level - 1
        );
    }
    let schema = format!(
        r#"{{"type":"record","name":"Top","fields":[{{"name":"i","type":"int"}},{{"name":"u","type":["null",{types}]}}]}}"#
    );
    let started = Instant::now();
    let reason = reason(&schema, &[0, 0], &[0, 2]).await;
    assert!(reason.contains("so many values"), "{reason}");
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());

    // A record that is nothing but itself.
    let endless = record(r#"{"name":"a","type":["null","R"]},{"name":"i","type":"int"}"#);
    let deep = vec![2; 10_000];
    let said = self::reason(&endless, &[0, 0], &deep).await;
    assert!(said.contains("nested more than 128 deep"), "{said}");
    let itself = record(r#"{"name":"i","type":["null","int"]},{"name":"r","type":"R"}"#);
    let registry = Stub::with(&[(1, &itself)]).await;
    let mut decoder = decoder_for(&registry.url, &[("i", "int32", true)]);
    let all = messages(&[message(1, &vec![0; 300])]);
    let decoded = decoder.decode(&all, 0).await.unwrap();
    let said = &decoded.undecodable[0].reason;
    assert!(said.contains("nested more than 128 deep"), "{said}");
}

#[tokio::test]
async fn keys_stand_once_in_a_map() {
    let map = record(r#"{"name":"m","type":{"type":"map","values":"int"}}"#);
    let twice = [long(2), string("k"), long(1), string("k"), long(2), long(0)].concat();
    let said = reason(&map, &long(0), &twice).await;
    assert!(said.starts_with("`m` the key `k` stands twice"), "{said}");
    let text = record(r#"{"name":"m","type":["int",{"type":"map","values":"int"}]}"#);
    let said = reason(&text, &[0, 0], &[long(1), twice].concat()).await;
    assert!(said.starts_with("`m` the key `k` stands twice"), "{said}");
}

#[tokio::test]
async fn schemas_that_are_none_are_said() {
    for (schema, why) in [
        ("{", "it is not JSON"),
        (
            r#""nothing""#,
            "it refers to `nothing`, which is not defined",
        ),
        (r#"{"type":"record","fields":[]}"#, "has no `name`"),
        (
            &record(r#"{"name":"a","type":"int"},{"name":"a","type":"int"}"#),
            "`R` has the field `a` twice",
        ),
        (
            &record(r#"{"name":"a","type":[]}"#),
            "a union has no branches",
        ),
        (
            &record(r#"{"name":"a","type":[["int"]]}"#),
            "a union stands directly in a union",
        ),
        (&record(r#"{"name":"a"}"#), "`a` of `R` has no type"),
        (
            &record(r#"{"name":"a","type":{"type":"fixed","name":"F"}}"#),
            "`F` has no `size`",
        ),
        (
            &record(r#"{"name":"a","type":{"type":"enum","name":"R","symbols":[]}}"#),
            "`R` is defined twice",
        ),
        ("7", "7 is no type"),
    ] {
        let registry = Stub::with(&[(7, schema)]).await;
        let all = messages(&[message(7, &[0])]);
        let decoded = decoder(&registry.url).decode(&all, 0).await.unwrap();
        let said = &decoded.undecodable[0].reason;
        assert!(
            said.starts_with("schema 7 is none that can be read: "),
            "{said}"
        );
        assert!(said.contains(why), "{said}");
    }
}
