//! `[sink.config]` against the component's own JSON Schema (draft 2020-12).
//!
//! The schema comes from the component and is not trusted: its size is bounded, it can't refer to
//! anything outside of itself, and references that would never end are refused.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, JsonType, PatternOptions, ValidationError};
use serde_json::{Map, Value};
use wasm_sink_core::settings::nearest;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::sink_config::SinkConfigProblem;

/// The longest schema that is looked at, in bytes.
const MAX_SCHEMA_BYTES: usize = 1 << 20;
/// Schemas that may apply to one and the same value.
const MAX_IN_PLACE: u64 = 10_000;
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
        .map_err(|error| unusable(format!("at {}: {error}", error.instance_path.as_str())))?;
    let mut names = BTreeSet::new();
    collect_names(&schema, &mut names);
    let mut problems: Vec<_> = validator
        .iter_errors(config)
        .flat_map(|error| describe(&error, &names))
        .collect();
    problems.dedup();
    if let (Some(known), Some(config)) = (known_keys(&schema, &schema), config.as_object()) {
        let unknown = config.keys().filter(|key| !known.contains(key.as_str()));
        problems.extend(unknown.map(|key| unknown_key(Vec::new(), key, &names)));
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

/// What a reference within the schema refers to.
fn resolve<'a>(reference: &str, root: &'a Value) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
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

fn describe(error: &ValidationError<'_>, names: &BTreeSet<&str>) -> Vec<SinkConfigProblem> {
    let path = steps(error.instance_path.as_str());
    let subject = subject(&path);
    match &error.kind {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
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

/// What stands at a path, as a sentence names it.
fn subject(path: &[String]) -> String {
    match path {
        [] => "the configuration".to_owned(),
        [.., list, index] if index.bytes().all(|byte| byte.is_ascii_digit()) => {
            match index.parse::<usize>() {
                Ok(index) => format!("item {} of `{list}`", index.saturating_add(1)),
                Err(_) => format!("`{index}`"),
            }
        }
        [.., key] => format!("`{key}`"),
    }
}

fn sentence(subject: &str, kind: &ValidationErrorKind, error: &ValidationError<'_>) -> String {
    match kind {
        ValidationErrorKind::Type { .. } => {
            format!("{subject} takes {}", wanted(kind).unwrap_or_default())
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map_or(&[][..], Vec::as_slice);
            let options: Vec<_> = options.iter().map(Value::to_string).collect();
            format!("{subject} takes one of {}", options.join(", "))
        }
        ValidationErrorKind::Constant { expected_value } => {
            format!("{subject} takes {expected_value} alone")
        }
        ValidationErrorKind::Minimum { limit } => format!("{subject} is at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("{subject} is at most {limit}"),
        ValidationErrorKind::ExclusiveMinimum { limit } => {
            format!("{subject} is more than {limit}")
        }
        ValidationErrorKind::ExclusiveMaximum { limit } => {
            format!("{subject} is less than {limit}")
        }
        ValidationErrorKind::MinLength { limit: 1 } => format!("{subject} is empty"),
        ValidationErrorKind::MinLength { limit } => {
            format!("{subject} has at least {limit} characters")
        }
        ValidationErrorKind::MaxLength { limit } => {
            format!("{subject} has at most {limit} characters")
        }
        ValidationErrorKind::MinItems { limit: 1 } => format!("{subject} is an empty list"),
        ValidationErrorKind::MinItems { limit } => format!("{subject} has at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("{subject} has at most {limit} items"),
        ValidationErrorKind::UniqueItems => format!("{subject} has an item twice"),
        ValidationErrorKind::Pattern { pattern } => format!("{subject} does not match {pattern}"),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let mut shapes: Vec<String> = Vec::new();
            for branch in context {
                let shape = match branch.as_slice() {
                    [only] => wanted(&only.kind),
                    _ => None,
                };
                match shape {
                    Some(shape) if !shapes.contains(&shape) => shapes.push(shape),
                    Some(_) => {}
                    None => return format!("{subject} has none of the shapes that it can have"),
                }
            }
            format!("{subject} takes {}", shapes.join(" or "))
        }
        // The value stands in the line that is shown; it may be from the environment.
        _ => format!("{subject}: {}", error.masked()),
    }
}

/// What a value must be, where one error says all about it.
fn wanted(kind: &ValidationErrorKind) -> Option<String> {
    match kind {
        ValidationErrorKind::Type {
            kind: TypeKind::Single(one),
        } => Some(type_name(*one).to_owned()),
        ValidationErrorKind::Type {
            kind: TypeKind::Multiple(several),
        } => {
            let names: Vec<_> = several
                .iter()
                .filter(|one| *one != JsonType::Null)
                .map(type_name)
                .collect();
            Some(names.join(" or "))
        }
        ValidationErrorKind::Constant { expected_value } => Some(expected_value.to_string()),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<_> = options.as_array()?.iter().map(Value::to_string).collect();
            Some(options.join(" or "))
        }
        _ => None,
    }
}

/// As TOML calls it; it has no null, so that a type with null is the type.
fn type_name(json: JsonType) -> &'static str {
    match json {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a table",
        JsonType::String => "a string",
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

/// Refuses references to elsewhere, references that come back to themselves without having gone
/// into a value, and schemas that double at every step. Any of them would hang or overflow the
/// host.
fn references_end(schema: &Value) -> Result<()> {
    let mut walk = Walk {
        root: schema,
        weights: BTreeMap::new(),
    };
    walk.everywhere(schema)
}

/// Keywords whose schemas apply to the same value as the schema around them.
const IN_PLACE: &[&str] = &[
    "allOf",
    "anyOf",
    "dependencies",
    "dependentSchemas",
    "else",
    "if",
    "not",
    "oneOf",
    "then",
];

/// Keywords that hold values, not schemas.
const VALUES: &[&str] = &["const", "default", "enum", "examples"];

struct Walk<'a> {
    root: &'a Value,
    /// By reference: schemas that apply at once where it is used; None while it is being counted.
    weights: BTreeMap<&'a str, Option<u64>>,
}

impl<'a> Walk<'a> {
    fn is_root(&self, schema: &Map<String, Value>) -> bool {
        self.root
            .as_object()
            .is_some_and(|root| std::ptr::eq(root, schema))
    }

    fn everywhere(&mut self, schema: &'a Value) -> Result<()> {
        match schema {
            Value::Object(map) => {
                self.weight(map)?;
                map.iter()
                    .filter(|(keyword, _)| !VALUES.contains(&keyword.as_str()))
                    .try_for_each(|(_, inner)| self.everywhere(inner))
            }
            Value::Array(list) => list.iter().try_for_each(|inner| self.everywhere(inner)),
            _ => Ok(()),
        }
    }

    /// How many schemas apply to a value that this one applies to.
    fn weight(&mut self, schema: &'a Map<String, Value>) -> Result<u64> {
        let mut weight = 1u64;
        for (keyword, inner) in schema {
            let more = match keyword.as_str() {
                "$ref" => match inner {
                    Value::String(reference) => self.reference(reference)?,
                    _ => 0,
                },
                // These change what a reference refers to. As names of properties they have no
                // text for a value.
                "$dynamicRef" | "$recursiveRef" | "$dynamicAnchor" if inner.is_string() => {
                    return Err(unusable(format!("`{keyword}` is not supported")));
                }
                "$id" if inner.is_string() && !self.is_root(schema) => {
                    return Err(unusable("`$id` is not supported below the root".to_owned()));
                }
                keyword if IN_PLACE.contains(&keyword) => self.inside(inner)?,
                _ => 0,
            };
            weight = weight.saturating_add(more);
        }
        if weight > MAX_IN_PLACE {
            return Err(unusable("too many schemas apply to one value".to_owned()));
        }
        Ok(weight)
    }

    /// A schema, a list of them, or a table of them.
    fn inside(&mut self, inner: &'a Value) -> Result<u64> {
        match inner {
            Value::Array(list) => list.iter().try_fold(0u64, |sum, one| {
                Ok(sum.saturating_add(match one {
                    Value::Object(schema) => self.weight(schema)?,
                    _ => 0,
                }))
            }),
            Value::Object(schema) => {
                let mut sum = self.weight(schema)?;
                for one in schema.values() {
                    if let Value::Object(one) = one {
                        sum = sum.saturating_add(self.weight(one)?);
                    }
                }
                Ok(sum)
            }
            _ => Ok(0),
        }
    }

    fn reference(&mut self, reference: &'a str) -> Result<u64> {
        match self.weights.get(reference) {
            Some(Some(weight)) => return Ok(*weight),
            Some(None) => {
                return Err(unusable(format!(
                    "`{reference}` refers to itself without end"
                )));
            }
            None => {}
        }
        let Some(target) = resolve(reference, self.root) else {
            return Err(unusable(format!(
                "`{reference}` refers to nothing inside of it; write \"#/$defs/<name>\""
            )));
        };
        self.weights.insert(reference, None);
        let weight = match target {
            Value::Object(schema) => self.weight(schema)?,
            _ => 1,
        };
        self.weights.insert(reference, Some(weight));
        Ok(weight)
    }
}
