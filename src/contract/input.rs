//! An input: one thing that a flow is called with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// One input, as an invocation declares it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name, as the author wrote it, such as `order-id`.
    pub name: Box<str>,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether a payload without it is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The values that it may have; any if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The least that a number may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Number>,
    /// The most that a number may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Number>,
    /// How many characters a text, or elements an array, has at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// How many characters a text, or elements an array, has at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// A regular expression that is found somewhere in a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What the elements of an array are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<InputType>,
}

impl Input {
    /// An input that may be left out, of which no more is asked than its type.
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
}

/// What an input holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// Items of any kind.
    Array,
    /// True or false.
    Boolean,
    /// A calendar date (RFC 3339, `full-date`).
    Date,
    /// An address (RFC 5321).
    Email,
    /// A file: a part of a form, or where to find it.
    File,
    /// A number without a fraction.
    Integer,
    /// A number.
    Number,
    /// Members of any kind.
    Object,
    /// Text.
    Text,
    /// A date and a time (RFC 3339, `date-time`).
    Timestamp,
    /// An absolute URL.
    Url,
}

impl InputType {
    /// Every type, in the order in which they are explained to people.
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

    /// The word.
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
}

impl fmt::Display for InputType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for InputType {
    type Err = UnknownInputType;

    fn from_str(text: &str) -> Result<Self, UnknownInputType> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or(UnknownInputType)
    }
}

/// Text that is no type of an input.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the types are `text`, `number`, `integer`, `boolean`, `date`, `timestamp`, `email`, `url`, `object`, `array` and `file`"
)]
pub struct UnknownInputType;
