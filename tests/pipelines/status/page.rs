//! The status page in a real browser, with the data of a real run.

use std::path::Path;

use serde_json::json;
use wasm_sink_tests::kafka::fresh;
use wasm_sink_tests::{Admin, Binary, Case, browse, free_port, hostile_component};

use super::{await_status, end};
use crate::case::Lake;

/// Kept for whoever wants to see it: `target/tmp/status-page.png`.
fn picture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    folder.join(name).display().to_string()
}

/// One pipeline that delivers, with dead letters; a second one that has failed.
#[test]
fn everything_that_is_told_is_on_the_page() {
    let (admin, folder) = (Admin::somewhere(), tempfile::tempdir().unwrap());
    let (good, bad) = (fresh("page-good"), fresh("page-bad"));
    let hostile = hostile_component("delta").display().to_string();
    let write = |name: &str, fault: &str, limits: &str| {
        let text = format!(
            "name = \"{name}\"\n{}[connections.lake]\ntype = \"delta\"\npath = \"lake-{name}\"\n\
             [source]\ntype = \"generator\"\nrate = 2_000\npartitions = 3\nrows = 1_000_000\n\
             [sink]\ncomponent = \"{hostile}\"\nconnection = \"lake\"\n\
             [sink.config]\nfault = \"{fault}\"\ntable_name = \"\"\n\
             [epoch]\nmax_ms = 300\nmin_commit_ms = 50\n[limits]\n{limits}\n",
            admin.section()
        );
        let path = folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        path
    };
    let paths = [
        write(&good, "trap-on-some-rows", "memory = \"64MiB\""),
        write(&bad, "trap-on-every-row", "max_rejected = 0"),
    ];
    let run = Binary::find().run(&paths[0]).arg(&paths[1]);
    let process = run.start();
    await_status(&good, "commits with dead letters", |found| {
        found["totals"]["dead_letters"].as_u64() > Some(0)
            && found["commits"].as_array().unwrap().len() > 2
    });
    let section = format!("section[data-pipeline=\"{good}\"]");
    let url = format!("http://{}/", admin.address());
    let figure = |name: &str| format!("{section} [data-figure=\"{name}\"] b");
    let table = |name: &str| format!("{section} [data-table=\"{name}\"] tbody tr");
    let answers = browse(&json!([
        ["open", url],
        ["await", "#summary", "2 pipelines: "],
        [
            "await",
            format!("section[data-pipeline=\"{bad}\"] .badge"),
            "failed"
        ],
        ["await", format!("{section} .badge"), "running"],
        ["texts", figure("written")],
        ["await", figure("lag"), "9"],
        ["texts", format!("{section} [data-part=\"component\"] code")],
        ["texts", table("partitions")],
        ["texts", table("commits")],
        ["texts", table("limits")],
        ["texts", table("dead-letters")],
        ["texts", format!("section[data-pipeline=\"{bad}\"] .error")],
        ["title"],
        ["picture", picture("status-page.png")],
        ["console"],
    ]));
    let [
        written,
        component,
        partitions,
        commits,
        limits,
        letters,
        error,
        title,
        console,
    ] = &answers[..]
    else {
        panic!("{answers:?}");
    };
    let number = |text: &str| text.replace(',', "").parse::<u64>().unwrap();
    assert!(number(written[0].as_str().unwrap()) > 0, "{written}");
    let hash = wasm_sink_tests::sha256(&hostile_component("delta"));
    assert_eq!(component, &json!([hash[..12]]));
    assert_eq!(partitions.as_array().unwrap().len(), 3, "{partitions}");
    assert!(commits.as_array().unwrap().len() > 2, "{commits}");
    let limits = limits.to_string();
    for limit in ["memory", "67.1 MB", "call_deadline_ms", "handles"] {
        assert!(limits.contains(limit), "{limit}: {limits}");
    }
    let letters = letters.to_string();
    assert!(
        letters.contains("trap") && letters.contains("a seven"),
        "{letters}"
    );
    let error = error.to_string();
    assert!(error.contains("max_rejected"), "{error}");
    let title = title.as_str().unwrap();
    assert!(
        title.starts_with("! ") && title.contains("1 failed"),
        "{title}"
    );
    // A policy that something on the page breaks would be told here.
    assert_eq!(console, &json!([]));
    let size = std::fs::metadata(picture("status-page.png")).unwrap().len();
    assert!(size > 20_000, "{size}");
    println!("a picture of the page: {}", picture("status-page.png"));
    process.signal(wasm_sink_tests::Signal::TERM);
    process.wait(super::LIMIT).expect_code(1);
}

/// With a token, the page asks for it. What a component is called is text there, whatever it looks like.
#[test]
fn the_page_asks_for_the_token_and_shows_text_as_text() {
    let lake = tempfile::tempdir().unwrap();
    let (name, token) = (fresh("page-token"), "correct-horse-battery-staple");
    let port = free_port();
    let component = "<img src=x onerror=document.title='broken'>.wasm";
    let pipeline = format!(
        "name = \"{name}\"\n[admin]\naddress = \"0.0.0.0:{port}\"\ntoken = \"${{ADMIN_TOKEN}}\"\n\
         [source]\ntype = \"generator\"\nrate = 1_000\n\
         [sink]\ncomponent = \"./{component}\"\nconnection = \"lake\"\n\
         [sink.config]\nfault = \"trap-on-some-rows\"\ntable_name = \"t\"\n"
    );
    let case = Case::new(&pipeline, Lake::Disk(lake.path()));
    std::fs::copy(hostile_component("delta"), case.path(component)).unwrap();
    let process = case.run().env("ADMIN_TOKEN", token).start();
    await_status(&name, "an open pipeline", |found| {
        found["source"] == "generator"
    });
    let answers = browse(&json!([
        ["open", format!("http://127.0.0.1:{port}/")],
        ["await", "#login label", "Token"],
        ["texts", "section"],
        ["type", "#token", "something-else-entirely"],
        ["click", "#login button"],
        ["await", "#login-error", "that is not the token"],
        ["type", "#token", token],
        ["click", "#login button"],
        ["await", "h2", name],
        ["await", "[data-part=\"component\"]", component],
        ["title"],
        ["markup"],
    ]));
    let [before, title, markup] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(before, &json!([]));
    assert!(
        title.as_str().unwrap().starts_with("wasm-sink: 1 pipeline"),
        "{title}"
    );
    assert!(!markup.as_str().unwrap().contains(token));
    end(process);
}
