//! Lines that do not decode, among lines that do.

use serde_json::json;

use super::reading;
use crate::case::{Case, Lake};

/// What is wrong with a line, as far as its dead letter says.
struct Expected {
    line: u64,
    offset: u64,
    reason: String,
    record: Record,
}

/// The line as read, without its end.
enum Record {
    Text(String),
    /// Bytes that are no text, in base64.
    Base64(String),
    /// The beginning of a line that is too long.
    Beginning {
        bytes: usize,
        with: &'static str,
    },
}

/// A file under construction: knows where each of its lines begins.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    expected: Vec<Expected>,
}

impl Input {
    fn good(&mut self, lines: &str) {
        self.bytes.extend_from_slice(lines.as_bytes());
    }

    fn bad(&mut self, line: &str, reason: &str) {
        let record = Record::Text(line.trim_end_matches(['\r', '\n']).to_owned());
        self.bad_bytes(line.as_bytes(), reason, record);
    }

    fn bad_bytes(&mut self, line: &[u8], reason: &str, record: Record) {
        let lines_before = self.bytes.iter().filter(|byte| **byte == b'\n').count();
        self.expected.push(Expected {
            line: lines_before as u64 + 1,
            offset: self.bytes.len() as u64,
            reason: reason.to_owned(),
            record,
        });
        self.bytes.extend_from_slice(line);
    }

    /// Each bad line is a dead letter, in order, and nothing else is.
    #[track_caller]
    fn expect_dead_letters(&self, case: &Case, name: &str) {
        case.expect_no_pending_dead_letters("input");
        let mut letters = case.dead_letters("input");
        letters.sort_by_key(|letter| letter.number("offset"));
        for (letter, expected) in letters.iter().zip(&self.expected) {
            let place = (letter.number("line"), letter.number("offset"));
            let reason = letter.text("reason");
            assert_eq!(
                place,
                (Some(expected.line), Some(expected.offset)),
                "{reason}"
            );
            assert!(
                reason.contains(&expected.reason),
                "line {}: `{}` is not in `{reason}`",
                expected.line,
                expected.reason
            );
            assert_eq!(letter.text("name"), name);
            assert_eq!(letter.text("by"), "decoder");
            let (text, base64) = (letter.text("record"), letter.text("record_base64"));
            match &expected.record {
                Record::Text(line) => assert_eq!((text, base64), (line.as_str(), "")),
                Record::Base64(bytes) => assert_eq!((text, base64), ("", bytes.as_str())),
                Record::Beginning { bytes, with } => {
                    assert_eq!(text.len(), *bytes, "{reason}");
                    assert!(text.starts_with(with), "{reason}");
                }
            }
        }
        assert_eq!(letters.len(), self.expected.len());
    }
}

/// A longer line is not held in memory.
const LONGEST_LINE: usize = 64 << 20;
/// So much of it is kept.
const KEPT: usize = 64 << 10;

const JSON_SCHEMA: &str = r#"schema = [
    { name = "n", data_type = "int64", nullable = false },
    { name = "small", data_type = "int8" },
    { name = "at", data_type = "timestamp(us,+00:00)" },
    { name = "text", data_type = "utf8" },
    { name = "inside", data_type = "struct<x: int32>" },
]"#;

fn bad_json() -> Input {
    let mut input = Input::default();
    input.good("{\"n\": 0, \"small\": 127, \"text\": \"first\"}\n");
    input.bad("{\"n\": 1, \"text\": \"cut\n", "a string does not end");
    input.bad("not json\r\n", "a value should stand before not json");
    input.good("\n{\"n\": 1}\r\n");
    input.bad("[1, 2]\n", "one JSON object, and this is a list");
    input.bad("{\"n\": 2} {\"n\": 3}\n", "the end of the record");
    input.bad(
        "{\"n\": \"one\"}\n",
        "`n` takes int64, and the value is \"one\"",
    );
    input.bad("{\"n\": 1.5}\n", "`n` takes int64, and the value is 1.5");
    input.bad(
        "{\"n\": 9223372036854775808}\n",
        "`n` takes int64, and the value is 9223372036854775808",
    );
    input.good("{\"n\": 2, \"small\": -128}\n");
    input.bad(
        "{\"n\": 7, \"small\": 128}\n",
        "`small` takes int8, and the value is 128",
    );
    input.bad("{\"n\": 7, \"at\": \"noon\"}\n", "`at` takes ");
    input.bad(
        "{\"n\": 7, \"inside\": {\"x\": true}}\n",
        "`inside.x` takes int32, and the value is true",
    );
    input.bad(
        "{\"text\": \"no number\"}\n",
        "`n` allows no null, and it is missing",
    );
    input.bad("{\"n\": null}\n", "`n` allows no null, and it is null");
    input.bad("{\"n\": 5, \"n\": 6}\n", "the key `n` stands twice");
    input.bad(
        "{\"n\": 5, \"inside\": {\"x\": 1, \"x\": 1}}\n",
        "the key `x` stands twice",
    );
    input.bad_bytes(
        b"{\"n\": 8, \"text\": \"\xff\"}\n",
        "the bytes are not UTF-8",
        Record::Base64("eyJuIjogOCwgInRleHQiOiAi/yJ9".to_owned()),
    );
    input.good("{\"n\": 3, \"text\": \"before the long one\"}\n");
    let start = "{\"n\": 9, \"text\": \"";
    let long = format!("{start}{}\"}}\n", "x".repeat(LONGEST_LINE));
    input.bad_bytes(
        long.as_bytes(),
        &format!(
            "the line has {} bytes, and {LONGEST_LINE} are the most",
            long.len()
        ),
        Record::Beginning {
            bytes: KEPT,
            with: start,
        },
    );
    input.good("{\"n\": 4, \"text\": \"after it\"}\n");
    input.bad("{\"n\": 10, \"text\"", "`:`");
    input
}

#[test]
fn every_kind_of_bad_json_line_is_a_dead_letter() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("input.jsonl", JSON_SCHEMA), lake);
    let input = bad_json();
    case.write("input.jsonl", &input.bytes);
    case.run().finish().expect_code(0);

    input.expect_dead_letters(&case, "input.jsonl");
    let found = lake
        .table()
        .query("select n, small, text from t order by n");
    let expected = [
        json!({ "n": 0, "small": 127, "text": "first" }),
        json!({ "n": 1, "small": null, "text": null }),
        json!({ "n": 2, "small": -128, "text": null }),
        json!({ "n": 3, "small": null, "text": "before the long one" }),
        json!({ "n": 4, "small": null, "text": "after it" }),
    ];
    assert_eq!(found, expected);

    case.run()
        .finish()
        .expect_code(0)
        .expect_said("nothing new");
    input.expect_dead_letters(&case, "input.jsonl");
}

const CSV_SCHEMA: &str = r#"schema = [
    { name = "n", data_type = "int64", nullable = false },
    { name = "text", data_type = "utf8" },
    { name = "price", data_type = "float64" },
]"#;

#[test]
fn every_kind_of_bad_csv_record_is_a_dead_letter() {
    let mut input = Input::default();
    input.good("n,text,price\n1,one,1.5\n");
    input.bad("2,two\n", "the record has 2 fields, and 3 are expected");
    input.bad(
        "3,three,3.5,x\n",
        "the record has 4 fields, and 3 are expected",
    );
    input.good("4,\"two\nlines\",4.5\r\n");
    input.bad(
        "5,five,cheap\n",
        "`price` takes float64, and the value is cheap",
    );
    input.bad("five,5,5\n", "`n` takes int64, and the value is five");
    input.bad(
        "99999999999999999999,six,6\n",
        "`n` takes int64, and the value is 99999999999999999999",
    );
    input.bad(",seven,7\n", "`n` allows no null");
    input.bad_bytes(
        b"8,\xff\xfe,8.5\n",
        "the bytes are not UTF-8",
        Record::Base64("OCz//iw4LjU=".to_owned()),
    );
    input.bad("9,\"nine\"9,9\n", "goes on after its closing quote");
    input.good("\n10,ten,\n");
    input.bad("11,\"eleven,11\n", "a quote is opened and never closed");
    input.good("12,,12");

    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let case = Case::new(&reading("input.csv", CSV_SCHEMA), lake);
    case.write("input.csv", &input.bytes);
    case.run().finish().expect_code(0);

    input.expect_dead_letters(&case, "input.csv");
    let found = lake
        .table()
        .query("select n, text, price from t order by n");
    let expected = [
        json!({ "n": 1, "text": "one", "price": 1.5 }),
        json!({ "n": 4, "text": "two\nlines", "price": 4.5 }),
        json!({ "n": 10, "text": "ten", "price": null }),
        json!({ "n": 12, "text": null, "price": 12.0 }),
    ];
    assert_eq!(found, expected);
}

/// A stream of rubbish is a mistake, and no million of dead letters.
#[test]
fn too_many_bad_lines_stop_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::Disk(folder.path());
    let few = "\n[limits]\nmax_rejected = 2\n";
    let case = Case::new(&format!("{}{few}", reading("input.jsonl", "")), lake);
    let good = super::rows(0..50);
    case.write("input.jsonl", format!("{good}no\nno\nno\n"));
    case.run()
        .finish()
        .expect_code(1)
        .expect_said("max_rejected");
    assert_eq!(case.dead_letters("input"), []);

    case.write("input.jsonl", format!("{good}no\nno\n"));
    case.run().finish().expect_code(0);
    super::expect_numbers_below(lake, 50);
    assert_eq!(case.dead_letters("input").len(), 2);
}
