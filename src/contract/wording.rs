//! What a validator found, in words for the sender.
//!
//! The crate's own messages have the value in them. These have nothing but what the contract itself says.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// The path of what is wrong, and what is wrong there.
pub(super) fn describe(error: &ValidationError<'_>) -> (String, String) {
    let path = error.instance_path().as_str();
    if let Kind::Required {
        property: Value::String(name),
    } = error.kind()
    {
        let name = name.replace('~', "~0").replace('/', "~1");
        return (format!("{path}/{name}"), "is required".to_owned());
    }
    (path.to_owned(), message(error.kind()))
}

fn message(kind: &Kind) -> String {
    match kind {
        Kind::AdditionalItems { .. } | Kind::UnevaluatedItems { .. } => {
            "has more elements than the contract knows".to_owned()
        }
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "has members that the contract does not know".to_owned()
        }
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "is none of what the contract allows there".to_owned()
        }
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Contains => "lacks an element that the contract asks for".to_owned(),
        Kind::Enum { options } => match &**options {
            Value::Array(options) => {
                let options: Vec<String> = options.iter().map(Value::to_string).collect();
                format!("must be one of {}", options.join(", "))
            }
            _ => "must be one of what the contract names".to_owned(),
        },
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::FalseSchema => "must not be there".to_owned(),
        Kind::Format { format } => of_format(format),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::MaxItems { limit } => format!("must have at most {limit} elements"),
        Kind::MinItems { limit } => format!("must have at least {limit} elements"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} members"),
        Kind::MinProperties { limit } => format!("must have at least {limit} members"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::Not { .. } => "is what the contract rules out".to_owned(),
        Kind::OneOfMultipleValid { .. } => {
            "is more than one of what the contract allows".to_owned()
        }
        Kind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        Kind::PropertyNames { .. } => "has a member whose name the contract rules out".to_owned(),
        Kind::Type { kind } => of_type(kind),
        Kind::UniqueItems => "must have no element twice".to_owned(),
        // Of keywords that no contract has yet.
        other => format!("breaks `{}` of the contract", other.keyword()),
    }
}

fn of_format(format: &str) -> String {
    let example = match format {
        "date" => "a date such as 2026-01-31",
        "date-time" => "a date and a time such as 2026-01-31T08:30:00Z",
        "email" => "an email address",
        "uri" => "a URL",
        _ => return format!("must have the format `{format}`"),
    };
    format!("must be {example}")
}

fn of_type(kind: &TypeKind) -> String {
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
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a text",
    }
}
