//! Inputs: named, typed fields of a payload, their JSON Schema, and sample values.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};

use super::extract::{MAX_NUMBER_BYTES, extract};
use super::json::Reader;
use super::plan::Plan;
use super::tree::Tree;

/// One input, as a contract or an invocation declares it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name, such as `order-id`. A payload may use other [spellings](Self::spellings).
    pub name: Box<str>,
    /// The type of the value.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// A display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether a payload without the input is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// An explanation for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The allowed values; empty for any value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The smallest allowed number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Number>,
    /// The largest allowed number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Number>,
    /// The least number of characters of a text, or of elements of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// The largest number of characters of a text, or of elements of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// A regular expression that must match somewhere in a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The type of the elements of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<InputType>,
}

impl Input {
    /// An optional input with no rule but its type.
    pub fn new(name: impl Into<Box<str>>, kind: InputType) -> Self {
        Self {
            name: name.into(),
            kind,
            label: None,
            required: false,
            description: None,
            options: Vec::new(),
            min: None,
            max: None,
            min_length: None,
            max_length: None,
            pattern: None,
            items: None,
        }
    }

    /// The names that a payload may use: `order-id`, `order_id`, `orderId`. The first one in the payload counts.
    pub fn spellings(&self) -> Vec<Box<str>> {
        let mut spellings: Vec<Box<str>> = vec![self.name.clone()];
        for spelling in [self.name.replace('-', "_"), camel_case(&self.name)] {
            if !spellings.iter().any(|known| **known == *spelling) {
                spellings.push(spelling.into());
            }
        }
        spellings
    }

    /// The JSON Schema of the value.
    pub(super) fn schema(&self) -> Value {
        let mut schema = schema_of_type(self.kind);
        let mut add = |keyword: &str, value: Option<Value>| {
            if let Some(value) = value {
                schema.insert(keyword.to_owned(), value);
            }
        };
        add("title", self.label.as_deref().map(Value::from));
        add("description", self.description.as_deref().map(Value::from));
        add("minimum", self.min.clone().map(Value::Number));
        add("maximum", self.max.clone().map(Value::Number));
        let (min_keyword, max_keyword) = match self.kind {
            InputType::Array => ("minItems", "maxItems"),
            _ => ("minLength", "maxLength"),
        };
        add(min_keyword, self.min_length.map(Value::from));
        add(max_keyword, self.max_length.map(Value::from));
        add("pattern", self.pattern.as_deref().map(Value::from));
        add(
            "items",
            self.items.map(|items| schema_of_type(items).into()),
        );
        let options = || {
            self.options
                .iter()
                .map(|option| self.option(option))
                .collect()
        };
        add("enum", (!self.options.is_empty()).then(options));
        schema.into()
    }

    /// One option as a value of the input's type. Options are declared as text.
    fn option(&self, text: &str) -> Value {
        let number = || text.parse::<Number>().ok().map(Value::Number);
        let value = if self.kind.is_number() {
            number()
        } else {
            None
        };
        value.unwrap_or_else(|| text.into())
    }

    /// Reports the mistakes in the declaration of this input alone.
    pub(super) fn check(&self, mut report: impl FnMut(&str)) {
        let kind = self.kind;
        let is_name = |text: &str| {
            let is_allowed =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            (1..=MAX_NAME_LEN).contains(&text.len()) && text.bytes().all(is_allowed)
        };
        if !is_name(&self.name) {
            report("a name has 1 to 128 letters, digits, `-`, `_` and `.`");
        }
        if (self.min.is_some() || self.max.is_some()) && !kind.is_number() {
            report("`min` and `max` need the type `number` or `integer`");
        }
        if is_greater(self.min.as_ref(), self.max.as_ref()) {
            report("`min` is greater than `max`");
        }
        let has_length = kind.is_text() || kind == InputType::Array;
        if (self.min_length.is_some() || self.max_length.is_some()) && !has_length {
            report("`min_length` and `max_length` need a text type or the type `array`");
        }
        if matches!((self.min_length, self.max_length), (Some(min), Some(max)) if min > max) {
            report("`min_length` is greater than `max_length`");
        }
        if self.pattern.is_some() && !kind.is_text() {
            report("`pattern` needs a text type");
        }
        if self.items.is_some() && kind != InputType::Array {
            report("`items` needs the type `array`");
        }
        if self.items == Some(InputType::File) {
            report("`items` must not be `file`");
        }
        if !self.options.is_empty() && !kind.is_text() && !kind.is_number() {
            report("`options` need a text type or a number type");
        }
        if kind.is_number()
            && self
                .options
                .iter()
                .any(|text| text.parse::<Number>().is_err())
        {
            report("the `options` of a number must be numbers");
        }
        if self.options.len() > MAX_OPTIONS {
            report("at most 1000 `options` are allowed");
        }
    }

    /// A value that fits, unless a pattern or narrow bounds ask for what cannot be made up.
    pub(super) fn sample(&self) -> Value {
        if let Some(option) = self.options.first() {
            return match self.kind {
                InputType::Number | InputType::Integer | InputType::Boolean => {
                    serde_json::from_str(option).unwrap_or_else(|_| option.as_str().into())
                }
                _ => option.as_str().into(),
            };
        }
        match self.kind {
            InputType::Number | InputType::Integer => {
                let bound = self.min.as_ref().or(self.max.as_ref());
                bound.map_or(json!(1), |bound| bound.clone().into())
            }
            InputType::Array => {
                let item = sample_of_type(self.items.unwrap_or(InputType::Text));
                vec![item; sample_length(self.min_length)].into()
            }
            InputType::Text => {
                let min = sample_length(self.min_length);
                let max = self
                    .max_length
                    .map_or(usize::MAX, |max| sample_length(Some(max)));
                let text = SAMPLE.chars().cycle();
                let len = SAMPLE.len().min(max).max(min);
                Value::String(text.take(len).collect())
            }
            kind => sample_of_type(kind),
        }
    }
}

/// The type of an input.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// An array of any elements, or of [`Input::items`].
    Array,
    /// `true` or `false`.
    Boolean,
    /// A calendar date (RFC 3339, `full-date`).
    Date,
    /// An email address (RFC 5321).
    Email,
    /// A file part of a form; in JSON, a string or an object that describes the file.
    File,
    /// A number without a fractional part.
    Integer,
    /// Any number.
    Number,
    /// An object with any members.
    Object,
    /// Any string.
    Text,
    /// A date with a time (RFC 3339, `date-time`).
    Timestamp,
    /// An absolute URL (RFC 3986).
    Url,
}

impl InputType {
    /// Every type, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Text,
        Self::Number,
        Self::Integer,
        Self::Boolean,
        Self::Date,
        Self::Timestamp,
        Self::Email,
        Self::Url,
        Self::Object,
        Self::Array,
        Self::File,
    ];

    /// The word in declarations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Email => "email",
            Self::File => "file",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Object => "object",
            Self::Text => "text",
            Self::Timestamp => "timestamp",
            Self::Url => "url",
        }
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Date | Self::Email | Self::Text | Self::Timestamp | Self::Url
        )
    }

    /// The value of a form field with this text; `None` for an empty field, which counts as absent.
    pub(super) fn parse(self, text: &str) -> Option<Tree<'_>> {
        let as_text = || Tree::Text(Cow::Borrowed(text));
        if text.is_empty() && self != Self::Text {
            return None;
        }
        Some(match self {
            Self::Boolean => match text {
                "true" | "on" | "1" => Tree::Boolean(true),
                "false" | "off" | "0" => Tree::Boolean(false),
                _ => as_text(),
            },
            Self::Integer | Self::Number if text.len() > MAX_NUMBER_BYTES => as_text(),
            Self::Integer | Self::Number => {
                let number = Reader::new(text.as_bytes()).and_then(|mut reader| {
                    reader.number()?;
                    reader.end()
                });
                match number {
                    Ok(()) => Tree::Number(text.trim_end()),
                    Err(_) => as_text(),
                }
            }
            // Only the type is checked, so the content is skipped.
            Self::Array | Self::Object => match extract(text.as_bytes(), &Plan::default()) {
                Ok(extraction) => extraction.tree,
                Err(_) => as_text(),
            },
            Self::Date | Self::Email | Self::File | Self::Text | Self::Timestamp | Self::Url => {
                as_text()
            }
        })
    }
}

impl fmt::Display for InputType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for InputType {
    type Err = ParseInputTypeError;

    fn from_str(text: &str) -> Result<Self, ParseInputTypeError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or(ParseInputTypeError)
    }
}

/// The text is not an input type.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "unknown type: use `text`, `number`, `integer`, `boolean`, `date`, `timestamp`, `email`, `url`, `object`, `array` or `file`"
)]
pub struct ParseInputTypeError;

/// The JSON Schema of an object with these inputs, under their declared names.
pub(super) fn inputs_schema(inputs: &[Input]) -> Value {
    let properties: Map<String, Value> = inputs
        .iter()
        .map(|input| (input.name.to_string(), input.schema()))
        .collect();
    let required = inputs.iter().filter(|input| input.required);
    let required: Vec<&str> = required.map(|input| &*input.name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn schema_of_type(kind: InputType) -> Map<String, Value> {
    let schema = match kind {
        InputType::Array => json!({ "type": "array" }),
        InputType::Boolean => json!({ "type": "boolean" }),
        InputType::Date => json!({ "type": "string", "format": "date" }),
        InputType::Email => json!({ "type": "string", "format": "email" }),
        // JSON describes a file by a URL or a name, or by an object.
        InputType::File => json!({ "type": ["string", "object"] }),
        InputType::Integer => json!({ "type": "integer" }),
        InputType::Number => json!({ "type": "number" }),
        InputType::Object => json!({ "type": "object" }),
        InputType::Text => json!({ "type": "string" }),
        InputType::Timestamp => json!({ "type": "string", "format": "date-time" }),
        InputType::Url => json!({ "type": "string", "format": "uri" }),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn is_greater(one: Option<&Number>, other: Option<&Number>) -> bool {
    match (one.and_then(Number::as_f64), other.and_then(Number::as_f64)) {
        (Some(one), Some(other)) => one > other,
        _ => false,
    }
}

/// `order-id` and `order_id` as `orderId`.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for (position, word) in name.split(['-', '_']).enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if position > 0 => camel.extend(first.to_uppercase()),
            first => camel.extend(first),
        }
        camel.push_str(letters.as_str());
    }
    camel
}

fn sample_of_type(kind: InputType) -> Value {
    match kind {
        InputType::Array => json!([]),
        InputType::Boolean => json!(true),
        InputType::Date => json!("2026-01-01"),
        InputType::Email => json!("somebody@example.com"),
        InputType::File | InputType::Text => json!(SAMPLE),
        InputType::Integer | InputType::Number => json!(1),
        InputType::Object => json!({}),
        InputType::Timestamp => json!("2026-01-01T00:00:00Z"),
        InputType::Url => json!("https://example.com/"),
    }
}

/// A declared length, bounded for display.
fn sample_length(declared: Option<u32>) -> usize {
    usize::try_from(declared.unwrap_or(0).min(MAX_SAMPLE_LEN)).unwrap_or(0)
}

const MAX_NAME_LEN: usize = 128;
const MAX_OPTIONS: usize = 1000;
/// The text of samples.
pub(super) const SAMPLE: &str = "sample";
const MAX_SAMPLE_LEN: u32 = 10_000;
