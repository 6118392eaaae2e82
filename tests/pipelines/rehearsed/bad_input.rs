//! What sinks do wrong, and what their authors are told: in words of the language, with the place where it knows one,
//! and with what to change. `wasm-sink test` says it, or `run`, or the compiler.

use std::path::{Path, PathBuf};

use serde_json::Value;
use wasm_sink_tests::{author, careless_project, dead_letters};

use super::languages::component;

/// The third has no name.
const ROWS: &str = "{\"id\": 1, \"name\": \"a\"}\n{\"id\": 2, \"name\": \"b\"}\n{\"id\": 3, \"name\": null}\n\
                    {\"id\": 4, \"name\": \"d\"}\n{\"id\": 5, \"name\": \"e\"}\n";

/// A folder with a pipeline whose component makes this mistake.
fn pipeline(component: &Path, mistake: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "name = \"bad\"\n[source]\ntype = \"files\"\npath = \"rows.jsonl\"\n[sink]\ncomponent = \"{}\"\n\
         connection = \"out\"\n[sink.config]\nmistake = \"{mistake}\"\n[connections.out]\ntype = \"delta\"\n\
         path = \"lake\"\n[limits]\ncall_deadline_ms = 1_000\n",
        component.display()
    );
    std::fs::write(folder.path().join("pipeline.toml"), text).unwrap();
    std::fs::write(folder.path().join("rows.jsonl"), ROWS).unwrap();
    folder
}

#[track_caller]
fn expect_words(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

/// `wasm-sink test` finds it, and says this of the first thing that is wrong.
#[track_caller]
fn told(language: &'static str, mistake: &str, words: &[&str]) {
    let folder = pipeline(&component(language), mistake);
    let tested = author(language, &["test", "--json"], folder.path())
        .finish_building()
        .expect_code(1);
    let found: Value = serde_json::from_str(&tested.stdout).unwrap();
    let mut findings = found["findings"].as_array().unwrap().iter();
    let first = findings
        .find(|finding| finding["verdict"] == "wrong")
        .unwrap();
    let text = |key: &str| first[key].as_str().unwrap();
    expect_words(&format!("{}\nhelp: {}", text("seen"), text("help")), words);
}

/// A run delivers the rows that can be, and says this of the third.
#[track_caller]
fn kept(language: &'static str, mistake: &str, words: &[&str]) {
    told(language, mistake, words);
    let folder = pipeline(&component(language), mistake);
    let run = author(language, &["run", "pipeline.toml"], folder.path())
        .finish_building()
        .expect_code(0);
    run.expect_said("done: 4 rows");
    let letters = dead_letters(&folder.path().join(".wasm-sink/bad/dead-letters"));
    let [letter] = letters.as_slice() else {
        panic!("{letters:?}");
    };
    assert_eq!(letter.number("line"), Some(3), "{letter:?}");
    expect_words(letter.text("reason"), words);
}

/// A run says this and stops, and nothing is delivered.
#[track_caller]
fn stopped(language: &'static str, mistake: &str, words: &[&str]) {
    told(language, mistake, words);
    let folder = pipeline(&component(language), mistake);
    let run = author(language, &["run", "pipeline.toml"], folder.path())
        .finish_building()
        .expect_code(1);
    expect_words(&run.said(), words);
    assert!(!run.said().contains("done: "), "{}", run.said());
}

/// It is no mistake here: nothing is wrong, all rows arrive, and the log says this.
#[track_caller]
fn logged(language: &'static str, mistake: &str, words: &[&str]) {
    let folder = pipeline(&component(language), mistake);
    author(language, &["test"], folder.path())
        .finish_building()
        .expect_code(0);
    let run = author(language, &["run", "pipeline.toml"], folder.path())
        .finish_building()
        .expect_code(0);
    expect_words(&run.said(), &["done: 5 rows"]);
    expect_words(&run.said(), words);
}

/// The version that all packages of the contract have.
fn contract() -> &'static str {
    let first = include_str!("../../../wit/deps/sink/sink.wit")
        .lines()
        .next();
    let version = first.unwrap().split_once('@').unwrap().1;
    version.strip_suffix(';').unwrap()
}

/// The component of a language as if built against another version of the contract.
fn built_for(language: &'static str, version: &str, folder: &Path) -> PathBuf {
    let wasm = std::fs::read(component(language)).unwrap();
    let (ours, theirs) = (format!("@{}", contract()), format!("@{version}"));
    // As long, so that what is before and behind stays where it is.
    assert_eq!(ours.len(), theirs.len());
    let mut other = wasm.clone();
    for (at, found) in wasm.windows(ours.len()).enumerate() {
        if found == ours.as_bytes() {
            other[at..at + theirs.len()].copy_from_slice(theirs.as_bytes());
        }
    }
    assert_ne!(wasm, other);
    let path = folder.join("other.wasm");
    std::fs::write(&path, other).unwrap();
    path
}

/// Both versions are named, and which of the two to change.
#[track_caller]
fn version(language: &'static str, version: &str, words: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    let component = built_for(language, version, place.path());
    let folder = pipeline(&component, "none");
    for command in ["test", "check", "run"] {
        let refused = author(language, &[command, "pipeline.toml"], folder.path())
            .finish_building()
            .expect_code(1);
        let said = refused.said();
        expect_words(
            &said,
            &[
                "other.wasm",
                &format!("it was built for contract {version}"),
            ],
        );
        expect_words(&said, &[&format!("speaks contract {}", contract())]);
        expect_words(&said, words);
    }
}

/// The project of a language with this as its sink does not compile, and the compiler says this.
#[track_caller]
fn uncompiled(language: &'static str, sink: &str, words: &[&str]) {
    // What was installed there is lent.
    component(language);
    let project = careless_project(language);
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&project).unwrap() {
        let entry = entry.unwrap();
        let to = folder.path().join(entry.file_name());
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to).unwrap();
        } else if entry.file_name() == "node_modules" {
            std::os::unix::fs::symlink(entry.path(), to).unwrap();
        }
    }
    let name = match language {
        "c" => "sink.c",
        "go" => "sink.go",
        "javascript" => "sink.js",
        other => panic!("{other} is not compiled here"),
    };
    std::fs::write(folder.path().join(name), sink).unwrap();
    let refused = author(language, &["build"], folder.path())
        .finish_building()
        .expect_code(1);
    expect_words(&refused.said(), words);
}

/// A sink in C that does this with each batch.
fn in_c(line: &str) -> String {
    format!(
        "#include <wasm_sink.h>\nstruct sink {{ long last; }};\n\
         static ws_status write_rows(struct sink *sink, ws_batch rows)\n{{\n    {line}\n    \
         ws_skip(ws_row_count(rows), \"counted\");\n    return WS_OK;\n}}\nWASM_SINK(.write = write_rows);\n"
    )
}

macro_rules! bad_input {
    ($language:ident: $($name:ident $how:ident $mistake:literal [$($words:literal),* $(,)?],)*) => {
        mod $language {
            const LANGUAGE: &str = stringify!($language);

            $(
                #[test]
                fn $name() {
                    super::$how(LANGUAGE, $mistake, &[$($words),*]);
                }
            )*
        }
    };
}

bad_input! { python:
    an_exception kept "raises"
        ["AttributeError: 'NoneType' object has no attribute 'upper'", "(sink.py, line ", "in raises: names = [name.upper()"],
    a_return_value stopped "returns-nonsense"
        ["it returned 'done'", "returns nothing", "(sink.py, line ", "def write(self, batch: Batch)"],
    a_flush_that_is_forgotten told "forgets-flush"
        ["of 5 rows 4 were written", "write what is held in `flush`"],
    a_batch_that_is_kept told "keeps-batches"
        ["a batch of an earlier epoch was used", "let go of it there", "in keeps_batches: self.rows += len(self.held)"],
    a_wait_without_end stopped "blocks"
        ["a component runs alone", "take the lock, event or queue away", "in blocks: self.is_ready.wait()"],
    a_sleep stopped "sleeps"
        ["time.sleep: a component cannot wait", "raise wasm_sink.Throttled", "in sleeps: time.sleep(60)"],
    what_is_printed logged "prints" ["rows: 5"],
    a_socket stopped "opens-a-socket"
        ["socket.create_connection: a component has no network", "wasm_sink.http", "in opens_a_socket: with socket"],
    the_clock stopped "reads-the-clock"
        ["datetime.now: a component has no clock", "use a time that stands in the rows", "in reads_the_clock: now = datetime.now()"],
    a_newer_contract version "9.1.0" ["update wasm-sink"],
    an_older_contract version "0.0.0" ["rebuild the component"],
}
bad_input! { javascript:
    an_exception kept "raises"
        ["TypeError: cannot read property 'toUpperCase' of null", "at raises (sink.js:"],
    a_return_value stopped "returns-nonsense"
        ["`write` of Careless (sink.js) returned", "stage rows with a table's `append`"],
    a_flush_that_is_forgotten told "forgets-flush"
        ["of 5 rows 4 were written", "write what is held in `flush`"],
    a_batch_that_is_kept told "keeps-batches"
        ["this batch is of an earlier epoch", "staged in `flush`", "at keeps-batches (sink.js:"],
    a_wait_without_end told "blocks"
        ["`write` ran for ", "[limits] call_deadline_ms", "a component must not wait for anything"],
    a_timer stopped "sleeps"
        ["setTimeout is not defined: a sink runs from call to call", "throw throttled(…)", "at sleeps (sink.js:"],
    what_is_printed logged "prints" ["rows: 5"],
    a_socket stopped "opens-a-socket"
        ["fetch is not defined: a sink has no network", "a Service of wasm-sink/http", "at opens-a-socket (sink.js:"],
    the_clock stopped "reads-the-clock"
        ["a sink has no clock", "take the time from a column", "at reads-the-clock (sink.js:"],
    a_newer_contract version "9.1.0" ["update wasm-sink"],
    an_older_contract version "0.0.0" ["rebuild the component"],
}
bad_input! { go:
    a_panic kept "raises"
        ["panic: runtime error: integer divide by zero", "careless/sink.go:", "main.(*sink).Write"],
    an_unknown_kind_of_error stopped "returns-nonsense"
        ["an error of kind 42, which is none of the kinds of wasmsink", "nonsense"],
    a_flush_that_is_forgotten told "forgets-flush"
        ["of 5 rows 4 were written", "write what is held in `flush`"],
    a_batch_that_is_kept told "keeps-batches"
        ["a batch of an earlier epoch", "keep the values that you need, not the batch"],
    a_wait_without_end told "blocks"
        ["the sink waits, and nobody will ever wake it: [chan receive] in main.(*sink).Write (careless/sink.go:", "take this channel"],
    a_sleep logged "sleeps" [],
    what_is_printed logged "prints" ["rows: 5"],
    a_socket stopped "opens-a-socket"
        ["dial tcp: ", "a component has neither files nor network", "the package http of the SDK"],
    a_newer_contract version "9.1.0" ["update wasm-sink"],
    an_older_contract version "0.0.0" ["rebuild the component"],
}
bad_input! { c:
    an_assertion kept "raises"
        ["Assertion failed: !ws_is_null(&name, row) && \"every row has a name\" (sink.c: shout: "],
    what_is_no_status stopped "returns-nonsense"
        ["`write` answered -1, which is no ws_status", "answer WS_OK, or an error as ws_other"],
    a_flush_that_is_forgotten told "forgets-flush"
        ["of 5 rows 4 were written", "write what is held in `flush`"],
    a_batch_that_is_kept told "keeps-batches"
        ["ws_row_count: rows are used whose epoch has ended", "they may be kept until `flush` has returned", "write_rows"],
    a_wait_without_end told "blocks"
        ["`write` ran for ", "; in wait_for_others < write_rows", "a component must not wait for anything"],
    what_is_printed logged "prints" ["rows: 5"],
    a_newer_contract version "9.1.0" ["update wasm-sink"],
    an_older_contract version "0.0.0" ["rebuild the component"],
}
bad_input! { rust:
    a_panic kept "raises"
        ["panicked at ", "src/lib.rs:", "called `Option::unwrap()` on a `None` value"],
    what_is_no_arrow stopped "returns-nonsense"
        ["not an Arrow IPC stream that can be taken"],
    a_flush_that_is_forgotten told "forgets-flush"
        ["of 5 rows 4 were written", "write what is held in `flush`"],
    a_batch_that_is_kept told "keeps-batches"
        ["a batch of epoch 0 was used in epoch 1", "batches live until `flush` returns"],
    a_wait_without_end told "blocks"
        ["`write` ran for ", "[limits] call_deadline_ms", "a component must not wait for anything"],
    a_sleep logged "sleeps" [],
    what_is_printed logged "prints" ["rows: 5"],
    a_socket stopped "opens-a-socket"
        ["src/lib.rs:", "a component has neither files nor network", "the feature `http` of wasm-sink-sdk"],
    the_clock told "reads-the-clock"
        ["two instances made something else of the same rows: other values in `number`", "the clock"],
    a_newer_contract version "9.1.0" ["update wasm-sink"],
    an_older_contract version "0.0.0" ["rebuild the component"],
}

/// A sink in Go that does this with each batch.
const IN_GO: &str = r#"package main

import (
	_ "embed"
	"fmt"
	"time"

	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
)

//go:embed config.schema.json
var schema string

func init() { wasmsink.Register(schema, open) }

func main() {}

type sink struct{}

func open(struct{}) (*sink, error) { return &sink{}, nil }

func (s *sink) Write(batch *wasmsink.Batch) error {
	fmt.Println(time.Now())
	return nil
}

func (s *sink) Flush() error { return nil }
"#;

/// What never becomes a component: compilers are told by the SDK what there is not.
mod compiled {
    use super::{IN_GO, in_c, uncompiled};

    #[test]
    fn c_has_no_clock() {
        let sink = in_c("sink->last = (long)time(NULL);");
        let words = [
            "sink.c:5:",
            "'time' is unavailable: a sink has no clock",
            "take the time from a column",
        ];
        uncompiled("c", &sink, &words);
    }

    #[test]
    fn c_has_no_network() {
        let sink = in_c("sink->last = socket(1, 1, 0);");
        let words = [
            "sink.c:5:",
            "'socket' is unavailable: a sink has no network",
            "<wasm_sink/http.h>",
        ];
        uncompiled("c", &sink, &words);
    }

    #[test]
    fn c_cannot_wait() {
        let sink = in_c("sink->last = sleep(60);");
        let words = [
            "sink.c:5:",
            "'sleep' is unavailable: a sink cannot wait",
            "return ws_throttled(...)",
        ];
        uncompiled("c", &sink, &words);
    }

    #[test]
    fn c_answers_no_numbers() {
        let sink = in_c("if (sink->last) return -1;");
        uncompiled("c", &sink, &["sink.c:5:", "'ws_status'", "'int'"]);
    }

    #[test]
    fn go_has_no_clock() {
        let words = [
            "main.(*sink).Write calls time.Now: a component has no clock",
            "take the time from a column",
        ];
        uncompiled("go", IN_GO, &words);
    }

    #[test]
    fn javascript_has_no_sockets() {
        let sink = "import net from \"node:net\";\nexport default class { write() { net.connect(8125); } }\n";
        let words = [
            "\"node:net\" is part of Node.js",
            "a sink has no network",
            "a Service of wasm-sink/http",
            "sink.js:1:",
        ];
        uncompiled("javascript", sink, &words);
    }
}
