//! What a topic does not take, and topics that cannot be written to.

use serde_json::json;
use wasm_sink_tests::kafka::{Kafka, fresh};

use super::{To, case, case_to};
use crate::kafka::{Ends, LATEST, Out, Target, pipeline};

const MANY: &str = "[limits]\nmax_rejected = 10_000";

/// Those that a topic takes, and one that is too large for it.
fn rows(size: usize) -> Vec<serde_json::Value> {
    let text = |n| {
        if n == 50 {
            "x".repeat(size)
        } else {
            format!("row {n}")
        }
    };
    (0..100)
        .map(|n| json!({ "n": n, "text": text(n) }))
        .collect()
}

#[test]
fn what_is_too_large_is_a_dead_letter_and_the_others_arrive() {
    for (config, size) in [
        (json!({ "max.message.bytes": "2000" }), 3_000),
        (json!({}), 1_500_000),
    ] {
        let (kafka, topic) = (Kafka::shared(), fresh("large"));
        kafka.create_with(&topic, 1, config);
        let case = case(&topic, MANY, &rows(size));
        case.run().finish().expect_code(0);
        let counts = kafka.query_settled(
            &topic,
            "select count(*) as rows, count(distinct n) as ns, count(*) filter (n = 50) as large from t",
        );
        assert_eq!(counts, [json!({ "rows": 99, "ns": 99, "large": 0 })]);
        let letters = case.dead_letters(&topic);
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!(letters[0].number("line"), Some(51));
        let reason = letters[0].text("reason");
        assert!(reason.contains("max.message.bytes"), "{reason}");
        case.run()
            .finish()
            .expect_code(0)
            .expect_said("nothing new");
    }
}

/// In the transaction that has the offsets, too.
#[test]
fn what_is_too_large_for_the_next_topic_is_a_dead_letter() {
    let (kafka, topic) = (Kafka::shared(), fresh("long"));
    let target = Target {
        kafka,
        topic: fresh("short"),
    };
    let out = Out::Same(&target);
    kafka.create(&topic, 2);
    kafka.create_with(&target.topic, 1, json!({ "max.message.bytes": "2000" }));
    let records: Vec<_> = rows(3_000)
        .iter()
        .map(|row| json!({ "value": row.to_string(), "partition": 1 }))
        .collect();
    kafka.produce(&topic, &records);
    let case = crate::case::Case::new(&pipeline(&topic, LATEST, out, MANY), Ends::new(kafka, out));
    case.run().finish().expect_code(0);
    out.expect_each_once(99);
    let letters = case.dead_letters(&topic);
    let offsets: Vec<_> = letters
        .iter()
        .map(|letter| letter.number("offset"))
        .collect();
    assert_eq!(offsets, [Some(50)]);
    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
}

#[test]
fn names_that_no_topic_has_are_named() {
    let long = "n".repeat(250);
    for name in ["two words", "a/b", "über", "..", ".", "a\"b", &long] {
        let pipeline = fresh("named");
        let text = super::pipeline(&pipeline, "");
        let text = text.replace(
            &format!("topic = {}", json!(pipeline)),
            &format!("topic = {}", json!(name)),
        );
        let case = crate::case::Case::new(&text, To::shared());
        case.write("rows.jsonl", "{\"n\": 1}\n");
        let outcome = case.run().finish();
        let said = outcome.said();
        assert!(matches!(outcome.code(), Some(1 | 2)), "{name:?}: {said}");
        let start: String = name.chars().take(8).collect();
        let is_named = said.contains(&start) || said.contains(&start.escape_debug().to_string());
        assert!(is_named, "{name:?}: {said}");
        assert!(said.contains("a topic"), "{name:?}: {said}");
    }
}

#[test]
fn who_may_not_write_is_told_so() {
    let kafka = Kafka::start_with(&Kafka::RIGHTS);
    let login = format!(
        "\"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanism\" = \"PLAIN\"\n\
         \"sasl.username\" = \"{}\"\n\"sasl.password\" = \"${{KAFKA_PASSWORD}}\"\n",
        Kafka::USER
    );
    let run = |topic: &str, pipeline: &str| {
        let to = To {
            servers: kafka.sasl(),
            properties: login.clone(),
        };
        let text = super::pipeline(pipeline, "");
        let text = text.replace(
            &format!("topic = \"{pipeline}\""),
            &format!("topic = \"{topic}\""),
        );
        let case = crate::case::Case::new(&text, to);
        case.write("rows.jsonl", "{\"n\": 1}\n");
        case.run().finish()
    };
    for topic in ["open", "closed"] {
        kafka.create(topic, 1);
    }
    let mine = json!([
        ["TRANSACTIONAL_ID", "rights"],
        ["TOPIC", "_wasm_sink.rights"],
        ["TOPIC", "open"]
    ]);
    kafka.allow(Kafka::USER, mine);
    run("open", "rights").expect_code(0);
    assert_eq!(kafka.consume("open").len(), 1);
    for (topic, pipeline, said) in [
        ("closed", "rights-2", "`closed`"),
        // Which it would have to make.
        ("missing", "rights-3", "`missing`"),
        // Not its own transactions.
        ("open", "others", "others"),
    ] {
        let outcome = run(topic, pipeline).expect_code(1);
        outcome.expect_said(said);
        outcome.expect_said("uthoriz");
        assert!(outcome.took.as_secs() < 30, "{:?}", outcome.took);
    }
    assert_eq!(kafka.consume("open").len(), 1);
    assert_eq!(kafka.describe("missing"), None);
}

/// Positions would go with retention, and rows be written once more.
#[test]
fn a_topic_of_positions_that_is_not_compacted_is_refused() {
    let (kafka, topic) = (Kafka::shared(), fresh("forgets"));
    let positions = format!("_wasm_sink.{topic}.positions");
    kafka.create(&positions, 1);
    let case = case(&topic, "", &[json!({"n": 1})]);
    let outcome = case.run().finish().expect_code(1);
    for said in [positions.as_str(), "cleanup.policy", "compact"] {
        outcome.expect_said(said);
    }
    assert_eq!(kafka.columns(&topic), [""; 0]);
}

#[test]
fn a_cluster_that_is_not_there_is_named() {
    let topic = fresh("nowhere");
    let to = To {
        servers: "127.0.0.1:1".to_owned(),
        properties: String::new(),
    };
    let case = case_to(to, &topic, "[retry]\ngive_up_ms = 1", &[json!({"n": 1})]);
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said("127.0.0.1:1");
}
