//! What a schema's errors say to a person.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// What stands at a path, as a sentence names it.
pub(super) fn subject(path: &[String]) -> String {
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

pub(super) fn sentence(
    subject: &str,
    kind: &ValidationErrorKind,
    error: &ValidationError<'_>,
) -> String {
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
                    [only] => wanted(only.kind()),
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
