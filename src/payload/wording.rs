//! The messages for errors of the JSON Schema validator.
//!
//! The messages of the crate contain values of the payload. These contain only parts of the contract.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::json_pointer::Escaped;

/// The path and the message of an error.
pub(super) fn describe(error: &ValidationError<'_>) -> (String, String) {
    let path = error.instance_path().as_str();
    if let Kind::Required {
        property: Value::String(name),
    } = error.kind()
    {
        return (
            format!("{path}/{}", Escaped(name)),
            "is required".to_owned(),
        );
    }
    (path.to_owned(), message(error.kind()))
}

fn message(kind: &Kind) -> String {
    match kind {
        Kind::AdditionalItems { .. } | Kind::UnevaluatedItems { .. } => {
            "has more elements than the contract allows".to_owned()
        }
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "has members that the contract does not allow".to_owned()
        }
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "matches none of the allowed alternatives".to_owned()
        }
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Contains => "lacks a required element".to_owned(),
        Kind::Enum { options } => match &**options {
            Value::Array(options) => {
                let options: Vec<String> = options.iter().map(Value::to_string).collect();
                format!("must be one of {}", options.join(", "))
            }
            _ => "must be one of the allowed values".to_owned(),
        },
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::FalseSchema => "is not allowed".to_owned(),
        Kind::Format { format } => format_message(format),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::MaxItems { limit } => format!("must have at most {limit} elements"),
        Kind::MinItems { limit } => format!("must have at least {limit} elements"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} members"),
        Kind::MinProperties { limit } => format!("must have at least {limit} members"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::Not { .. } => "matches a forbidden schema".to_owned(),
        Kind::OneOfMultipleValid { .. } => "matches more than one alternative".to_owned(),
        Kind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        Kind::PropertyNames { .. } => "has a member whose name is not allowed".to_owned(),
        Kind::Type { kind } => type_message(kind),
        Kind::UniqueItems => "must not contain equal elements".to_owned(),
        // Keywords without a message of their own.
        other => format!("violates `{}` of the contract", other.keyword()),
    }
}

fn format_message(format: &str) -> String {
    let example = match format {
        "date" => "a date such as 2026-01-31",
        "date-time" => "a date-time such as 2026-01-31T08:30:00Z",
        "email" => "an email address",
        "uri" => "a URL",
        _ => return format!("must have the format `{format}`"),
    };
    format!("must be {example}")
}

fn type_message(kind: &TypeKind) -> String {
    let types: Vec<&str> = match kind {
        TypeKind::Single(kind) => vec![name(*kind)],
        TypeKind::Multiple(kinds) => kinds.iter().map(name).collect(),
    };
    format!("must be {}", types.join(" or "))
}

const fn name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "an array",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "an integer",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    }
}
