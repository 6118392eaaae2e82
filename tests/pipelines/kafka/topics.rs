//! Topics and partitions that come, go, and come again under the same name.

use serde_json::json;
use wasm_sink_tests::kafka::{Kafka, fresh};

use super::{
    Ends, LATEST, OFTEN, Out, await_that, end, expect_nothing_new, generate, pipeline, pipeline_of,
};
use crate::case::Case;

/// What is new is found at once.
const CURIOUS: &str = "\"topic.metadata.refresh.interval.ms\" = \"300\"\n";

#[test]
fn new_topics_and_partitions_are_read_from_their_beginning() {
    for reset in ["earliest", "latest"] {
        let (kafka, name) = (Kafka::shared(), fresh("new"));
        let folder = tempfile::tempdir().unwrap();
        let out = Out::Lake(folder.path());
        let topic = |number: usize| format!("{name}.{number}");
        kafka.create(&topic(1), 2);
        let source = format!("topic_pattern = \"{name}[.].*\"\nauto_offset_reset = \"{reset}\"\n");
        let text = pipeline_of(&name, &source, out, OFTEN);
        let text = text.replace("\"partition\",", "\"topic\", \"partition\",");
        let case = Case::new(&text, Ends::new(kafka, out).with(CURIOUS));
        let run = case.run().start();
        // Where it begins is settled once something of it is delivered.
        let mut first = 0;
        while out.counts().numbers == 0 {
            generate(kafka, &topic(1), first, 2, 2);
            first += 2;
        }
        let known = first;
        generate(kafka, &topic(1), known, 1_000, 2);
        kafka.grow(&topic(1), 4);
        generate(kafka, &topic(1), known + 1_000, 1_000, 4);
        kafka.create(&topic(2), 2);
        generate(kafka, &topic(2), known + 2_000, 1_000, 2);
        kafka.create(&format!("other-{name}.3"), 1);
        generate(kafka, &format!("other-{name}.3"), 9_000, 10, 1);
        let sql = format!(
            "select count(*) as rows, count(distinct (_topic, _partition, _offset)) as places, \
             count(distinct n) as numbers from t where n >= {known}"
        );
        let expected = json!({ "rows": 3_000, "places": 3_000, "numbers": 3_000 });
        await_that("3,000 records", || {
            let counts = out.query_one(&sql);
            (counts["numbers"] == expected["numbers"], counts)
        });
        end(run).expect_code(0);
        assert_eq!(out.query_one(&sql), expected, "{reset}");
        // What appears while nobody reads is new as well.
        kafka.create(&topic(4), 1);
        generate(kafka, &topic(4), known + 3_000, 500, 1);
        let text = text.replace(&source, &format!("{source}{LATEST}"));
        case.rewrite(&text, Ends::new(kafka, out));
        let outcome = case.run().finish().expect_code(0);
        outcome.expect_said("500 rows");
    }
}

/// A topic with the name of one that was read is another one: its offsets begin anew, and none of its
/// records is passed over because the old one had as many. `properties`: whether it is seen that the name is
/// nobody's for a moment.
fn make_topics_again(properties: &str) {
    let (kafka, topic) = (Kafka::shared(), fresh("again"));
    let folder = tempfile::tempdir().unwrap();
    let out = Out::Lake(folder.path());
    kafka.create(&topic, 2);
    generate(kafka, &topic, 0, 1_000, 2);
    let text = pipeline(&topic, "", out, OFTEN);
    let case = Case::new(&text, Ends::new(kafka, out).with(properties));
    let run = case.run().start();
    out.await_records(1_000);
    // Shorter than the old one, and longer.
    let mut all = 1_000;
    for records in [300, 3_000] {
        kafka.delete(&topic);
        kafka.create(&topic, 2);
        generate(kafka, &topic, all, records, 2);
        all += records;
        out.await_records(all as u64);
    }
    end(run).expect_code(0);
    let expect_all = |all: usize| {
        let counts = out.counts();
        assert_eq!((counts.rows, counts.numbers), (all as u64, all as u64));
    };
    expect_all(all);
    expect_nothing_new(kafka, &topic, "", out);

    // Nor where it is made again while nobody reads.
    kafka.delete(&topic);
    kafka.create(&topic, 3);
    generate(kafka, &topic, all, 6_000, 3);
    all += 6_000;
    case.rewrite(&pipeline(&topic, LATEST, out, ""), Ends::new(kafka, out));
    case.run().finish().expect_code(0).expect_said("6,000 rows");
    expect_all(all);
}

#[test]
fn a_topic_that_goes_and_is_made_again_is_another_one() {
    make_topics_again(CURIOUS);
}

#[test]
fn a_topic_that_is_made_again_unseen_is_another_one() {
    make_topics_again("");
}
