//! A payload that fits: for whoever wants to try an endpoint and has nothing to send.

use serde_json::{Map, Value, json};

use super::{ContractDefinition, Input, InputType, KeyPath};

impl ContractDefinition {
    /// Members that fit every input, and a value at `key`.
    ///
    /// A schema, a pattern and narrow bounds can ask for what nobody can make up: such a payload is refused,
    /// and the refusal says why.
    pub fn sample(contract: Option<&Self>, key: Option<&KeyPath>) -> Map<String, Value> {
        let inputs = contract.into_iter().flat_map(|it| &it.inputs);
        let mut sample: Map<String, Value> = inputs
            .map(|input| (input.name.to_string(), input.sample()))
            .collect();
        if let Some(key) = key {
            put(&mut sample, &key.names().collect::<Vec<_>>());
        }
        sample
    }
}

impl Input {
    fn sample(&self) -> Value {
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
                let item = of_type(self.items.unwrap_or(InputType::Text));
                vec![item; length(self.min_length)].into()
            }
            InputType::Text => {
                let least = length(self.min_length);
                let most = self
                    .max_length
                    .map_or(usize::MAX, |most| length(Some(most)));
                let text = SAMPLE.chars().cycle();
                let wanted = SAMPLE.len().min(most).max(least);
                Value::String(text.take(wanted).collect())
            }
            kind => of_type(kind),
        }
    }
}

fn of_type(kind: InputType) -> Value {
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

/// A declared length, as far as anybody wants to see so much.
fn length(declared: Option<u32>) -> usize {
    usize::try_from(declared.unwrap_or(0).min(MOST)).unwrap_or(0)
}

/// Puts a value at a path, unless there is one; over what is no object it goes no further.
fn put(object: &mut Map<String, Value>, names: &[&str]) {
    let Some((first, rest)) = names.split_first() else {
        return;
    };
    if rest.is_empty() {
        object.entry(*first).or_insert_with(|| SAMPLE.into());
        return;
    }
    let inner = object.entry(*first).or_insert_with(|| json!({}));
    if let Value::Object(inner) = inner {
        put(inner, rest);
    }
}

const SAMPLE: &str = "sample";
const MOST: u32 = 10_000;
