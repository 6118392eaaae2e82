//! The way to the brokers: who may come in, how it is secured, and what stands wrong in the file.

use serde_json::json;
use wasm_sink_tests::Outcome;
use wasm_sink_tests::kafka::{Kafka, fresh};

use super::{Ends, LATEST, Out, pipeline};
use crate::case::Case;

/// What a run over ten records says.
fn run(kafka: &Kafka, servers: String, properties: &str, password: &str) -> Outcome {
    let topic = fresh("way");
    kafka.create(&topic, 1);
    kafka.generate(&topic, 10, 1);
    let ends = Ends {
        servers,
        properties: properties.to_owned(),
        out: Out::Nowhere,
    };
    let case = Case::new(&pipeline(&topic, LATEST, Out::Nowhere, ""), ends);
    let run = case
        .run()
        .env("KAFKA_PASSWORD", password)
        .env("WASM_SINK_LOG", "debug");
    let outcome = run.finish();
    let said = outcome.said();
    assert!(!said.contains(password), "the password is in: {said}");
    outcome
}

fn login(mechanism: &str) -> String {
    format!(
        "\"sasl.mechanism\" = \"{mechanism}\"\n\"sasl.username\" = \"{}\"\n\
         \"sasl.password\" = \"${{KAFKA_PASSWORD}}\"\n",
        Kafka::USER
    )
}

#[test]
fn who_logs_in_with_the_right_password_comes_in() {
    let kafka = Kafka::shared();
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let properties = format!(
            "\"security.protocol\" = \"sasl_plaintext\"\n{}",
            login(mechanism)
        );
        run(kafka, kafka.sasl(), &properties, Kafka::PASSWORD)
            .expect_code(0)
            .expect_said("10 rows");
        let refused = run(kafka, kafka.sasl(), &properties, "a-wrong-password").expect_code(1);
        refused.expect_said("look at sasl.mechanism, sasl.username and the password");
        assert!(refused.took.as_secs() < 20, "{:?}", refused.took);
    }
}

#[test]
fn the_way_in_is_as_safe_as_was_asked_for() {
    let kafka = Kafka::start_with_tls(&[]);
    let authority = |name: &str| {
        let path = kafka.certificate(name);
        format!("\"ssl.ca.location\" = \"{}\"\n", path.display())
    };
    let (ssl, sasl_ssl) = (
        "\"security.protocol\" = \"ssl\"\n",
        "\"security.protocol\" = \"sasl_ssl\"\n",
    );
    let ca = authority("ca.crt");
    let key = format!(
        "\"ssl.certificate.location\" = \"{}\"\n\"ssl.key.location\" = \"{}\"\n",
        kafka.certificate("client.crt").display(),
        kafka.certificate("client.key").display()
    );
    let password = Kafka::PASSWORD;
    for (servers, properties) in [
        (kafka.tls(), format!("{ssl}{ca}")),
        (kafka.tls(), format!("{ssl}{ca}{key}")),
        (
            kafka.sasl_tls(),
            format!("{sasl_ssl}{ca}{}", login("SCRAM-SHA-512")),
        ),
    ] {
        run(&kafka, servers, &properties, password)
            .expect_code(0)
            .expect_said("10 rows");
    }
    let by_number = kafka.tls().replace("localhost", "127.0.0.1");
    for (servers, properties, why) in [
        (
            kafka.tls(),
            format!("{ssl}{}", authority("other-ca.crt")),
            "ssl.ca.location",
        ),
        (by_number, format!("{ssl}{ca}"), "certificate"),
        (
            kafka.tls(),
            format!("{ssl}\"ssl.ca.location\" = \"/nowhere\"\n"),
            "/nowhere",
        ),
    ] {
        let outcome = run(&kafka, servers, &properties, password).expect_code(1);
        outcome.expect_said(why);
    }
}

#[test]
fn mistakes_in_the_file_are_shown_where_they_stand() {
    let out = Out::Nowhere;
    let kafka = Kafka::shared();
    for (line, code, why) in [
        (
            "\"fetch.wait\" = 1",
            "unknown-key",
            "librdkafka has no property `fetch.wait`",
        ),
        (
            "\"enable.auto.commit\" = true",
            "bad-value",
            "leave it out: offsets are committed",
        ),
        (
            "\"auto.offset.reset\" = \"latest\"",
            "bad-value",
            "write auto_offset_reset in [source]",
        ),
        (
            "\"group.id\" = \"g\"",
            "bad-value",
            "write group_id in [source]",
        ),
        (
            "\"isolation.level\" = \"read_uncommitted\"",
            "bad-value",
            "aborted",
        ),
        (
            "\"partition.assignment.strategy\" = \"range\"",
            "bad-value",
            "cooperative-sticky",
        ),
        (
            "\"session.timeout.ms\" = \"soon\"",
            "bad-value",
            "session.timeout.ms",
        ),
        (
            "\"sasl.password\" = \"swordfish\"",
            "secret-in-file",
            "put it into the environment",
        ),
    ] {
        let case = Case::new(
            &pipeline("mistaken", LATEST, out, ""),
            Ends::new(kafka, out).with(&format!("{line}\n")),
        );
        let text = std::fs::read_to_string(case.path("pipeline.toml")).unwrap();
        let number = 1 + text.lines().position(|found| found == line).unwrap();
        let outcome = case.run().finish().expect_code(2);
        outcome.expect_said(why);
        outcome.expect_said(&format!("[{code}]"));
        outcome.expect_said(&format!("pipeline.toml:{number}:"));
        assert!(!outcome.said().contains("swordfish"), "{}", outcome.said());
    }
    for (source, why) in [
        ("tombstones = \"keep\"\n", "\"skip\", \"row\", \"reject\""),
        ("topic_pattern = \"a\"\n", "exclude each other"),
        ("group = \"g\"\n", "group"),
    ] {
        let text = pipeline("mistaken", source, out, "");
        let outcome = Case::new(&text, Ends::new(kafka, out)).run().finish();
        outcome.expect_code(2).expect_said(why);
    }
}

/// What shows only on opening is no mistake of the file, and is said at once.
#[test]
fn what_is_not_there_is_named() {
    let (kafka, out, topic) = (Kafka::shared(), Out::Nowhere, fresh("absent"));
    let case = Case::new(&pipeline(&topic, LATEST, out, ""), Ends::new(kafka, out));
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said(&format!("topic `{topic}`"));
    assert!(outcome.took.as_secs() < 10, "{:?}", outcome.took);

    let mut ends = Ends::new(kafka, out);
    ends.servers = "127.0.0.1:1".to_owned();
    let case = Case::new(
        &pipeline(&topic, LATEST, out, "[retry]\ngive_up_ms = 1\n"),
        ends,
    );
    let outcome = case.run().finish().expect_code(1);
    outcome.expect_said("127.0.0.1:1");
    assert_eq!(json!(outcome.stdout), json!(""));
}
