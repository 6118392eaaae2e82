//! A page in a real browser.

use serde_json::{Value, json};

use crate::python;
use crate::tools::tool;

/// Has headless Chromium do these steps, one after the other; browser.py says which there are. The answers of those
/// that ask for something.
///
/// # Panics
/// A step cannot be done.
pub fn browse(steps: &Value) -> Vec<Value> {
    let question = json!({ "driver": tool("chromium"), "steps": steps });
    match python::ask("browser.py", &question) {
        Value::Array(answers) => answers,
        other => panic!("no list of answers: {other}"),
    }
}
