//! No diagnostic shows a secret, whatever is wrong.

use super::read;
use crate::config::Style;

/// In the environment as LAKE_SECRET.
const SECRET: &str = "hunter2hunter2";

#[test]
fn values_from_the_environment_are_never_shown() {
    for text in [
        "name = '${LAKE_SECRET} '",
        "name = 'p'\n[source]\ntype = '${LAKE_SECRET}'",
        "name = 'p'\n[source]\ntype = 'files'\nformat = '${LAKE_SECRET}'",
        "name = 'p'\n[source]\ntype = 'files'\nbatch_rows = '${LAKE_SECRET}'",
        "name = 'p'\n[source]\nconnection = '${LAKE_SECRET}'",
        "[connections.lake]\ntype = 'lake'\nallow_http = '${LAKE_SECRET}'",
        "[sink]\ncomponent = '${LAKE_SECRET}'",
        "[sink]\ncomponent = './${LAKE_SECRET}.wasm'",
        "[sink]\ncomponent = '${LAKE_SECRET}://x'",
        "[sink]\ncomponent = 'delta'\nconnection = '${LAKE_SECRET}'",
        "[sink]\ncomponent = 'delta'\nconnections = { default = '${LAKE_SECRET}' }",
        "[sink]\ncomponent = 'delta'\n[sink.config]\nkey = '${LAKE_SECRET}'",
        "[[routes]]\ntopic = '${LAKE_SECRET}'\n[sink]\ncomponent = 'delta'",
        "routes = '${LAKE_SECRET}'",
        "[limits]\nmemory = '${LAKE_SECRET}'",
        "[epoch]\nmax_ms = '${LAKE_SECRET}'",
        "[admin]\naddress = '${LAKE_SECRET}'",
        "[sink]\nenv = ['LAKE_SECRET']\n[sink.config]\nkey = '${LAKE_SECRET}'",
    ] {
        let diagnostics = read(text).unwrap_err();
        let shown = diagnostics.render(Style::Plain);
        assert!(!shown.contains(SECRET), "{shown}");
        let debug = format!("{diagnostics:?}");
        assert!(!debug.contains(SECRET), "{debug}");
    }
    let shown = read("[source]\ntype = '${SHORT_SECRET}'")
        .unwrap_err()
        .render(Style::Plain);
    assert!(
        !shown.contains("`pw`") && shown.contains("`${SHORT_SECRET}`"),
        "{shown}"
    );
}

#[test]
fn secrets_in_the_file_are_never_shown() {
    for text in [
        "[connections.lake]\ntype = 'lake'\nsecret_access_key = 'AKIAHUNTER2'",
        "[connections.lake]\ntype = 'lake'\nsecret_acces_key = 'AKIAHUNTER2'",
        "[connections.lake]\ntype = 'lake'\nsecrt_acess_key = 'AKIAHUNTER2'",
        "[connections]\nlake = { type = 'lake', password = 'AKIAHUNTER2' }",
        "[connections.lake]\ntype = 'lake'\npassword = 'AKIAHUNTER2",
        "[connections.lake]\ntype = 'lake'\npassword = AKIAHUNTER2",
        "[connections.lake]\ntype = 'lake'\nurl = 'postgres://ada:AKIAHUNTER2@db'",
        "[connections.lake]\ntype = 'lake'\npassword = 'AKIAHUNTER2' # password = 'AKIAHUNTER2'",
        "[connections.lake]\npassword = \"\"\"\nAKIAHUNTER2${\n\"\"\"",
    ] {
        let shown = read(text).unwrap_err().render(Style::Plain);
        assert!(!shown.contains("AKIAHUNTER2"), "{shown}");
    }
}

#[test]
fn a_hidden_secret_leaves_the_rest_in_place() {
    let text = "[connections]\nlake = { token = 'AKIAHUNTER2', paht = 'x' }";
    insta::assert_snapshot!(
        "hidden_secret",
        read(text).unwrap_err().render(Style::Plain)
    );
}
