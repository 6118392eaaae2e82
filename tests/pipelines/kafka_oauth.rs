//! Kafka by OAUTHBEARER: a real broker that checks signatures, audience and age of each token. The server that gives
//! tokens is a stand-in of the harness; what it speaks is OAuth's client credentials grant.

use std::time::Duration;

use serde_json::json;
use wasm_sink_tests::kafka::{Kafka, fresh};
use wasm_sink_tests::{Case, Invocation, Outcome, Process, TokenServer};

use crate::kafka::{Ends, LATEST, LIMIT, OFTEN, Out, Target, await_that, end, generate, pipeline};

/// A broker closes a connection whose token is over.
const SHORT_LIVED: Duration = Duration::from_secs(4);
const LONG_LIVED: Duration = Duration::from_secs(3_600);

/// A broker, and the server whose tokens it takes.
fn servers(lifetime: Duration) -> (Kafka, TokenServer) {
    let tokens = TokenServer::start(lifetime);
    let settings = tokens.broker();
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    (Kafka::start_with(&settings), tokens)
}

fn login(tokens: &TokenServer) -> String {
    format!(
        "\"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanism\" = \"OAUTHBEARER\"\n\
         \"sasl.oauthbearer.method\" = \"oidc\"\n\
         \"sasl.oauthbearer.client.id\" = \"{}\"\n\
         \"sasl.oauthbearer.client.secret\" = \"${{TOKEN_SECRET}}\"\n\
         \"sasl.oauthbearer.scope\" = \"kafka\"\n\
         \"sasl.oauthbearer.extensions\" = \"team=sinks,stage=test\"\n\
         \"sasl.oauthbearer.token.endpoint.url\" = \"{}\"\n",
        TokenServer::CLIENT,
        tokens.url(),
    )
}

fn case_at(kafka: &Kafka, text: &str, properties: &str, out: Out<'_>) -> Case {
    let ends = Ends {
        servers: kafka.sasl(),
        properties: properties.to_owned(),
        out,
    };
    Case::new(text, ends)
}

/// What must be seen nowhere is not in what a run said.
#[track_caller]
fn expect_discreet(tokens: &TokenServer, outcome: &Outcome, secret: &str) {
    let said = outcome.said();
    assert!(!said.contains(secret), "the secret is in: {said}");
    for token in tokens.given().into_iter().flatten() {
        let claims = token.split('.').nth(1).unwrap();
        assert!(!said.contains(claims), "a token is in: {said}");
    }
}

/// With everything that it would say to who looks for a mistake.
fn with(secret: &str, run: Invocation) -> Invocation {
    run.env("TOKEN_SECRET", secret)
        .env("WASM_SINK_LOG", "debug,kafka=trace")
}

/// Has a run end once so many records are there; one that ended before shows why.
#[track_caller]
fn finish(mut run: Process, out: Out<'_>, records: u64) -> Outcome {
    await_that(&format!("{records} records"), || {
        let counts = out.counts();
        (counts.numbers >= records || !run.is_running(), counts)
    });
    match run.is_running() {
        true => end(run).expect_code(0),
        false => panic!("it ended: {}", run.wait(LIMIT).said()),
    }
}

#[test]
fn a_run_outlives_its_tokens() {
    let (kafka, tokens) = servers(SHORT_LIVED);
    let (kafka, tokens) = (&kafka, &tokens);
    let folder = tempfile::tempdir().unwrap();
    let target = Target {
        kafka,
        topic: fresh("copied"),
    };
    kafka.create(&target.topic, 2);
    let properties = format!("{}\"debug\" = \"security\"\n", login(tokens));
    for out in [Out::Lake(folder.path()), Out::Same(&target)] {
        let topic = fresh("outlived");
        kafka.create(&topic, 4);
        let case = case_at(kafka, &pipeline(&topic, "", out, OFTEN), &properties, out);
        let before = tokens.given().len();
        let mut run = with(TokenServer::SECRET, case.run()).start();
        let mut records = 0;
        // Three tokens after the first ones, with records on the way all the time.
        await_that("more tokens", || {
            generate(kafka, &topic, records, 20, 4);
            records += 20;
            let given = tokens.given().len() - before;
            (given >= 5 || !run.is_running(), given)
        });
        let outcome = finish(run, out, records as u64);
        out.expect_each_once(records as u64);
        expect_discreet(tokens, &outcome, TokenServer::SECRET);
        for trouble in ["_AUTHENTICATION", "authentication failed", "Disconnected"] {
            assert!(!outcome.said().contains(trouble), "{}", outcome.said());
        }
        // All clients of the connection had the same: who reads, who writes, and who asks.
        let given = tokens.given().len() - before;
        let most = 2 + outcome.took.as_secs() as usize;
        assert!(given <= most, "{given} tokens in {:?}", outcome.took);
    }
}

#[test]
fn rows_go_into_a_topic_with_one_token() {
    let (kafka, tokens) = servers(LONG_LIVED);
    let topic = fresh("written");
    // The same by TLS: only who signed for the server is trusted.
    let properties = login(&tokens).replace(&tokens.url(), &tokens.url_with_tls());
    let run = |authority: &str, give_up: &str| {
        let text = format!(
            "name = \"written\"\n[source]\ntype = \"files\"\npath = \"rows.jsonl\"\n\
             [sink]\ncomponent = \"kafka\"\nconnection = \"broker\"\n\
             [sink.config]\ntopic = \"{topic}\"\n{give_up}"
        );
        let properties = format!("{properties}\"https.ca.location\" = \"{authority}\"\n");
        let case = case_at(&kafka, &text, &properties, Out::Nowhere);
        let rows: String = (0..1_000).map(|n| format!("{{\"n\": {n}}}\n")).collect();
        case.write("rows.jsonl", rows);
        let outcome = with(TokenServer::SECRET, case.run()).finish();
        expect_discreet(&tokens, &outcome, TokenServer::SECRET);
        outcome
    };
    kafka.create(&topic, 4);
    let other = tokens.ca().with_file_name("other-ca.crt");
    let refused = run(&other.to_string_lossy(), "[retry]\ngive_up_ms = 1\n").expect_code(1);
    refused.expect_said("cannot be reached");
    refused.expect_said("invalid peer certificate");
    assert_eq!(tokens.given(), []);
    run(&tokens.ca().to_string_lossy(), "").expect_code(0);
    let counts = kafka.query_settled(
        &topic,
        "select count(*) as rows, count(distinct n) as numbers from t",
    );
    assert_eq!(counts, [json!({ "rows": 1_000, "numbers": 1_000 })]);
    assert_eq!(tokens.given().len(), 1);
}

#[test]
fn a_wrong_secret_is_told_with_the_servers_word() {
    let (kafka, tokens) = servers(LONG_LIVED);
    let topic = fresh("refused");
    kafka.create(&topic, 1);
    let text = pipeline(&topic, LATEST, Out::Nowhere, "");
    let wrong = "another-secret";
    let case = case_at(&kafka, &text, &login(&tokens), Out::Nowhere);
    for run in [case.run(), case.command("check").arg("--connect")] {
        let refused = with(wrong, run).finish().expect_code(1);
        refused.expect_said(&format!(
            "the token server at {} answers 401: invalid_client (client {} has another secret than ***)",
            tokens.url(),
            TokenServer::CLIENT
        ));
        refused
            .expect_said("look at sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret");
        expect_discreet(&tokens, &refused, wrong);
        assert!(refused.took.as_secs() < 10, "{:?}", refused.took);
    }
    // Who writes hears the same.
    let text = format!(
        "name = \"refused\"\n[source]\ntype = \"generator\"\nrows = 10\n\
         [sink]\ncomponent = \"kafka\"\nconnection = \"broker\"\n[sink.config]\ntopic = \"{topic}\"\n"
    );
    let case = case_at(&kafka, &text, &login(&tokens), Out::Nowhere);
    let refused = with(wrong, case.run()).finish().expect_code(1);
    refused.expect_said("answers 401: invalid_client");
    expect_discreet(&tokens, &refused, wrong);
    assert!(refused.took.as_secs() < 20, "{:?}", refused.took);
    // A token that the brokers do not take is none that time heals.
    let elsewhere = login(&tokens).replace("scope\" = \"kafka\"", "scope\" = \"elsewhere\"");
    let text = pipeline(&topic, LATEST, Out::Nowhere, "");
    let case = case_at(&kafka, &text, &elsewhere, Out::Nowhere);
    let refused = with(TokenServer::SECRET, case.run())
        .finish()
        .expect_code(1);
    refused.expect_said("the audience that the brokers expect");
    expect_discreet(&tokens, &refused, TokenServer::SECRET);
    assert!(refused.took.as_secs() < 20, "{:?}", refused.took);
}

#[test]
fn a_token_server_that_is_away_is_waited_for() {
    const RECORDS: usize = 600;
    let (kafka, mut tokens) = servers(SHORT_LIVED);
    let folder = tempfile::tempdir().unwrap();
    let target = Target {
        kafka: &kafka,
        topic: fresh("copied"),
    };
    kafka.create(&target.topic, 2);
    let away = format!("the token server at {} cannot be reached", tokens.url());
    for out in [Out::Lake(folder.path()), Out::Same(&target)] {
        let topic = fresh("away");
        kafka.create(&topic, 2);
        let text = pipeline(&topic, "", out, OFTEN);
        let case = case_at(&kafka, &text, &login(&tokens), out);
        tokens.stop();
        let checked = case.command("check").arg("--connect");
        let checked = with(TokenServer::SECRET, checked).finish().expect_code(1);
        checked.expect_said(&away);
        let run = with(TokenServer::SECRET, case.run()).start();
        run.await_stderr(&away, LIMIT);
        tokens.resume();
        let producer = kafka.keep_generating(&topic, RECORDS, 2, 50);
        out.await_records(100);
        // Until brokers refuse what there is, since it is over.
        tokens.stop();
        run.await_stderr("invalid_token", LIMIT);
        tokens.resume();
        producer.wait();
        let outcome = finish(run, out, RECORDS as u64);
        out.expect_each_once(RECORDS as u64);
        expect_discreet(&tokens, &outcome, TokenServer::SECRET);
    }
}

#[test]
fn mistakes_in_the_file_are_shown_where_they_stand() {
    let kafka = Kafka::shared();
    let text = pipeline("mistaken", LATEST, Out::Nowhere, "");
    for (wrong, line, code, why) in [
        (
            "\"sasl.oauthbearer.grant.type\" = \"urn:ietf:params:oauth:grant-type:jwt-bearer\"",
            "sasl.oauthbearer.grant.type",
            "bad-value",
            "take the client's id and secret",
        ),
        (
            "\"sasl.oauthbearer.method\" = \"oidc\"",
            "sasl.oauthbearer.method",
            "missing-key",
            "`sasl.oauthbearer.token.endpoint.url` is missing",
        ),
        (
            "\"sasl.oauthbearer.client.secret\" = \"swordfish\"",
            "sasl.oauthbearer.client.secret",
            "secret-in-file",
            "put it into the environment",
        ),
        (
            "producer_config = { \"sasl.oauthbearer.scope\" = \"other\" }",
            "producer_config",
            "bad-value",
            "belongs to the connection",
        ),
    ] {
        let properties = format!(
            "\"security.protocol\" = \"sasl_plaintext\"\n\"sasl.mechanism\" = \"OAUTHBEARER\"\n{wrong}\n"
        );
        let case = Case::new(&text, Ends::new(kafka, Out::Nowhere).with(&properties));
        let text = std::fs::read_to_string(case.path("pipeline.toml")).unwrap();
        let number = 1 + text.lines().position(|found| found.contains(line)).unwrap();
        let outcome = case.run().finish().expect_code(2);
        outcome.expect_said(why);
        outcome.expect_said(&format!("[{code}]"));
        outcome.expect_said(&format!("pipeline.toml:{number}:"));
        assert!(!outcome.said().contains("swordfish"), "{}", outcome.said());
    }
}
