//! The same mistakes in the other languages: each is found, whatever it is made in.

use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::Value;
use wasm_sink_tests::{author, careless_component, careless_project};

use super::{ROWS, wrong};

/// The component of a language, built once per process.
pub(super) fn component(language: &'static str) -> PathBuf {
    if language == "rust" {
        return careless_component();
    }
    static BUILT: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let mut built = BUILT
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let project = careless_project(language);
    if !built.contains(&language) {
        author(language, &["build"], &project)
            .finish_building()
            .expect_code(0);
        built.push(language);
    }
    project.join("build/careless.wasm")
}

fn test(language: &'static str, mistake: &str) -> (Option<i32>, Value) {
    let component = component(language);
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "name = \"tried\"\n[source]\ntype = \"files\"\npath = \"rows.jsonl\"\n[sink]\n\
         component = \"{}\"\nconnection = \"out\"\n[sink.config]\nmistake = \"{mistake}\"\n\
         [connections.out]\ntype = \"delta\"\npath = \"lake\"\n[limits]\ncall_deadline_ms = 1_000\n",
        component.display()
    );
    std::fs::write(folder.path().join("pipeline.toml"), text).unwrap();
    std::fs::write(folder.path().join("rows.jsonl"), ROWS).unwrap();
    let outcome = author(language, &["test", "--json"], folder.path()).finish_building();
    let found =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{}", outcome.said()));
    (outcome.code(), found)
}

#[track_caller]
fn expect_found(language: &'static str, mistake: &str, check: &str) {
    let (code, found) = test(language, mistake);
    assert_eq!(code, Some(1), "{language} {mistake}: {found:#}");
    let wrong = wrong(&found);
    let (first, _) = wrong.first().unwrap();
    assert_eq!(*first, check, "{language} {mistake}: {found:#}");
}

macro_rules! mistakes {
    ($language:ident: $($name:ident $mistake:literal $check:literal,)*) => {
        mod $language {
            const LANGUAGE: &str = stringify!($language);

            #[test]
            fn a_careful_one_has_nothing_wrong() {
                let (code, found) = super::test(LANGUAGE, "none");
                assert_eq!((code, super::wrong(&found)), (Some(0), vec![]), "{found:#}");
            }

            $(
                #[test]
                fn $name() {
                    super::expect_found(LANGUAGE, $mistake, $check);
                }
            )*
        }
    };
}

mistakes! { python:
    errors_that_are_swallowed "swallows-errors" "passes-errors-on",
    panics_on_errors "panics-on-errors" "passes-errors-on",
    rows_that_are_lost "loses-rows" "accounts-for-rows",
    rows_that_flush_forgets "forgets-flush" "accounts-for-rows",
    numbers_across_epochs "counts-rows" "forgets-nothing",
    batches_that_are_kept_too_long "keeps-batches" "forgets-nothing",
    panics_without_rows "panics-without-rows" "takes-nothing",
    panics_on_nulls "panics-on-nulls" "takes-nulls",
    columns_that_are_needed "needs-a-column" "takes-other-columns",
    work_that_grows_too_fast "is-slow" "takes-many",
    tables_that_are_made_blindly "makes-tables-blindly" "forgets-nothing",
}
mistakes! { javascript:
    errors_that_are_swallowed "swallows-errors" "passes-errors-on",
    panics_on_errors "panics-on-errors" "passes-errors-on",
    rows_that_are_lost "loses-rows" "accounts-for-rows",
    rows_that_flush_forgets "forgets-flush" "accounts-for-rows",
    numbers_across_epochs "counts-rows" "forgets-nothing",
    batches_that_are_kept_too_long "keeps-batches" "forgets-nothing",
    panics_without_rows "panics-without-rows" "takes-nothing",
    panics_on_nulls "panics-on-nulls" "takes-nulls",
    columns_that_are_needed "needs-a-column" "takes-other-columns",
    work_that_grows_too_fast "is-slow" "takes-many",
    tables_that_are_made_blindly "makes-tables-blindly" "forgets-nothing",
}
mistakes! { go:
    chance "takes-chance" "forgets-nothing",
    errors_that_are_swallowed "swallows-errors" "passes-errors-on",
    rows_that_are_lost "loses-rows" "accounts-for-rows",
    rows_that_flush_forgets "forgets-flush" "accounts-for-rows",
    numbers_across_epochs "counts-rows" "forgets-nothing",
    batches_that_are_kept_too_long "keeps-batches" "forgets-nothing",
    panics_without_rows "panics-without-rows" "takes-nothing",
    panics_on_nulls "panics-on-nulls" "takes-nulls",
    columns_that_are_needed "needs-a-column" "takes-other-columns",
    work_that_grows_too_fast "is-slow" "takes-many",
    tables_that_are_made_blindly "makes-tables-blindly" "forgets-nothing",
}
mistakes! { c:
    errors_that_are_swallowed "swallows-errors" "passes-errors-on",
    panics_on_errors "panics-on-errors" "passes-errors-on",
    rows_that_are_lost "loses-rows" "accounts-for-rows",
    rows_that_flush_forgets "forgets-flush" "accounts-for-rows",
    numbers_across_epochs "counts-rows" "forgets-nothing",
    batches_that_are_kept_too_long "keeps-batches" "forgets-nothing",
    panics_without_rows "panics-without-rows" "takes-nothing",
    panics_on_nulls "panics-on-nulls" "takes-nulls",
    columns_that_are_needed "needs-a-column" "takes-other-columns",
    work_that_grows_too_fast "is-slow" "takes-many",
    tables_that_are_made_blindly "makes-tables-blindly" "forgets-nothing",
}
