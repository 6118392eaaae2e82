//! `[sink.config]` against the component's own JSON Schema (draft 2020-12).
//!
//! The schema comes from the component and is not trusted: its size is bounded, it can't refer to
//! anything outside of itself, and references that would never end are refused.

mod references;
mod sentences;

use std::collections::BTreeSet;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError};
use serde_json::Value;
use wasm_sink_core::settings::nearest;
use wasm_sink_core::{Blame, Error, Kind, Result};

use self::references::{references_end, resolve};
use self::sentences::{sentence, subject};
use super::sink_config::SinkConfigProblem;

/// The longest schema that is looked at, in bytes.
const MAX_SCHEMA_BYTES: usize = 1 << 20;
/// Steps that one regular expression may take.
const MAX_PATTERN_STEPS: usize = 100_000;

/// All that is wrong with `config`. An empty schema takes everything. Keys on the top level that
/// the schema does not know are refused, unless it says itself what becomes of further ones
/// (`additionalProperties`, `unevaluatedProperties` or `patternProperties`).
///
/// # Errors
/// The schema is none; the component is to blame.
pub fn check_sink_config(config: &Value, schema: &str) -> Result<Vec<SinkConfigProblem>> {
    if schema.trim().is_empty() {
        return Ok(Vec::new());
    }
    if schema.len() > MAX_SCHEMA_BYTES {
        return Err(unusable(format!(
            "it is longer than {MAX_SCHEMA_BYTES} bytes"
        )));
    }
    let schema: Value = serde_json::from_str(schema)
        .map_err(|error| unusable(format!("it is no JSON: {error}")))?;
    references_end(&schema)?;
    let validator = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(MAX_PATTERN_STEPS))
        .build(&schema)
        .map_err(|error| unusable(format!("at {}: {error}", error.instance_path().as_str())))?;
    let mut names = BTreeSet::new();
    collect_names(&schema, &mut names);
    let mut problems: Vec<_> = validator
        .iter_errors(config)
        .flat_map(|error| describe(&error, &schema, &names))
        .collect();
    problems.dedup();
    if let (Some(known), Some(config)) = (known_keys(&schema, &schema), config.as_object()) {
        let unknown = config.keys().filter(|key| !known.contains(key.as_str()));
        problems.extend(unknown.map(|key| unknown_key(Vec::new(), key, &known)));
    }
    Ok(problems)
}

fn unusable(why: String) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Component,
        format!("the component's configuration schema cannot be used: {why}"),
    )
}

/// The keys that a schema gives to the value it applies to, also through references and
/// combinations; None where it says itself what becomes of others.
fn known_keys<'a>(schema: &'a Value, root: &'a Value) -> Option<BTreeSet<&'a str>> {
    const OPEN: [&str; 3] = [
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
    ];
    let mut known = BTreeSet::new();
    let mut references = BTreeSet::new();
    let mut left = vec![schema];
    while let Some(schema) = left.pop() {
        let Value::Object(map) = schema else { continue };
        if OPEN.iter().any(|keyword| map.contains_key(*keyword)) {
            return None;
        }
        for (keyword, inner) in map {
            match (keyword.as_str(), inner) {
                ("properties", Value::Object(properties)) => {
                    known.extend(properties.keys().map(String::as_str));
                }
                ("$ref", Value::String(reference)) if references.insert(reference) => {
                    left.extend(resolve(reference, root));
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(several)) => left.extend(several),
                ("if" | "then" | "else", one) => left.push(one),
                ("dependentSchemas", Value::Object(several)) => left.extend(several.values()),
                _ => {}
            }
        }
    }
    Some(known)
}

/// The keys that stand beside the keyword that an error is about. Elsewhere others have a meaning.
fn known_beside<'a>(error: &ValidationError<'_>, schema: &'a Value) -> Option<BTreeSet<&'a str>> {
    let (parent, _) = error.schema_path().as_str().rsplit_once('/')?;
    let properties = schema.pointer(parent)?.get("properties")?.as_object()?;
    Some(properties.keys().map(String::as_str).collect())
}

/// Every name that the schema gives to a key, for "did you mean".
fn collect_names<'a>(schema: &'a Value, names: &mut BTreeSet<&'a str>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                names.extend(properties.keys().map(String::as_str));
            }
            map.values().for_each(|inner| collect_names(inner, names));
        }
        Value::Array(list) => list.iter().for_each(|inner| collect_names(inner, names)),
        _ => {}
    }
}

fn describe(
    error: &ValidationError<'_>,
    schema: &Value,
    names: &BTreeSet<&str>,
) -> Vec<SinkConfigProblem> {
    let path = steps(error.instance_path().as_str());
    let subject = subject(&path);
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let beside = known_beside(error, schema);
            let known = beside.as_ref().unwrap_or(names);
            let problems = unexpected
                .iter()
                .map(|key| unknown_key(path.clone(), key, known));
            problems.collect()
        }
        ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|key| unknown_key(path.clone(), key, names))
            .collect(),
        ValidationErrorKind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            vec![SinkConfigProblem {
                path: [&path[..], &[property.to_owned()]].concat(),
                message: format!("`{property}` is missing"),
                help: None,
            }]
        }
        kind => vec![SinkConfigProblem {
            message: sentence(&subject, kind, error),
            path,
            help: None,
        }],
    }
}

fn unknown_key(mut path: Vec<String>, key: &str, names: &BTreeSet<&str>) -> SinkConfigProblem {
    path.push(key.to_owned());
    let help = match nearest(key, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "it takes no keys".to_owned(),
        None => {
            let known: Vec<_> = names.iter().copied().collect();
            format!("it knows {}", known.join(", "))
        }
    };
    SinkConfigProblem {
        path,
        message: format!("the component does not know `{key}`"),
        help: Some(help),
    }
}

/// A JSON pointer's steps.
fn steps(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
        .collect()
}
