//! What inputs come to as a JSON Schema, and what can be wrong with how they are declared.

use serde_json::{Map, Number, Value, json};

use super::{Input, InputType};

impl Input {
    /// The names under which it may stand in a payload: `order-id`, `order_id`, `orderId`. The first of them
    /// that is there counts.
    pub fn spellings(&self) -> Vec<Box<str>> {
        let mut spellings: Vec<Box<str>> = vec![self.name.clone()];
        for other in [self.name.replace('-', "_"), camel_case(&self.name)] {
            if !spellings.iter().any(|known| **known == *other) {
                spellings.push(other.into());
            }
        }
        spellings
    }

    /// The schema of its value.
    pub(super) fn schema(&self) -> Value {
        let mut schema = of_type(self.kind);
        let mut say = |keyword: &str, value: Option<Value>| {
            if let Some(value) = value {
                schema.insert(keyword.to_owned(), value);
            }
        };
        say("title", self.label.as_deref().map(Value::from));
        say("description", self.description.as_deref().map(Value::from));
        say("minimum", self.min.clone().map(Value::Number));
        say("maximum", self.max.clone().map(Value::Number));
        let (least, most) = match self.kind {
            InputType::Array => ("minItems", "maxItems"),
            _ => ("minLength", "maxLength"),
        };
        say(least, self.min_length.map(Value::from));
        say(most, self.max_length.map(Value::from));
        say("pattern", self.pattern.as_deref().map(Value::from));
        say("items", self.items.map(|items| of_type(items).into()));
        let options = || {
            self.options
                .iter()
                .map(|option| self.option(option))
                .collect()
        };
        say("enum", (!self.options.is_empty()).then(options));
        schema.into()
    }

    /// One of the values that it may have. People write all of them as text.
    fn option(&self, text: &str) -> Value {
        let number = || text.parse::<Number>().ok().map(Value::Number);
        let value = if self.kind.is_number() {
            number()
        } else {
            None
        };
        value.unwrap_or_else(|| text.into())
    }

    /// What is wrong with it by itself.
    pub(super) fn mistakes(&self, mut wrong: impl FnMut(&str)) {
        let kind = self.kind;
        let is_name = |text: &str| {
            let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            (1..=MAX_NAME_LEN).contains(&text.len()) && text.bytes().all(fit)
        };
        if !is_name(&self.name) {
            wrong("a name has letters, digits, `-`, `_` and `.`, at most 128 of them");
        }
        if (self.min.is_some() || self.max.is_some()) && !kind.is_number() {
            wrong("`min` and `max` are about a number or an integer");
        }
        if is_above(self.min.as_ref(), self.max.as_ref()) {
            wrong("`min` is more than `max`");
        }
        let has_length = kind.is_text() || kind == InputType::Array;
        if (self.min_length.is_some() || self.max_length.is_some()) && !has_length {
            wrong("`min_length` and `max_length` are about a text or an array");
        }
        if matches!((self.min_length, self.max_length), (Some(min), Some(max)) if min > max) {
            wrong("`min_length` is more than `max_length`");
        }
        if self.pattern.is_some() && !kind.is_text() {
            wrong("`pattern` is about a text");
        }
        if self.items.is_some() && kind != InputType::Array {
            wrong("`items` is about an array");
        }
        if self.items == Some(InputType::File) {
            wrong("`items` of an array are no files");
        }
        if !self.options.is_empty() && !kind.is_text() && !kind.is_number() {
            wrong("`options` are about a text or a number");
        }
        if kind.is_number()
            && self
                .options
                .iter()
                .any(|text| text.parse::<Number>().is_err())
        {
            wrong("each of the `options` of a number is a number");
        }
        if self.options.len() > MAX_OPTIONS {
            wrong("there are at most 1000 `options`");
        }
    }
}

/// What all of them come to, with their names as they were declared.
pub(super) fn of_inputs(inputs: &[Input]) -> Value {
    let properties: Map<String, Value> = inputs
        .iter()
        .map(|input| (input.name.to_string(), input.schema()))
        .collect();
    let required = inputs.iter().filter(|input| input.required);
    let required: Vec<&str> = required.map(|input| &*input.name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

impl InputType {
    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Date | Self::Email | Self::Text | Self::Timestamp | Self::Url
        )
    }
}

fn of_type(kind: InputType) -> Map<String, Value> {
    let schema = match kind {
        InputType::Array => json!({ "type": "array" }),
        InputType::Boolean => json!({ "type": "boolean" }),
        InputType::Date => json!({ "type": "string", "format": "date" }),
        InputType::Email => json!({ "type": "string", "format": "email" }),
        // In JSON: where to find it, or what is in it.
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

fn is_above(one: Option<&Number>, other: Option<&Number>) -> bool {
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

const MAX_NAME_LEN: usize = 128;
const MAX_OPTIONS: usize = 1000;
